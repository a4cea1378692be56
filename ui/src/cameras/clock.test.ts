import { expect, test } from 'vitest'
import { ahead, fieldOf, momentOf, offsetOf, periodWords, shown } from './clock.ts'

test.each([[0, 'UTC'], [-7200, 'UTC+2'], [-7203, 'UTC+2'], [3600, 'UTC−1'], [12_600, 'UTC−3:30'], [-20_700, 'UTC+5:45'], [-7600, '2 h 6 min 40 s ahead of UTC'], [400, '6 min 40 s behind UTC'], [-200_000, '2 d 7 h 33 min 20 s ahead of UTC']])('to add %d s is %s', (offset_s, words) => {
  expect(ahead(offset_s)).toBe(words)
})
test.each([['+2', -7200], ['2', -7200], ['UTC+2', -7200], ['-3:30', 12_600], ['−3:30', 12_600], ['+02:00:14', -7214], ['UTC', 0], ['+0', 0], ['-0', 0], ['two', null], ['', null], ['+2:75', null]])('%j is %s s', (typed, offset_s) => {
  expect(offsetOf(typed)).toBe(offset_s)
})
test('a moment is the camera\u2019s own, whatever zone the browser is in', () => {
  const ms = Date.UTC(2026, 9, 25, 3, 0)
  expect([momentOf('2026-10-25T03:00'), fieldOf(ms), shown(ms), momentOf('')]).toEqual([ms, '2026-10-25T03:00', '25 Oct 2026 03:00', null])
  expect([periodWords({ from_ms: null, to_ms: null }), periodWords({ from_ms: ms, to_ms: null }), periodWords({ from_ms: null, to_ms: ms })]).toEqual(['always', 'from 25 Oct 2026 03:00 on', 'until 25 Oct 2026 03:00'])
})

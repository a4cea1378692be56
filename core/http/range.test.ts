import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isFresh, parseRange, rangeStillFits } from './range.ts'

test.each([
  ['bytes=0-0', 10, { start: 0, end: 0 }],
  ['bytes=0-', 10, { start: 0, end: 9 }],
  ['bytes=3-5', 10, { start: 3, end: 5 }],
  ['bytes=3-99', 10, { start: 3, end: 9 }],
  ['bytes=9-', 10, { start: 9, end: 9 }],
  ['bytes=-1', 10, { start: 9, end: 9 }],
  ['bytes=-99', 10, { start: 0, end: 9 }],
  ['BYTES=0-1', 10, { start: 0, end: 1 }],
  ['bytes=10-', 10, 'unsatisfiable'],
  ['bytes=10-12', 10, 'unsatisfiable'],
  ['bytes=-0', 10, 'unsatisfiable'],
  ['bytes=0-', 0, null], // nothing to have a part of
  ['bytes=5-3', 10, null], // not a range: as if it had not been sent
  ['bytes=-', 10, null],
  ['bytes=0-1,4-5', 10, null], // several: the whole
  ['items=0-1', 10, null],
  ['bytes=a-b', 10, null],
  ['bytes=1.5-3', 10, null],
  ['bytes= 0-1', 10, { start: 0, end: 1 }],
  ['', 10, null],
  [undefined, 10, null],
  ['bytes=99999999999999999999999-', 10, 'unsatisfiable'],
] as const)('%s of %i bytes', (header, bytes, expected) => {
  expect(parseRange(header, bytes)).toEqual(expected)
})

test('whatever is asked, a part lies within the file', () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.tuple(fc.nat(), fc.option(fc.nat())).map(([a, b]) => `bytes=${a}-${b ?? ''}`), fc.nat().map((n) => `bytes=-${n}`)), fc.nat(1 << 20), (header, bytes) => {
    const range = parseRange(header, bytes)
    if (range === null || range === 'unsatisfiable') return
    expect(range.start).toBeGreaterThanOrEqual(0)
    expect(range.end).toBeGreaterThanOrEqual(range.start)
    expect(range.end).toBeLessThan(bytes)
  }))
})

const AT = Date.parse('2026-01-02T03:04:05.678Z')
test.each([
  [undefined, true],
  ['"abc"', true],
  ['"abd"', false],
  ['W/"abc"', false],
  ['Fri, 02 Jan 2026 03:04:05 GMT', true],
  ['Fri, 02 Jan 2026 03:04:06 GMT', false],
  ['Fri, 02 Jan 2026 03:04:04 GMT', false],
  ['nonsense', false],
])('If-Range %s', (header, fits) => {
  expect(rangeStillFits(header, '"abc"', AT)).toBe(fits)
})

test.each([
  [{ 'if-none-match': '"abc"' }, true],
  [{ 'if-none-match': '"x", W/"abc"' }, true],
  [{ 'if-none-match': '*' }, true],
  [{ 'if-none-match': '"x"' }, false],
  [{ 'if-none-match': '"x"', 'if-modified-since': 'Fri, 02 Jan 2030 00:00:00 GMT' }, false],
  [{ 'if-modified-since': 'Fri, 02 Jan 2026 03:04:05 GMT' }, true],
  [{ 'if-modified-since': 'Fri, 02 Jan 2026 03:04:04 GMT' }, false],
  [{ 'if-modified-since': 'nonsense' }, false],
  [{}, false],
])('%o is fresh: %s', (headers, fresh) => {
  expect(isFresh(headers, '"abc"', AT)).toBe(fresh)
})

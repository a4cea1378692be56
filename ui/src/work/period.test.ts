import { expect, test } from 'vitest'
import { spanOf, spanWords } from './period.ts'

const at = (month: number, day: number) => new Date(new Date().getFullYear(), month - 1, day).getTime()
const day = (month: number, date: number) => `${new Date().getFullYear()}-${String(month).padStart(2, '0')}-${String(date).padStart(2, '0')}`

test('two days are the time from the first moment of one to the last of the other', () => {
  expect(spanOf({ from: day(6, 1), to: day(6, 30) })).toEqual({ from: at(6, 1), to: at(7, 1) })
  expect(spanOf({ from: day(6, 1), to: day(6, 1) })).toEqual({ from: at(6, 1), to: at(6, 2) })
  expect(spanOf({ from: day(12, 31), to: '' })).toEqual({ from: at(12, 31) })
  expect(spanOf({ from: '', to: day(6, 30) })).toEqual({ to: at(7, 1) })
  expect(spanOf({ from: '', to: '' })).toEqual({})
})

test('a last day before the first, and what is no day, is none', () => {
  expect([spanOf({ from: day(6, 2), to: day(6, 1) }), spanOf({ from: 'june', to: '' })]).toEqual([null, null])
})

test('a time is said in days', () => {
  expect([{}, { from: at(6, 1), to: at(7, 1) }, { from: at(6, 1), to: at(6, 2) }, { from: at(6, 1) }, { to: at(7, 1) }].map(spanWords))
    .toEqual(['all recordings', '1 Jun–30 Jun', '1 Jun', 'from 1 Jun', 'until 30 Jun'])
})

import { expect, test } from 'vitest'
import { ageWord, at, columnsOf, folded, rolesOf, total } from './ages.ts'
import { guardsOf } from './guards.ts'
import { reasonOf, sentence, type Group, type View } from './reasons.ts'

const group = (reason: string, goes: boolean, files: number, bytes = files * 1e9): Group => ({ reason, goes, files, bytes, wins_bytes: goes ? bytes : 0 })
const plain = (text: string) => text.replaceAll('\u202f', ' ')

test.each([
  [[], 'Nothing is stored yet.'],
  [[group('young', false, 1)], 'Nothing goes: the one file stays.'],
  [[group('young', false, 1200)], 'Nothing goes: all 1 200 files stay.'],
  [[group('steps', true, 412), group('goes', true, 38), group('kept', false, 8940)], 'A run would win 450 GB: 412 files step down, 38 go, 8 940 stay.'],
  [[group('goes', true, 1), group('kept', false, 1)], 'A run would win 1.0 GB: 1 file goes, 1 stays.'],
])('the page says first what a run would do: %#', (groups, said) => {
  expect(plain(sentence({ on: false, groups, next: '03:00' }))).toBe(said)
})

test('once it is switched on it says when, and no longer "would"', () => {
  expect(plain(sentence({ on: true, groups: [group('steps', true, 2)], next: '03:00' }))).toBe('The run at 03:00 wins 2.0 GB: 2 files step down.')
})

test('a reason that this page does not know yet is said in its own word', () => {
  expect(reasonOf('borrowed')).toEqual({ title: 'Stay: borrowed', note: '', icon: 'file' })
})

const AGES: View['ages'] = [{ week: 0, bytes: { original: 10, '720p': 1 } }, { week: 2, bytes: { original: 4, archive: 4 } }, { week: 5, bytes: { '540p': 3 } }]

test('columns have no gaps, and second copies come last', () => {
  expect(rolesOf(AGES)).toEqual(['original', '720p', '540p', 'archive'])
  expect(columnsOf(AGES, ['original', '720p', '540p'], 100).map(({ bytes }) => bytes)).toEqual([11, 0, 4, 0, 0, 3])
  expect(total(AGES, 'original')).toBe(14)
})

test('second copies are one, whatever their size', () => {
  expect(folded([{ week: 3, bytes: { original: 9, archive: 9, 'archive-720p': 2 } }])).toEqual([{ week: 3, bytes: { original: 9, archive: 11 } }])
})

test.each([1, 2, 3, 4, 5, 6, 80])('no byte is lost when a column takes several weeks: %i columns at most', (most) => {
  const columns = columnsOf(AGES, rolesOf(AGES), most)
  expect(columns.length).toBeLessThanOrEqual(most)
  expect(columns.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(22)
  expect([columns[0]!.from_week, columns.at(-1)!.to_week]).toEqual([0, 6])
})

test('a step of the ladder stands where its age is, and not at all when nothing is so old', () => {
  const columns = columnsOf(AGES, rolesOf(AGES), 80) // six weeks
  expect([at(0, columns), at(21, columns), at(42, columns), at(365, columns)]).toEqual([0, 0.5, null, null])
})

test.each([[1, '1 day'], [7, '1 week'], [14, '2 weeks'], [30, '30 days'], [90, '3 months'], [210, '7 months'], [365, '1 year'], [430, '14 months'], [548, '1½ years'], [730, '2 years']])('%i days are %s', (days, said) => {
  expect(ageWord(days)).toBe(said)
})

const volume = (name: string, over: object = {}) => ({ name, mounted: true, files: 1000, there: 1000, going: 20, why: null, beside: [], bytes_free: 1, bytes_total: 2, ...over })

test('every guard is met, or says what is not', () => {
  const well = guardsOf({ volumes: [volume('media'), volume('archive', { going: 0 })], groups: [group('kept', false, 3), group('locked', false, 2)], most_part: 0.05 })
  expect(well.map(({ met, figure }) => [met, plain(figure)])).toEqual([[true, 'markers read'], [true, '2 000 of 2 000'], [true, 'all that count'], [true, '2 % of at most 5 %'], [true, '5 files']])
  const ill = guardsOf({ volumes: [volume('media', { there: 990 }), volume('archive', { mounted: false, there: 0 })], groups: [group('away', false, 1)], most_part: 0.005 })
  expect(ill.map(({ met, figure }) => [met, plain(figure)])).toEqual([[false, 'archive away'], [false, '10 files not found'], [false, '1 file waits for it'], [false, '2 % of at most 1 %'], [true, '0 files']])
})

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ConditionError, holds, parseCondition } from './condition.ts'

const RECORD = { camera: 'Van', duration_s: 61, media_kind: 'video', name: 'DR_0042.MP4', media: { bytes: 100 }, plates: 0, width_px: null, tags: ['locked', 'parking'], audio: true }
const is = (text: string) => holds(parseCondition(text), RECORD)

test('reads as it is written', () => {
  const expected: Record<string, boolean> = {
    'camera is van': true, 'camera is Car': false, 'camera is not Car': true, 'camera = "Van"': true, 'camera != Van': false,
    'duration_s > 60': true, 'duration_s >= 61': true, 'duration_s < 61': false, 'duration_s <= 61': true, 'duration_s is 61': true, 'plates is 0': true,
    'media.bytes > 99': true, 'media.bytes.more exists': false, 'name starts with dr_': true, 'name ends with .mp4': true, 'name contains 004': true,
    'tags contains locked': true, 'tags contains lock': false, 'audio is true': true,
    'camera is one of Car, Van': true, 'camera is one of Car, "My Van"': false,
    'width_px is missing': true, 'width_px exists': false, 'width_px > 0': false, 'width_px is not 3': true, 'gone is 1': false,
    'camera is Car or camera is Van and duration_s > 100': false, '(camera is Car or camera is Van) and duration_s > 60': true,
    'not camera is Car': true, 'not (camera is Van and duration_s > 60)': false, 'camera is "is" or camera is Van': true,
  }
  expect(Object.fromEntries(Object.keys(expected).map((text) => [text, is(text)]))).toEqual(expected)
})

test('a value is a number where the field is one, and nowhere else', () => {
  const is = (text: string, record: Record<string, unknown>) => holds(parseCondition(text), record)
  expect([is('plate is 12E4567', { plate: '12E4567' }), is('plate is 1E5', { plate: '1e5' }), is('plate is 1E5', { plate: '100000' })]).toEqual([true, true, false])
  expect([is('name starts with 0012', { name: '0012_clip' }), is('name contains 0012', { name: 'x12y' }), is('name is one of 007, 0815', { name: '0815' })]).toEqual([true, false, true])
  expect([is('n is 007', { n: 7 }), is('n is one of 1, 7.0', { n: 7 }), is('n > "6"', { n: 7 }), is('n is seven', { n: 7 })]).toEqual([true, true, true, false])
  expect([is('name is Hi!', { name: 'hi!' }), is('name != Hi', { name: 'hi!' })]).toEqual([true, true])
  expect(() => parseCondition('start_ms > 2026-01-01')).toThrow(new ConditionError('> compares numbers, and “2026-01-01” is none'))
})

test('what cannot be read is said with the place', () => {
  const wrong: Record<string, string> = {
    '': 'the condition is empty', 'camera': 'after “camera” something like is, >, contains or exists is missing at the end',
    'camera is': 'a value is missing at the end', 'camera is Van duration_s > 3': '“and” or “or” is missing at “duration_s”',
    '(camera is Van': 'a closing bracket is missing at the end', 'camera is "Van': 'a quote is not closed at “"Van”', '> 3': 'the name of a field is missing at “>”',
  }
  for (const [text, message] of Object.entries(wrong)) expect(() => parseCondition(text)).toThrow(new ConditionError(message))
})

test('whatever is typed either reads or is refused in words; whatever is quoted is found again', () => {
  fc.assert(fc.property(fc.string(), (text) => {
    try {
      holds(parseCondition(text), RECORD)
    } catch (error) {
      expect(error).toBeInstanceOf(ConditionError)
    }
  }))
  fc.assert(fc.property(fc.string(), (value) => {
    expect(holds(parseCondition(`it is "${value.replaceAll(/["\\]/g, '\\$&')}"`), { it: value })).toBe(true)
  }))
})

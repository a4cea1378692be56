import { expect, test } from 'vitest'
import type { Reading } from './reading.ts'
import { photoPlates, plates, textDistance, type Look } from './tracks.ts'

const WIDTH_PX = 1280
const HEIGHT_PX = 720

const read = (text: string, score: number, x = 600, y = 400, raw = text, ...others: [string, number][]): Reading => ({
  box: { x, y, width: 120, height: 36, angle_rad: 0, sureness: 0.9 }, raw,
  candidates: [{ text, score }, ...others.map(([other, less]) => ({ text: other, score: less }))],
})

const clip = (...frames: readonly (readonly Reading[])[]): Look[] =>
  frames.map((readings, frame) => ({ frame, at_s: frame / 2, width_px: WIDTH_PX, height_px: HEIGHT_PX, readings }))

const texts = (looks: readonly Look[]) => plates(looks).map((plate) => plate.text)

test('frames that agree are one sighting, shown at its surest frame', () => {
  const found = plates(clip([read('ABC1234', -1.5)], [read('ABC1234', -0.5, 620)], [read('ABC1234', -1, 640)]))
  expect(found).toHaveLength(1)
  expect(found[0]).toMatchObject({ text: 'ABC1234', from_s: 0, to_s: 1 })
  expect(found[0]!.best.look.at_s).toBe(0.5)
  expect(found[0]!.agreeing).toHaveLength(3)
})

test('one misreading among good ones is outvoted and does not become a sighting', () => {
  expect(texts(clip([read('ABC1234', -1)], [read('A8C1234', -0.9)], [read('ABC1234', -1)], [read('ABC1234', -1)]))).toEqual(['ABC1234'])
})

test('candidates of several frames decide together', () => {
  const looks = clip(
    [read('DUH9191', -1.9, 600, 400, 'OUH-9191', ['OUH9191', -2])],
    [read('OUH9191', -1.2, 600, 400, 'OUH-9191', ['DUH9191', -3])],
    [read('OUH9191', -1.2, 600, 400, 'OUH-9191', ['DUH9191', -3])],
  )
  expect(texts(looks)).toEqual(['OUH9191'])
})

test('a single reading must be very sure', () => {
  expect(texts(clip([], [read('ABC1234', -0.5)], []))).toEqual(['ABC1234'])
  expect(texts(clip([], [read('ABC1234', -2.5)], []))).toEqual([])
})

test('readings that never agree are no plate', () => {
  expect(texts(clip([read('ABC1234', -3)], [read('AB81Z34', -3)], [read('4BC1Z3A', -3)]))).toEqual([])
})

test('a plate that is missed for a frame is still one sighting', () => {
  const found = plates(clip([read('ABC1234', -1)], [], [read('ABC1234', -1)], [], [read('ABC1234', -1)]))
  expect(found).toHaveLength(1)
  expect(found[0]!.to_s).toBe(2)
})

test('two plates in one picture are two sightings', () => {
  const both = [read('ABC1234', -1, 300), read('XYZ9876', -1, 900)]
  expect(texts(clip(both, both, both)).sort()).toEqual(['ABC1234', 'XYZ9876'])
})

test('another plate at the same place after a cut is another sighting', () => {
  expect(texts(clip([read('PJJ1406', -1)], [read('PJJ1406', -1)], [read('JST2699', -1)], [read('JST2699', -1)]))).toEqual(['PJJ1406', 'JST2699'])
})

test('plates of one company that follow each other at one place stay two', () => {
  const [a, b] = [read('RK959AF', -0.6), read('RK959AD', -0.6)]
  expect(texts(clip([a], [a], [a], [b], [b], [b]))).toEqual(['RK959AF', 'RK959AD'])
})

test('a box that is too narrow cuts a character off: the whole plate is kept', () => {
  const [whole, cut] = [read('ABC1234', -1), read('BC1234', -0.8)]
  expect(texts(clip([cut], [whole], [cut], [whole], [cut]))).toEqual(['ABC1234'])
})

test('a plate may have a colon between its groups', () => {
  const plate = read('1B25790', -1, 600, 400, '1B2:5790')
  expect(texts(clip([plate], [plate], [plate]))).toEqual(['1B25790'])
})

test('the same plate long after is seen again', () => {
  const empty = Array.from({ length: 40 }, () => [])
  expect(texts(clip([read('ABC1234', -1)], [read('ABC1234', -1)], ...empty, [read('ABC1234', -1)], [read('ABC1234', -1)]))).toEqual(['ABC1234', 'ABC1234'])
})

test('a passing plate is followed across the picture', () => {
  const found = plates(clip([read('ABC1234', -1, 200)], [read('ABC1234', -1, 600)], [read('ABC1234', -1, 1000)]))
  expect(found).toHaveLength(1)
})

test('the speed and the date that a camera burns in are not plates', () => {
  const frame = (second: number) => [
    read(`2O24O11${second}`, -0.5, 200, 700, `2024/01/1${second}`),
    read(`12KMH${second}`, -0.5, 1000, 700, `12${second} km/h`),
    read(`12034${second}`, -0.5, 600, 20, `12034${second}`),
  ]
  expect(texts(clip(frame(1), frame(2), frame(3), frame(4)))).toEqual([])
})

test('a camera name that stands still at the rim is not a plate; a plate that moves there is', () => {
  const name = read('A129PRO', -0.5, 150, 690)
  expect(texts(clip([name], [name], [name], [name]))).toEqual([])
  expect(texts(clip([read('A129PRO', -0.5, 150, 690)], [read('A129PRO', -0.5, 190, 680)], [read('A129PRO', -0.5, 240, 670)]))).toEqual(['A129PRO'])
})

test('words and numbers are not plates in a clip', () => {
  const frame = [read('EXPRESS', -0.5, 300), read('1234567', -0.5, 900)]
  expect(texts(clip(frame, frame, frame))).toEqual([])
})

test('a photo gives each plate that is sure enough, best first, without its time stamp', () => {
  const [look] = clip([read('ABC1234', -2), read('XYZ9876', -1, 900), read('QQQ1111', -6, 100), read('2O14O51', -1, 600, 700, '2014-05-14')])
  expect(photoPlates({ ...look!, readings: look!.readings.toSorted((a, b) => b.candidates[0]!.score - a.candidates[0]!.score) }).map((plate) => plate.text)).toEqual(['XYZ9876', 'ABC1234'])
})

test('text distance counts changes, insertions and deletions', () => {
  expect(textDistance('ABC1234', 'ABC1234')).toBe(0)
  expect(textDistance('ABC1234', 'AC1234')).toBe(1)
  expect(textDistance('ABC1234', 'XABC1235')).toBe(2)
  expect(textDistance('', 'ABC')).toBe(3)
})

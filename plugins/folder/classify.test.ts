import { expect, test } from 'vitest'
import { classify, type Entry } from './classify.ts'
import type { Content } from './content.ts'
import { unstable_ms, type Seen } from './stable.ts'

const entry = (path: string, content: Content = 'media', bytes = 1): Entry => ({ path, bytes, mtime_ms: 0, content })
const told = (...entries: Entry[]) => classify(entries).takes.map((t) => [t.entry.path, ...t.sidecars.map((s) => `${s.format} ${s.entry.path}`)])

test('a log of the same name belongs to its clip alone', () => {
  expect(told(entry('a/clip.MP4'), entry('a/clip.nmea', 'nmea'), entry('b/clip.nmea', 'nmea'))).toEqual([['a/clip.MP4', 'nmea a/clip.nmea'], ['b/clip.nmea']])
})

test("BlackVue's one log goes beside front and rear", () => {
  expect(told(entry('Record/20260718_070331_N.gps', 'nmea'), entry('Record/20260718_070331_NF.mp4'), entry('Record/20260718_070331_NR.mp4'), entry('Record/20260718_070431_NF.mp4'))).toEqual([
    ['Record/20260718_070331_NF.mp4', 'nmea Record/20260718_070331_N.gps'], ['Record/20260718_070331_NR.mp4', 'nmea Record/20260718_070331_N.gps'], ['Record/20260718_070431_NF.mp4'],
  ])
})

test("70mai's log goes beside each of its card's clips, and is taken itself", () => {
  expect(told(entry('card/GPSData000001.txt', '70mai'), entry('card/Normal/Front/NO20260101-120000-000001F.MP4'), entry('card/Normal/Back/NO20260101-120000-000001B.MP4'), entry('card/DCIM/other.mp4'), entry('card2/Normal/Front/NO20260101-120000-000001F.MP4'))).toEqual([
    ['card/DCIM/other.mp4'], ['card/GPSData000001.txt'],
    ['card/Normal/Back/NO20260101-120000-000001B.MP4', '70mai card/GPSData000001.txt'], ['card/Normal/Front/NO20260101-120000-000001F.MP4', '70mai card/GPSData000001.txt'],
    ['card2/Normal/Front/NO20260101-120000-000001F.MP4'],
  ])
})

test("Kaiser Baas' log of a day goes beside that day's clips", () => {
  expect(told(entry('kb/gps/20240112.dat', 'kaiserbaas'), entry('kb/DCIM/100video/20240112181119_180.MP4'), entry('kb/DCIM/100video/20240113181119_180.MP4'))).toEqual([
    ['kb/DCIM/100video/20240112181119_180.MP4', 'kaiserbaas kb/gps/20240112.dat'], ['kb/DCIM/100video/20240113181119_180.MP4'], ['kb/gps/20240112.dat'],
  ])
})

test('a photo is no clip: a log of its name is taken for itself', () => {
  expect(told(entry('a.jpg'), entry('a.gpx', 'gpx'))).toEqual([['a.gpx'], ['a.jpg']])
})

test('empty and unknown files are refused with a word, ignored ones are not mentioned', () => {
  const { takes, refusals } = classify([entry('a.mp4', 'media', 0), entry('b.bin', 'unknown'), entry('c.xml', 'ignored'), entry('d.mp4')])
  expect(takes.map((t) => t.entry.path)).toEqual(['d.mp4'])
  expect(refusals.map((r) => [r.entry.path, r.code])).toEqual([['a.mp4', 'clip/empty'], ['b.bin', 'clip/unsupported']])
  for (const { message } of refusals) expect(message).toMatch(/^[A-Z].*\.$/)
})

test('the camera is the card, or the inbox itself', () => {
  expect(classify([entry('DCIM/a.mp4'), entry('my card/DCIM/100GOPRO/a.mp4'), entry('z.mp4')]).takes.map((t) => t.camera)).toEqual([null, 'my card', null])
})

test('a file is whole when it rested long enough', () => {
  const seen: Seen = new Map()
  const file = { ...entry('a.mp4'), mtime_ms: 1_000_000 }
  expect(unstable_ms(file, seen, false, 5, 1_000_000)).toBe(5000)
  expect(unstable_ms(file, seen, false, 5, 1_003_000)).toBe(2000)
  expect(unstable_ms({ ...file, bytes: 2 }, seen, false, 5, 1_004_000)).toBe(5000) // it grew
  expect(unstable_ms({ ...file, bytes: 2 }, seen, false, 5, 1_009_000)).toBe(0)
})

test('in a folder taken once an old time is enough; in a watched one it is not, for a copy may set it first', () => {
  expect(unstable_ms({ ...entry('a.mp4'), mtime_ms: 0 }, new Map(), true, 5, 1_000_000)).toBe(0)
  expect(unstable_ms({ ...entry('a.mp4'), mtime_ms: 0 }, new Map(), false, 5, 1_000_000)).toBe(5000)
})

test('a time in the future does not keep a file waiting for ever', () => {
  const seen: Seen = new Map()
  const file = { ...entry('a.mp4'), mtime_ms: 9e12 }
  expect(unstable_ms(file, seen, true, 5, 1_000_000)).toBe(5000)
  expect(unstable_ms(file, seen, true, 5, 1_005_000)).toBe(0)
})

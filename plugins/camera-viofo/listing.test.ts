import { existsSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Fault } from '../../core/contract/fault.ts'
import { content } from '../camera/testing/serve.ts'
import { isHeartbeat, readHtml, readRecording, readXml } from './listing.ts'
import { listing } from './testing/fake.ts'

const DATA = new URL('../../../shared/data/A_dashcam/listing/', import.meta.url).pathname
const recorded = (name: string) => readFileSync(DATA + name, 'utf8')
const faultOf = (read: () => unknown) => {
  try {
    read()
    return 'no fault'
  } catch (e) {
    return e instanceof Fault ? e.code : e
  }
}

describe.skipIf(!existsSync(DATA))('recorded replies (need ../shared/data)', () => {
  test('a locked parking clip of a A229 Pro', () => {
    expect(readXml(recorded('viofo_a229pro_3015_documented.xml'))).toEqual([
      { name: '2025_1224_120324_000002PF.MP4', path: '/DCIM/Movie/RO/2025_1224_120324_000002PF.MP4', bytes: 132120576, time: '2025-12-24T12:04', channel: 'front', event: 'locked', beside: [] },
    ])
  })
  test('another maker’s folder and name', () => {
    expect(readXml(recorded('novatek_carwa7053_3015_observed.xml'))).toEqual([
      { name: '20260917174742_000001.MP4', path: '/Novatek/MOVIE/20260917174742_000001.MP4', bytes: 83398596, time: '2026-09-17T17:48', channel: 'unknown', event: 'normal', beside: [] },
    ])
  })
  test('two lenses, eighty clips', () => {
    const clips = readXml(recorded('synthetic_a229_2ch_80.xml'))
    const count = (of: (clip: (typeof clips)[number]) => string) => Object.fromEntries([...Map.groupBy(clips, of)].map(([key, some]) => [key, some.length]).sort())
    expect(clips.length).toBe(80)
    expect(count((clip) => clip.channel)).toEqual({ front: 40, rear: 40 })
    expect(count((clip) => clip.event).locked).toBe(4)
    expect(clips[0]).toEqual({ name: '2026_0302_074112_000001PF.MP4', path: '/DCIM/Movie/Parking/2026_0302_074112_000001PF.MP4', bytes: 59256047, time: '2026-03-02T07:42', channel: 'front', event: 'parking', beside: [] })
  })
  test('the folders’ pages name the same clips with the same times; rounded sizes are none', () => {
    const pages = ['Movie', 'Movie_Parking', 'Movie_RO'].flatMap((name) => readHtml(recorded(`synthetic_a229_${name}.html`)))
    const bare = (clips: readonly { path: string; time: string | null; channel: string; event: string }[]) => clips.map(({ path, time, channel, event }) => `${path} ${time} ${channel} ${event}`).sort()
    expect(bare(pages)).toEqual(bare(readXml(recorded('synthetic_a229_2ch_80.xml'))))
    expect(new Set(pages.map((clip) => clip.bytes))).toEqual(new Set([null]))
  })
  test('a page with whole sizes, times without seconds, sounds and a way up', () => {
    expect(readHtml(recorded('novatek_html_index.html'))).toEqual([
      { name: '20260101120000.MP4', path: '/DCIM/MOVIE/20260101120000.MP4', bytes: 12582912, time: '2026-01-01T12:00', channel: 'unknown', event: 'normal', mayBeLocked: true, beside: [] },
      { name: '20260101120200.MP4', path: '/DCIM/MOVIE/20260101120200.MP4', bytes: 20971520, time: '2026-01-01T12:02', channel: 'unknown', event: 'normal', mayBeLocked: true, beside: [] },
    ])
  })
  test('a heartbeat', () => {
    expect(isHeartbeat(recorded('viofo_3016_heartbeat.xml'))).toBe(true)
    expect(isHeartbeat('<html>router</html>')).toBe(false)
  })
})

test('four lenses, and what the clock’s number says is not looked at', () => {
  const card = new Map(['F', 'R', 'T', 'I', 'PI'].map((lens, i) => [`/DCIM/Movie/2026_0302_074112_00000${i}${lens}.MP4`, { content: content(1, 10), time: '2026/03/02 07:42:12' }]))
  const text = listing(card)
  expect(readXml(text).map(({ channel, event }) => [channel, event])).toEqual([['front', 'normal'], ['rear', 'normal'], ['telephoto', 'normal'], ['interior', 'normal'], ['interior', 'parking']])
  expect(readXml(text.replaceAll(/<TIMECODE>\d+/g, '<TIMECODE>0'))).toEqual(readXml(text))
})

test('whether it records: the state of command 2001, however the others are wrapped', () => {
  const reply = (state: string) => `<Function>\n<Cmd>2003</Cmd>\n<Status>1</Status>\n<Function>\n<Cmd>2005</Cmd>\n<Status>0</Status>\n<String>6,6</String>\n</Function>${state}<Cmd>2006</Cmd>\n<Status>1</Status>\n</Function>`
  expect(readRecording(reply('<Cmd>2001</Cmd>\n<Status>1</Status>\n'))).toBe(true)
  expect(readRecording(reply('<Cmd>2001</Cmd>\n<Status>0</Status>\n'))).toBe(false)
  expect(readRecording(reply(''))).toBe(null)
})

test('a list that broke off is none, an empty one is empty, a page in its place is refused', () => {
  const text = listing(new Map([['/DCIM/Movie/2026_0302_074112_000001F.MP4', { content: content(1, 10), time: '2026/03/02 07:42:12' }]]))
  for (const at of [text.indexOf('<NAME>'), text.length - 9, text.indexOf('</File>')]) expect(faultOf(() => readXml(text.slice(0, at)))).toBe('camera/invalid')
  expect(readXml('<LIST>\n</LIST>')).toEqual([])
  expect(faultOf(() => readXml('<html></html>'))).toBe('camera/invalid')
  expect(faultOf(() => readHtml('404'))).toBe('camera/invalid')
})

test('a page of a folder tells a lock by the folder alone: what lies in another one may be locked', () => {
  const row = (path: string) => `<tr><td><a href="${path}"><b>x</b></a><td align=right> 1.00 MB<td align=right>2026/03/02 07:42:12`
  expect(readHtml(`<html><table>${row('/DCIM/Movie/RO/2026_0302_074112_000001F.MP4')}${row('/DCIM/Movie/2026_0302_074212_000002F.MP4')}</table></html>`).map(({ event, mayBeLocked }) => [event, mayBeLocked])).toEqual([['locked', undefined], ['normal', true]])
})

test('whatever names come, none leads out of its folder and nothing but a Fault is thrown', () => {
  const hostile = fc.oneof(fc.string(), fc.constantFrom('..\\..\\etc\\x.MP4', 'A:\\DCIM\\..\\..\\x.MP4', '/DCIM/Movie/a/../b.MP4', 'x.MP4'))
  fc.assert(fc.property(hostile, hostile, fc.string(), (path, name, size) => {
    const xml = `<LIST><ALLFile><File><NAME>${name}</NAME><FPATH>${path}</FPATH><SIZE>${size}</SIZE></File></ALLFile></LIST>`
    const html = `<html><table><tr><td><a href="${path}"><b>${name}</b></a><td>${size}</table></html>`
    for (const read of [() => readXml(xml), () => readHtml(html)]) {
      try {
        for (const clip of read()) expect(clip.name + clip.path).not.toMatch(/\.\.|[\0\\ ]/)
      } catch (e) {
        if (!(e instanceof Fault)) throw e
      }
    }
  }), { numRuns: 500 })
})

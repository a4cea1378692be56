import { existsSync, readFileSync } from 'node:fs'
import { request } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { content, fixed } from '../../camera/testing/serve.ts'
import { fakeViofo, listing, type CardFile, type FakeViofo } from './fake.ts'

const RECORDED = new URL('../../../../shared/data/A_dashcam/listing/', import.meta.url).pathname

let camera: FakeViofo
afterEach(() => camera?.off())

const ask = (path: string, range?: string) => new Promise<{ status: number; body: Buffer; headers: Record<string, unknown>; whole: boolean }>((done, fail) => {
  request(`http://${camera.address}${path}`, { headers: range ? { range } : {}, agent: false }, (answer) => {
    const parts: Buffer[] = []
    answer.on('data', (part: Buffer) => parts.push(part))
    answer.on('error', () => undefined)
    answer.on('close', () => done({ status: answer.statusCode!, body: Buffer.concat(parts), headers: answer.headers, whole: answer.complete }))
  }).on('error', fail).end()
})

test.skipIf(!existsSync(RECORDED))('its listing is the recorded one, byte for byte but for TIMECODE (needs ../shared/data)', () => {
  const recorded = readFileSync(`${RECORDED}synthetic_a229_2ch_80.xml`, 'utf8')
  const card = new Map<string, CardFile>()
  for (const [, path, size, time, attr] of recorded.matchAll(/<FPATH>A:(.*?)<\/FPATH>\s*<SIZE>(\d+)<\/SIZE>\s*<TIMECODE>\d+<\/TIMECODE>\s*<TIME>(.*?)<\/TIME>\s*<ATTR>(\d+)/g))
    card.set(path!.replaceAll('\\', '/'), { content: content(1, Number(size)), time: time!, attr: Number(attr) as 32 | 33 })
  const without = (text: string) => text.replaceAll(/<TIMECODE>\d+/g, '<TIMECODE>')
  expect(card.size).toBe(80)
  expect(without(listing(card))).toBe(without(recorded))
})

test('it sends what it was given, by range, and in every wrong way it is told', async () => {
  const path = '/DCIM/Movie/2026_0302_074212_000002F.MP4'
  const bytes = fixed(Buffer.from('0123456789'))
  camera = await fakeViofo([[path, { content: bytes, time: '2026/03/02 07:43:12' }]])
  expect((await ask(path)).body.toString()).toBe('0123456789')
  expect(await ask(path, 'bytes=4-')).toMatchObject({ status: 206, body: Buffer.from('456789'), headers: { 'content-range': 'bytes 4-9/10' } })
  expect((await ask(path, 'bytes=10-')).status).toBe(416)
  camera.trouble = () => ({ kind: 'cut', after: 3 })
  expect(await ask(path, 'bytes=4-')).toMatchObject({ status: 206, body: Buffer.from('456'), whole: false })
  camera.trouble = () => ({ kind: 'whole' })
  expect(await ask(path, 'bytes=4-')).toMatchObject({ status: 200, body: Buffer.from('0123456789') })
  camera.trouble = () => ({ kind: 'elsewhere', by: -2 })
  expect(await ask(path, 'bytes=4-')).toMatchObject({ body: Buffer.from('23456789'), headers: { 'content-range': 'bytes 2-9/10' } })
  camera.trouble = () => ({ kind: 'lies', by: 2 })
  expect(await ask(path, 'bytes=4-')).toMatchObject({ body: Buffer.from('6789'), headers: { 'content-range': 'bytes 4-7/10' } })
  camera.trouble = () => ({ kind: 'claims', bytes: 20 })
  expect(await ask(path)).toMatchObject({ body: Buffer.from('0123456789'), headers: { 'content-length': '20' }, whole: false })
  expect(camera.served.map(({ from, sent }) => [from, sent])).toEqual([[0, 10], [4, 6], [4, 3], [0, 10], [2, 8], [6, 4], [0, 10]])
  await camera.off()
  await expect(ask(path)).rejects.toThrow()
})

test('a third connection is reset', async () => {
  camera = await fakeViofo([['/DCIM/a.MP4', { content: content(1, 1000), time: '2026/03/02 07:43:12' }]])
  camera.trouble = () => ({ kind: 'stall', after: 10 })
  const two = [ask('/DCIM/a.MP4'), ask('/DCIM/a.MP4')]
  while (camera.served.length < 2) await new Promise(setImmediate)
  await expect(ask('/DCIM/a.MP4')).rejects.toThrow()
  expect([camera.refused, camera.most_open]).toEqual([1, 2])
  await camera.off()
  await Promise.all(two)
})

test('content is the same however it is cut, and differs by place and seed', () => {
  const clip = content(7, 3_000_000)
  const whole = clip.read(0, clip.bytes)
  for (const [at, length] of [[0, 5], [510, 7], [1_048_570, 20], [2_999_990, 50], [513, 100_000]] as const) expect(clip.read(at, length).equals(whole.subarray(at, at + length))).toBe(true)
  expect(content(8, 3_000_000).read(0, clip.bytes).equals(whole)).toBe(false)
  expect(whole.subarray(0, 1024).equals(whole.subarray(1 << 20, (1 << 20) + 1024))).toBe(false)
})

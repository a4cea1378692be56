import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Fault } from '../contract/fault.ts'
import { openSent, type Sent } from './sent.ts'

const MODIFIED_MS = Date.UTC(2026, 2, 2, 7, 43)
const digestOf = (text: string) => createHash('sha256').update(text).digest('hex')

let dir: string
let sent: Sent
let known: Set<string>
let back: Map<string, () => string> // what its volume gives back, by digest; as it was, unless it says otherwise
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sent-'))
  known = new Set()
  back = new Map()
  sent = openSent(dir, {
    original: async (sha256) => (known.has(sha256) ? { volume: 'media', path: 'raw/a.MP4', bytes: 1, sha256 } : null),
    readBack: async ({ sha256 }) => back.get(sha256)?.() ?? sha256,
  })
})
afterEach(() => rm(dir, { recursive: true, force: true }))

async function send(path: string, text: string): Promise<string> {
  const name = digestOf(path)
  await mkdir(dirname(join(dir, path)), { recursive: true })
  await writeFile(join(dir, path), text)
  await utimes(join(dir, path), new Date(), new Date(MODIFIED_MS))
  await sent.note(name, { path, bytes: text.length, modified_ms: MODIFIED_MS, sha256: digestOf(text) })
  return name
}
const lying = async () => (await readdir(dir, { recursive: true, withFileTypes: true })).map((one) => join(one.parentPath, one.name).slice(dir.length + 1)).filter((path) => !path.startsWith('.sent')).sort()

test('what the library has and gives back is cleared from the inbox, with the folders that it leaves empty, and counts as sent', async () => {
  const name = await send('card/DCIM/a.MP4', 'a drive')
  await writeFile(join(dir, 'card/mine.txt'), 'put here by hand')
  await sent.letGo(Date.now())
  expect([await lying(), await sent.isIn(name)]).toEqual([['card', 'card/DCIM', 'card/DCIM/a.MP4', 'card/mine.txt'], false])
  known.add(digestOf('a drive'))
  await sent.letGo(Date.now())
  expect([await lying(), await sent.isIn(name)]).toEqual([['card', 'card/mine.txt'], true])
  await sent.letGo(Date.now())
  expect(await lying()).toEqual(['card', 'card/mine.txt'])
})

test.each<[string, () => string]>([
  ['reads back otherwise', () => digestOf('rot')],
  ['is on a disk that is away', () => { throw new Fault('media/unmounted', 'its disk is away') }],
  ['is on a disk that fails', () => { throw Object.assign(new Error('i/o error'), { code: 'EIO' }) }],
])('what the library has but %s stays in the inbox', async (_why, answer) => {
  await send('a.MP4', 'a drive')
  known.add(digestOf('a drive'))
  back.set(digestOf('a drive'), answer)
  await sent.letGo(Date.now())
  expect(await lying()).toEqual(['a.MP4'])
})

test('what somebody wrote in its place since then is theirs', async () => {
  await send('a.MP4', 'a drive')
  await send('b.MP4', 'another')
  for (const text of ['a drive', 'another']) known.add(digestOf(text))
  await writeFile(join(dir, 'a.MP4'), 'longer than what was sent')
  await writeFile(join(dir, 'b.MP4'), 'anothex')
  await utimes(join(dir, 'b.MP4'), new Date(), new Date(MODIFIED_MS))
  await sent.letGo(Date.now())
  expect(await lying()).toEqual(['a.MP4', 'b.MP4'])
})

test('it is remembered for a year; a note that is none is passed over', async () => {
  const name = await send('a.MP4', 'a drive')
  known.add(digestOf('a drive'))
  await writeFile(join(dir, '.sent', 'torn.json'), '{"path":')
  await sent.letGo(Date.now() + 360 * 86_400_000)
  expect(await sent.isIn(name)).toBe(true)
  await sent.letGo(Date.now() + 366 * 86_400_000)
  expect([await sent.isIn(name), await readdir(join(dir, '.sent'))]).toEqual([false, []])
})

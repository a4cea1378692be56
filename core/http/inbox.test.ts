import { createHash, randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { MediaRef } from '../contract/media.ts'
import { openSent } from '../store/sent.ts'
import { clearAbandoned, inbox } from './inbox.ts'
import { openTestDoor, type TestDoor } from './testing.ts'

const MODIFIED = Date.UTC(2026, 2, 2, 7, 43)
const clip = randomBytes(700_000)
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

let dir: string
let door: TestDoor
let library: Map<string, MediaRef>
const sent = () => openSent(dir, { original: async (digest) => library.get(digest) ?? null, readBack: async ({ sha256 }) => sha256 })
beforeEach(async () => {
  library = new Map()
  dir = await mkdtemp(join(tmpdir(), 'inbox-'))
  door = await openTestDoor({ routers: [inbox(dir, sent())] })
})
afterEach(async () => {
  await door.close()
  await rm(dir, { recursive: true })
})

const url = (path: string, length = clip.length, modified = MODIFIED) => `${door.url}/api/inbox/${path.split('/').map(encodeURIComponent).join('/')}?length=${length}&modified=${modified}`
const head = async (path: string, length?: number) => Number((await fetch(url(path, length), { method: 'HEAD', headers: door.bearer('operator') })).headers.get('upload-offset'))
const send = (path: string, from = 0, bytes = clip, whole = bytes.length, headers = {}) =>
  fetch(url(path, whole), { method: 'PATCH', headers: { ...door.bearer('operator'), 'upload-offset': String(from), 'upload-length': String(whole), ...headers }, body: new Uint8Array(bytes.subarray(from)) })
const lies = async () => (await readdir(dir, { recursive: true, withFileTypes: true })).filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name).slice(dir.length + 1)).filter((path) => !path.startsWith('.sent/')).sort()

describe('a file from a browser', () => {
  test('lies in the inbox when it is whole, under the folder that was dropped, with its own date', async () => {
    expect(await head('card/DCIM/Movie/a.MP4')).toBe(0)
    const answer = await send('card/DCIM/Movie/a.MP4')
    expect(await answer.json()).toEqual({ path: 'card/DCIM/Movie/a.MP4', bytes: clip.length, sha256: sha256(clip) })
    expect(await lies()).toEqual(['card/DCIM/Movie/a.MP4'])
    expect(sha256(await readFile(join(dir, 'card/DCIM/Movie/a.MP4')))).toBe(sha256(clip))
    expect((await stat(join(dir, 'card/DCIM/Movie/a.MP4'))).mtimeMs).toBe(MODIFIED)
    expect(await head('card/DCIM/Movie/a.MP4')).toBe(clip.length) // it is not sent again
  })

  test('goes on where it broke off, also when the appliance was started again; until then the watcher sees nothing of it', async () => {
    await new Promise<void>((gone) => {
      const sending = request(url('a.MP4'), { method: 'PATCH', headers: { ...door.bearer('operator'), 'upload-offset': '0', 'upload-length': String(clip.length), 'content-length': String(clip.length) } })
      sending.on('error', () => undefined).on('close', () => gone())
      sending.write(clip.subarray(0, 300_000), () => setTimeout(() => sending.destroy(), 200))
    })
    await expect.poll(() => head('a.MP4')).toBe(300_000)
    expect((await lies()).every((path) => path.startsWith('.uploads/'))).toBe(true)
    await door.close()
    door = await openTestDoor({ routers: [inbox(dir, sent())] })
    expect(await head('a.MP4')).toBe(300_000)
    expect((await send('a.MP4', 100)).status).toBe(409)
    expect((await send('a.MP4', 300_000)).status).toBe(200)
    expect(sha256(await readFile(join(dir, 'a.MP4')))).toBe(sha256(clip))
    expect(await lies()).toEqual(['a.MP4'])
  })

  test('that was let go of, since the library has it, is not sent again; one that somebody took away before is', async () => {
    await send('card/a.MP4')
    await send('card/b.MP4', 0, Buffer.from('another'))
    library.set(sha256(clip), { volume: 'media', path: 'raw/card/a.MP4', bytes: clip.length, sha256: sha256(clip) })
    await sent().letGo(Date.now())
    expect(await lies()).toEqual(['card/b.MP4'])
    await rm(join(dir, 'card/b.MP4'))
    expect([await head('card/a.MP4'), await head('card/b.MP4', 7)]).toEqual([clip.length, 0])
  })

  test('that was begun a month ago is cleared away, and no other', async () => {
    await mkdir(join(dir, '.uploads'))
    await writeFile(join(dir, '.uploads/part'), clip.subarray(0, 1000))
    await writeFile(join(dir, 'a.MP4'), clip)
    const later = (days: number) => Date.now() + days * 86_400_000
    await clearAbandoned(dir, later(29))
    expect(await lies()).toEqual(['.uploads/part', 'a.MP4'])
    await clearAbandoned(dir, later(31))
    expect(await lies()).toEqual(['a.MP4'])
    await rm(join(dir, '.uploads'), { recursive: true })
    await clearAbandoned(dir, later(31)) // nothing was ever sent
  })

  test('never takes the place of another one: the same bytes are the same file, others get a name of their own', async () => {
    await writeFile(join(dir, 'a.MP4'), 'first')
    expect((await (await send('a.MP4')).json() as { path: string }).path).toBe(`a~${sha256(clip).slice(0, 8)}.MP4`)
    expect((await (await send('a.MP4')).json() as { path: string }).path).toBe(`a~${sha256(clip).slice(0, 8)}.MP4`)
    expect(await lies()).toEqual(['a.MP4', `a~${sha256(clip).slice(0, 8)}.MP4`])
    expect(await readFile(join(dir, 'a.MP4'), 'utf8')).toBe('first')
  })

  test('stays within the inbox, and is for operators alone', async () => {
    await mkdir(join(dir, 'inner'))
    for (const path of ['%2e%2e/out.MP4', 'a/%2e%2e/%2e%2e/out.MP4', '.hidden/a.MP4', '.uploads/x', 'a%2fb.MP4', '.viewshed/volume.json'])
      expect([400, 404]).toContain((await fetch(`${door.url}/api/inbox/${path}?length=3&modified=1`, { method: 'PATCH', headers: { ...door.bearer('operator'), 'upload-offset': '0', 'upload-length': '3' }, body: 'abc' })).status)
    expect((await send('a.MP4', 0, clip, clip.length, door.bearer('viewer'))).status).toBe(403)
    expect((await send('a.MP4', 0, clip, clip.length, door.bearer('device'))).status).toBe(403)
    expect((await fetch(`${door.url}/api/inbox/a.MP4?length=x&modified=1`, { method: 'HEAD', headers: door.bearer('operator') })).status).toBe(400)
    expect(await lies()).toEqual([])
  })
})

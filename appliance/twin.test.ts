import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Fault } from '../core/contract/fault.ts'
import type { MediaRef, WatchMedia } from '../core/contract/media.ts'
import { openVolumes } from '../core/store/volumes.ts'
import { watcherMedia } from './media.ts'
import { twinsOn } from './twin.ts'

const CLIP = Buffer.from('a drive by night '.repeat(5_000))
const sha256 = createHash('sha256').update(CLIP).digest('hex')

let dir: string
let root: string
let library: Map<string, MediaRef>
let isAway: boolean
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'twin-'))
  root = join(dir, 'media')
  await mkdir(root)
  library = new Map()
  isAway = false
})
afterEach(() => rm(dir, { recursive: true, force: true }))

async function media(): Promise<WatchMedia> {
  const ids = new Map<string, string>()
  const volumes = await openVolumes([{ name: 'media', root, org: 'home' }], { get: (name) => ids.get(name), set: async (name, id) => void ids.set(name, id) })
  return watcherMedia(volumes, twinsOn(volumes, async (of) => {
    if (isAway) throw new Fault('core/unreachable', 'core is away')
    return library.get(of) ?? null
  }))
}
async function fromCard(to: WatchMedia, path: string): Promise<MediaRef> {
  await writeFile(join(dir, 'on the card'), CLIP)
  return to.write('media', path, join(dir, 'on the card'))
}
async function byRadio(to: WatchMedia, path: string): Promise<MediaRef> {
  const into = await to.receive('media', path, `van|${path}`)
  await into.says({ bytes: CLIP.length, time: null })
  await into.append(Buffer.from(CLIP))
  const ref = await into.place()
  await into.drop()
  return ref
}
const filesIn = async (folder: string) => (await readdir(join(root, folder), { recursive: true, withFileTypes: true })).filter((one) => one.isFile()).map(({ name }) => name)

test.each([['on its card', byRadio, fromCard], ['by radio', fromCard, byRadio], ['on another card', fromCard, fromCard]])('a clip that comes once more, %s, is where it lies already', async (_way, first, second) => {
  const to = await media()
  const ref = await first(to, 'raw/Van/1.MP4')
  library.set(sha256, ref)
  expect(await second(to, 'raw/9C33-6BBD/1-again.MP4')).toEqual(ref)
  expect([await filesIn('raw'), await filesIn('.viewshed/staging')]).toEqual([['1.MP4'], []])
})

test('it takes a place of its own when the one that the library knows is gone, rotten, on another volume, or nobody can tell', async () => {
  const to = await media()
  const ref = await fromCard(to, 'raw/Van/1.MP4')
  const again = async (name: string) => (await fromCard(to, `raw/card/${name}`)).path
  library.set(sha256, { ...ref, volume: 'archive' })
  expect(await again('2.MP4')).toBe('raw/card/2.MP4')
  library.set(sha256, ref)
  isAway = true
  expect(await again('3.MP4')).toBe('raw/card/3.MP4')
  isAway = false
  await writeFile(join(root, ref.path), Buffer.alloc(CLIP.length))
  expect(await again('4.MP4')).toBe('raw/card/4.MP4')
  expect(await readFile(join(root, 'raw/card/4.MP4'))).toEqual(CLIP)
  await rm(join(root, ref.path))
  expect(await again('5.MP4')).toBe('raw/card/5.MP4')
})

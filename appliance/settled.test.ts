import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { MediaRef } from '../core/contract/media.ts'
import { openVolumes } from '../core/store/volumes.ts'
import { openCache } from './cache.ts'
import { taskMedia, type TaskMedia } from './media.ts'

const CLIP = Buffer.alloc(10_000, 7)
const ref: MediaRef = { volume: 'media', path: 'raw/front/a.mp4', bytes: CLIP.length, sha256: createHash('sha256').update(CLIP).digest('hex') }

let dir: string
let media: TaskMedia
let root: string
let scratch: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'settled-'))
  root = join(dir, 'media')
  scratch = join(dir, 'scratch')
  await mkdir(join(root, 'raw/front'), { recursive: true })
  await mkdir(scratch)
  await writeFile(join(root, ref.path), CLIP)
  const seen = new Map<string, string>()
  const mounted = await openVolumes([{ name: 'media', root, org: 'home' }], { get: (name) => seen.get(name), set: async (name, id) => void seen.set(name, id) })
  media = taskMedia({
    mounted, cache: openCache({ folder: join(dir, 'cache'), most_bytes: 1e9 }), core: { baseUrl: 'http://127.0.0.1:9', token: 'none' },
    lease: { task: 'a', token: 'b' }, scratch, signal: AbortSignal.timeout(20_000),
  })
  await media.read(ref)
})
afterEach(() => rm(dir, { recursive: true, force: true }))

test('a stage whose files are all there is believed', () => media.settled())

test.each<[string, () => Promise<unknown>, string]>([
  ['whose scratch was cleared away was interrupted', () => rm(scratch, { recursive: true }), 'stage/scratch'],
  ['whose input went from its volume found it missing', () => rm(join(root, ref.path)), 'media/missing'],
  ['whose input was cut short under it found it missing', () => truncate(join(root, ref.path), 10), 'media/missing'],
  ['whose volume was unplugged waits for it', async () => {
    await rename(root, `${root}-unplugged`)
    await mkdir(root)
  }, 'media/unmounted'],
])('a stage %s: whatever it said is not believed', async (_, happens, code) => {
  await happens()
  await expect(media.settled()).rejects.toMatchObject({ name: 'Fault', code })
})

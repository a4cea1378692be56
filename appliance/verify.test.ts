import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { MediaRef } from '../core/contract/media.ts'
import { openFolder } from '../core/store/volume/folder.ts'
import { verifyOne, type Copy, type VerifyParts } from './verify.ts'

let dir: string
beforeEach(async () => { dir = await mkdtemp(join(tmpdir(), 'verify-')) })
afterEach(() => rm(dir, { recursive: true, force: true }))

async function lay(volume: string, content: string): Promise<MediaRef> {
  await mkdir(join(dir, volume), { recursive: true })
  await writeFile(join(dir, volume, 'clip.MP4'), content)
  return { volume, path: 'clip.MP4', bytes: content.length, sha256: createHash('sha256').update(content).digest('hex') }
}
const parts = (isListed: VerifyParts['isListed']): VerifyParts =>
  ({ volumes: async (name) => openFolder(join(dir, name)), pace: async () => undefined, scratch: dir, mends: true, signal: new AbortController().signal, isListed })

/** An original that is no longer at its place, and its second copy. */
async function gone(): Promise<Copy> {
  const [media, source] = [await lay('media', 'a recording'), await lay('archive', 'a recording')]
  await unlink(join(dir, 'media', 'clip.MP4'))
  return { id: `asset:${media.sha256}`, asset: media.sha256, media, verified_ms: null, sources: [source] }
}
const there = () => readFile(join(dir, 'media', 'clip.MP4'), 'utf8').catch(() => null)

test('a file that is gone is made good from another copy', async () => {
  expect(await verifyOne(await gone(), parts(async () => true))).toMatchObject({ state: 'mended' })
  expect(await there()).toBe('a recording')
})

test('what retention took after the list was made is not brought back, and is not called rotten', async () => {
  const copy = await gone()
  expect(await verifyOne(copy, parts(async () => false))).toBeNull()
  expect(await verifyOne(copy, { ...parts(async () => false), mends: false })).toBeNull()
  let asked = 0
  expect(await verifyOne(copy, parts(async () => asked++ === 0))).toBeNull() // nor when it goes while the good copy is brought here
  expect(await there()).toBeNull()
})

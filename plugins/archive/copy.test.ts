import { createHash } from 'node:crypto'
import { cp, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { StageMedia } from '../../core/contract/media.ts'
import { run } from './copy.ts'
import archive from './plugin.ts'

let folder: string
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'viewshed-archive-')) })
afterEach(() => rm(folder, { recursive: true, force: true }))

const digest = (content: Buffer) => createHash('sha256').update(content).digest('hex')

/** Folders stand for volumes. @param spoil What the disk makes of a written file. */
const media = (spoil: (path: string) => Promise<void> = async () => undefined): StageMedia => ({
  read: async (ref) => join(folder, ref.volume, ref.path),
  write: async (volume, path, from) => {
    const to = join(folder, volume, path)
    await mkdir(dirname(to), { recursive: true })
    await cp(from, to)
    const ref = { volume, path, bytes: (await stat(to)).size, sha256: digest(await readFile(to)) }
    await spoil(to)
    return ref
  },
  reread: async (ref) => {
    const found = await readFile(join(folder, ref.volume, ref.path))
    return { sha256: digest(found), bytes: found.length, from: 'disk' }
  },
})

async function copy(content: Buffer, over: { enabled?: boolean; media?: StageMedia; sha256?: string } = {}) {
  const path = 'raw/front/2026-04-12/2026_0412_143000_0001F.MP4'
  await mkdir(join(folder, 'media', dirname(path)), { recursive: true })
  await writeFile(join(folder, 'media', path), content)
  const sha256 = over.sha256 ?? digest(content)
  const input = { media: { volume: 'media', path, bytes: content.length, sha256 }, sha256 }
  const output = await run(input, {
    config: { enabled: over.enabled ?? true, volume: 'archive' }, options: undefined, media: over.media ?? media(),
    scratch: join(folder, 'scratch'), attempt: 1, signal: new AbortController().signal, progress: () => undefined,
  })
  return { input, output }
}

test('the original lies on the archive volume under its digest, and was read back', async () => {
  const content = Buffer.from('a recording '.repeat(100_000))
  const { input, output } = await copy(content)
  const path = `${digest(content)}/2026_0412_143000_0001F.MP4`
  expect(output).toEqual({
    archive: { volume: 'archive', path, bytes: 1_200_000, sha256: digest(content) },
    note: null, verified_ms: expect.any(Number), reread: 'disk',
  })
  expect(await readFile(join(folder, 'archive', path))).toEqual(content)
  expect(archive.stages!.copy!.records!(input, output)).toEqual([{
    _id: `copy:${digest(content)}:archive`, kind: 'copy', asset: digest(content), role: 'archive', media: output.archive,
    verified_ms: output.verified_ms, checks: { reread: output.reread },
  }])
})

test('without an archive the flow goes on and no copy is claimed', async () => {
  const { input, output } = await copy(Buffer.from('x'), { enabled: false })
  expect(output).toEqual({ archive: null, note: 'no archive volume is configured', verified_ms: null, reread: null })
  expect(archive.stages!.copy!.records!(input, output)).toEqual([])
})

test('a disk that gives back other bytes than it took is a fault, never a verified copy', async () => {
  const flips = media(async (path) => {
    const bytes = await readFile(path)
    bytes[5_000_000]! ^= 1
    await writeFile(path, bytes)
  })
  await expect(copy(Buffer.alloc(6_000_000, 7), { media: flips })).rejects.toMatchObject({ code: 'media/digest' })
})

test('an original that is no longer what came in is not archived as such', async () => {
  await expect(copy(Buffer.from('changed'), { sha256: 'd'.repeat(64) })).rejects.toMatchObject({ code: 'media/digest' })
})

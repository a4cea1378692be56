import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openFolder } from './folder.ts'
import { fetched, inspect, replace } from './mend.ts'
import type { Volume } from './volume.ts'

const GOOD = Buffer.from('a recording '.repeat(10_000))
const ref = { path: 'a/clip.mp4', bytes: GOOD.length, sha256: createHash('sha256').update(GOOD).digest('hex') }
const signal = new AbortController().signal
let home: string
let archive: Volume
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'viewshed-mend-'))
  archive = openFolder(join(home, 'archive'))
})
afterEach(() => rm(home, { recursive: true, force: true }))

const rotten = () => {
  const content = Buffer.from(GOOD)
  content[77_777]! ^= 1
  return content
}
async function lay(content: Buffer, path = join(home, 'archive', ref.path)): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, content)
}
async function good() {
  await lay(GOOD, join(home, 'media/clip.mp4'))
  return (await fetched(openFolder(join(home, 'media')), { ...ref, path: 'clip.mp4' }, join(home, 'here'), signal))!
}
const everything = async () => (await readdir(join(home, 'archive'), { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name).slice(join(home, 'archive').length + 1)).sort()

test('one flipped bit, another length, nothing at all: each is seen for what it is', async () => {
  await lay(GOOD)
  expect(await inspect(archive, ref, {})).toEqual({ state: 'good', from: expect.any(String) })
  await lay(rotten())
  expect(await inspect(archive, ref, {})).toMatchObject({ state: 'rotten', why: expect.stringMatching(/reads back as/) })
  await lay(GOOD.subarray(1))
  expect(await inspect(archive, ref, {})).toMatchObject({ state: 'rotten', why: expect.stringMatching(/119999 bytes instead of 120000/) })
  await rm(join(home, 'archive', ref.path))
  expect(await inspect(archive, ref, {})).toEqual({ state: 'rotten', why: 'it is gone' })
})

test('a source that has rotted as well is none', async () => {
  await lay(rotten(), join(home, 'media/clip.mp4'))
  expect(await fetched(openFolder(join(home, 'media')), { ...ref, path: 'clip.mp4' }, join(home, 'here'), signal)).toBeNull()
})

test.each([['rotten', rotten()], ['gone', null]] as const)('a file that is %s has its bytes again, and nothing is left over', async (_, content) => {
  if (content) await lay(content)
  else await mkdir(join(home, 'archive'))
  await replace(archive, ref.path, await good(), signal)
  expect(await readFile(join(home, 'archive', ref.path))).toEqual(GOOD)
  expect(await everything()).toEqual([ref.path])
})

test('a disk that gives back other bytes than it took: the rotten file stays where it is', async () => {
  await lay(rotten())
  const bad: Volume = { ...archive, digest: async (path, options) => ({ ...(await archive.digest(path, options)), sha256: 'f'.repeat(64) }) }
  await expect(replace(bad, ref.path, await good(), signal)).rejects.toMatchObject({ code: 'media/digest' })
  expect(await readFile(join(home, 'archive', ref.path))).toEqual(rotten())
})

test.each(['write', 'digest', 'stat', 'move', 'remove'] as const)('cut off at any %s, the bytes that were there are still there, and doing it again ends it', async (step) => {
  for (let n = 1; n < 20; n++) {
    await rm(join(home, 'archive'), { recursive: true, force: true })
    await lay(rotten())
    let left = n
    const dies: Volume = { ...archive, [step]: (...args: never[]) => (--left === 0 ? Promise.reject(new Error('the power went')) : (archive[step] as (...args: never[]) => unknown)(...args)) }
    const ended = await replace(dies, ref.path, await good(), signal).then(() => true, (e: Error) => {
      expect(e.message).toBe('the power went')
      return false
    })
    const kept = await Promise.all((await everything()).map((path) => readFile(join(home, 'archive', path))))
    expect(kept.some((content) => content.equals(rotten()) || content.equals(GOOD))).toBe(true)
    if (!ended) await replace(archive, ref.path, await good(), signal)
    expect(await readFile(join(home, 'archive', ref.path))).toEqual(GOOD)
    if (ended) return
  }
  throw new Error('it never ended')
})

/** What holds for every kind of volume. */
import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { LocalFile, Volume } from './volume.ts'

export interface VolumeWorld {
  /** A volume over an empty place. */
  open(): Promise<Volume>
  /** Puts a file there past the volume, as the world does. */
  lay(path: string, content: Buffer): Promise<void>
  /** Has the first bytes of a file lie where the volume would go on with it. */
  begun(volume: Volume, path: string, from: LocalFile, bytes: number): Promise<void>
}

const MARKER = { id: 'a1', name: 'archive', created: '2026-05-03T09:00:00.000Z' }
const ODD = "frames/it's 1; $(x) \"ä\".jpg"
const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex')
const bytesOf = (length: number, seed = 1) => Buffer.from(Uint32Array.from({ length: Math.ceil(length / 4) }, (_, i) => Math.imul(i + seed, 2654435761) >>> 0).buffer).subarray(0, length)

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

export function volumeContract(name: string, world: () => VolumeWorld): void {
  describe(name, () => {
    let volume: Volume
    let folder: string
    const signal = new AbortController().signal
    beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'viewshed-volume-')) })
    afterAll(() => rm(folder, { recursive: true }))
    beforeEach(async () => {
      volume = await world().open()
      return () => volume.close()
    })
    const local = async (content: Buffer): Promise<LocalFile> => {
      const path = join(folder, 'local')
      await writeFile(path, content)
      return { path, bytes: content.length, sha256: sha256(content) }
    }
    const put = async (path: string, content: Buffer) => volume.write(path, await local(content), { signal })
    const text = async (path: string, start: number, end: number) => Buffer.concat(await all(volume.read(path, { start, end })))
    const codeOf = (doing: Promise<unknown>) => doing.then(() => 'ok', (e: unknown) => (e as { code: string }).code)
    const paths = async (at: string) => (await all(volume.list(at))).map(({ path }) => path)

    test('an empty place has no marker; one that was made is read again', async () => {
      expect(await volume.marker()).toBeNull()
      await volume.mark(MARKER)
      expect(await volume.marker()).toEqual(MARKER)
    })

    test('a marker that is none of ours is no marker', async () => {
      await world().lay('.viewshed/volume.json', Buffer.from('{"name":"x"'))
      expect(await volume.marker()).toBeNull()
    })

    test('what was written is there: its size, any range of it, its digest', async () => {
      await volume.mark(MARKER)
      const content = bytesOf(700_001)
      expect(await put('a/b/clip.mp4', content)).toEqual({ unproven: false })
      expect(await volume.stat('a/b/clip.mp4')).toMatchObject({ bytes: 700_001, mtime_ms: expect.any(Number) })
      for (const [start, end] of [[0, 700_000], [0, 0], [131_071, 131_073], [699_999, 700_000]] as const) expect(await text('a/b/clip.mp4', start, end)).toEqual(content.subarray(start, end + 1))
      expect(await volume.digest('a/b/clip.mp4')).toEqual({ sha256: sha256(content), bytes: 700_001, from: expect.stringMatching(/^(disk|cache|network)$/) })
    })

    test('names of any kind, and a file without a byte', async () => {
      await volume.mark(MARKER)
      await put(ODD, Buffer.from('x'))
      await put('empty', Buffer.alloc(0))
      expect(await paths('')).toEqual(['empty', ODD])
      expect(await volume.digest(ODD)).toMatchObject({ sha256: sha256(Buffer.from('x')) })
      expect(await volume.digest('empty')).toMatchObject({ sha256: sha256(Buffer.alloc(0)), bytes: 0 })
    })

    test('a digest is that of the bytes that lie there now', async () => {
      await volume.mark(MARKER)
      const content = bytesOf(300_000)
      await put('rots', content)
      content[200_000]! ^= 1
      await world().lay('rots', content)
      expect((await volume.digest('rots')).sha256).toBe(sha256(content))
    })

    test('it says how much it has read while it does, and waits', async () => {
      await volume.mark(MARKER)
      await put('slow', bytesOf(600_000))
      let read = 0
      await volume.digest('slow', { pace: async (bytes) => void (read += bytes) })
      expect(read).toBe(600_000)
    })

    test('what is not there', async () => {
      await volume.mark(MARKER)
      expect(await volume.stat('none/at all')).toBeNull()
      expect(await codeOf(text('none', 0, 10))).toBe('media/missing')
      expect(await codeOf(volume.digest('none'))).toBe('media/missing')
      expect(await codeOf(volume.move('none', 'there'))).toBe('media/missing')
      expect(await paths('none')).toEqual([])
      await volume.remove('none')
      await volume.removeFolder('.viewshed/none')
    })

    test('a file that ends before its range is a changed one, never a short answer', async () => {
      await volume.mark(MARKER)
      await put('short', bytesOf(1_000))
      expect(await codeOf(text('short', 500, 2_000))).toBe('media/changed')
    })

    test('a file moves to a free place, with the folders on the way, and never over another one', async () => {
      await volume.mark(MARKER)
      await put('.viewshed/staging/t/one', Buffer.from('one'))
      await put('.viewshed/staging/t/two', Buffer.from('two'))
      expect(await volume.move('.viewshed/staging/t/one', 'deep/er/place')).toBe('moved')
      expect(await volume.move('.viewshed/staging/t/two', 'deep/er/place')).toBe('taken')
      expect((await text('deep/er/place', 0, 2)).toString()).toBe('one')
      expect(await paths('.viewshed/staging')).toEqual(['.viewshed/staging/t/two'])
    })

    test('lists what is there, below a folder too, and ours only when asked for them', async () => {
      await volume.mark(MARKER)
      for (const path of ['b/2', 'b/1', 'a', '.viewshed/staging/x']) await put(path, Buffer.from(path))
      expect(await paths('')).toEqual(['a', 'b/1', 'b/2'])
      expect(await paths('b')).toEqual(['b/1', 'b/2'])
      await volume.remove('b/1')
      await volume.removeFolder('.viewshed/staging')
      expect([await paths(''), await paths('.viewshed')]).toEqual([['a', 'b/2'], ['.viewshed/volume.json']])
    })

    test('a file that was begun is gone on with: only what is missing is sent', async () => {
      await volume.mark(MARKER)
      const content = bytesOf(40 << 20, 7)
      const from = await local(content)
      await world().begun(volume, '.viewshed/staging/t/part', from, 17 << 20)
      let sent = 0
      await volume.write('.viewshed/staging/t/part', from, { signal, onBytes: (bytes) => void (sent += bytes) })
      expect(sent).toBeLessThanOrEqual(24 << 20) // S3 keeps whole parts only
      expect((await volume.digest('.viewshed/staging/t/part')).sha256).toBe(from.sha256)
    })

    test('something longer than it should be is no beginning', async () => {
      await volume.mark(MARKER)
      await world().lay('.viewshed/staging/t/part', bytesOf(2_000, 3))
      await put('.viewshed/staging/t/part', bytesOf(1_000))
      expect(await volume.digest('.viewshed/staging/t/part')).toMatchObject({ sha256: sha256(bytesOf(1_000)), bytes: 1_000 })
    })

    test('ends with its signal', async () => {
      await volume.mark(MARKER)
      const why = new Error('enough')
      await expect(volume.write('x', await local(bytesOf(1 << 20)), { signal: AbortSignal.abort(why) })).rejects.toBe(why)
      await put('y', bytesOf(1 << 20))
      await expect(all(volume.read('y', { start: 0, end: (1 << 20) - 1 }, AbortSignal.abort(why)))).rejects.toBe(why)
    })
  })
}

import { globSync, readFileSync } from 'node:fs'
import { copyFile, mkdtemp, open, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { command } from './command.ts'
import { DATA, hasData, makeClip, needsData, probe } from './testing/probe.ts'
import { endExiftool } from './telemetry/exiftool.ts'

afterAll(endExiftool)

/** What becomes of each broken file, checked in: `file`, `becomes` (a code, or the kind that it is taken for), `note`. */
const table = readFileSync(join(import.meta.dirname, 'malformed.tsv'), 'utf8').trim().split('\n').slice(1).map((line) => {
  const [file, becomes, note = ''] = line.split('\t') as [string, string, string?]
  return { file, becomes, note }
})

describe.skipIf(!hasData)(`broken files become what the table says, each within 20 s${needsData}`, () => {
  test('the table names them all', () => {
    const there = globSync('J_malformed/**/*', { cwd: DATA, withFileTypes: true }).filter((f) => f.isFile()).map((f) => join(f.parentPath, f.name).slice(DATA.length + 1))
    expect(table.map((row) => row.file).sort()).toEqual(there.sort())
  })
  test.each(table)('$file: $becomes', async ({ file, becomes, note }) => {
    const { asset, refusal } = await probe(join(DATA, file))
    expect(refusal?.code ?? asset!.media_kind).toBe(becomes)
    expect(refusal ? '' : asset!.notes.join('; ')).toBe(refusal ? '' : note)
    if (refusal) expect(refusal.message).toMatch(/^[A-Z].*\.$/)
  }, 20_000)
})

describe('what happens to good clips', () => {
  let folder: string
  let clip: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'clip-'))
    clip = await makeClip(join(folder, 'good.mp4'), 3)
  })
  afterAll(() => rm(folder, { recursive: true }))

  const cut = async (from: string, name: string, part: number) => {
    const path = join(folder, name)
    await copyFile(from, path)
    await truncate(path, Math.floor((await readFile(from)).length * part))
    return path
  }

  test('a good one is taken', async () => {
    const { asset } = await probe(clip, { name: '20240112181119_180.MP4', timezone: 'Europe/Berlin', camera: 'dash', channel: 'front' })
    expect(asset).toMatchObject({
      media_kind: 'video', duration_s: 3, width_px: 320, height_px: 180, fps: 10, codec: 'h264', audio: false, playable: true, fixes: 0, notes: [],
      camera: 'dash', channel: 'front', start_ms: Date.UTC(2024, 0, 12, 17, 11, 19), clock: { offset_s: -3600, from: 'name' },
    })
  })
  test('cut in half, its index lost', async () => {
    expect((await probe(await cut(clip, 'half.mp4', 0.5))).refusal?.code).toBe('clip/truncated')
  })
  test('cut in half behind its index', async () => {
    const fast = await makeClip(join(folder, 'fast.mp4'), 3, '-movflags', '+faststart')
    expect((await probe(await cut(fast, 'fasthalf.mp4', 0.5))).refusal?.code).toBe('clip/truncated')
  })
  test('by a few bytes', async () => {
    const path = join(folder, 'most.mp4')
    await copyFile(clip, path)
    await truncate(path, (await readFile(clip)).length - 100)
    expect((await probe(path)).refusal?.code).toBe('clip/truncated')
  })
  test('never finished: pictures without an index', async () => {
    const bytes = await readFile(clip)
    const path = join(folder, 'unfinished.mp4')
    await writeFile(path, bytes.subarray(0, bytes.indexOf('moov') - 4))
    const { refusal } = await probe(path)
    expect(refusal?.code).toBe('clip/truncated')
    expect(refusal?.message).toContain('index is missing')
  })
  test('empty', async () => {
    const path = join(folder, 'empty.mp4')
    await writeFile(path, '')
    expect((await probe(path)).refusal).toMatchObject({ code: 'clip/empty', name: 'empty.mp4' })
  })
  test('zeros only, as a card leaves them', async () => {
    const path = join(folder, 'zeros.mp4')
    await writeFile(path, Buffer.alloc(100_000))
    expect((await probe(path)).refusal?.code).toBe('clip/unreadable')
  })
  test('a text that is named as one', async () => {
    const path = join(folder, 'letter.mp4')
    await writeFile(path, 'Dear Sir or Madam')
    expect((await probe(path)).refusal?.code).toBe('clip/unreadable')
  })
  test('sound alone', async () => {
    const path = join(folder, 'sound.mp4')
    await command('ffmpeg', ['-v', 'error', '-nostdin', '-f', 'lavfi', '-i', 'sine=duration=1', '-c:a', 'aac', '-y', path], { limit_ms: 30_000, signal: new AbortController().signal })
    expect((await probe(path)).refusal?.code).toBe('clip/unsupported')
  })
  test('something that nobody knows', async () => {
    const path = join(folder, 'program.bin')
    await writeFile(path, Buffer.from('7f454c46020101000000000000000000', 'hex'))
    expect((await probe(path)).refusal?.code).toBe('clip/unsupported')
  })
  test.each([';whoami;#.mp4', '-i.mp4', '$(id) `id`.mp4', 'a b%20c.mp4', 'concat:x|y.mp4', 'ünï\n.mp4', '%03d.mp4'])('a name is only a name: %j', async (name) => {
    const path = join(folder, name)
    await symlink(clip, path)
    expect((await probe(path)).asset).toMatchObject({ name, media_kind: 'video', duration_s: 3 })
  })
  test('the extension has no say', async () => {
    const path = join(folder, 'movie.jpg')
    await symlink(clip, path)
    expect((await probe(path)).asset?.media_kind).toBe('video')
  })
  test('damaged in the middle, it is still a clip', async () => {
    const path = join(folder, 'scratched.mp4')
    await copyFile(clip, path)
    const file = await open(path, 'r+')
    await file.write(Buffer.alloc(2000, 0x55), 0, 2000, 40_000)
    await file.close()
    expect((await probe(path)).asset?.media_kind).toBe('video')
  })
})

import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { cp, mkdir, mkdtemp, open, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const CLI = fileURLToPath(new URL('./cli.ts', import.meta.url))
const REPO = fileURLToPath(new URL('..', import.meta.url))
const DATA = join(REPO, '..', 'shared', 'data')
const withData = existsSync(DATA) // real media, not part of the repository: without it these tests are skipped

interface Result {
  assets: { path: string; sha256: string; kind: string; duration_s: number | null; start: string | null; fixes: number; dropped_fixes: number; clock: { offset_s: number; from: string } }[]
  drives: { id: string; start: string; assets: string[]; distance_m: number }[]
  sightings: { plate: string; asset: string; at_s: number; confidence: number; lat: number | null; lon: number | null; crop: string | null }[]
  refused: { path: string; code: string; message: string }[]
  tasks: { complete: number; parked: number }
  seconds: number
}

async function demo(cwd: string, paths: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Result> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', CLI, 'demo', ...paths, '--once', '--json'], { cwd: REPO, env: { ...process.env, INIT_CWD: cwd, ...env }, maxBuffer: 64 << 20 })
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as Result
}

describe.skipIf(!withData)('over the shared recordings', () => {
  let result: Result
  beforeAll(async () => { result = await demo(REPO, ['../shared/data/A_dashcam', '../shared/data/B_plates/derived_plates_clip.mp4']) }, 600_000)
  const at = (path: string) => result.assets.find((asset) => asset.path === `../shared/data/A_dashcam/${path}`)

  test('every file gives the fixes that were counted by hand', () => {
    const rows = readFileSync(join(DATA, 'EXPECTED_fixes.tsv'), 'utf8').trim().split('\n').slice(1).map((line) => line.split('\t'))
    const found: Record<string, number | undefined> = {}
    const expected: Record<string, number> = {}
    for (const [path, fixes] of rows) {
      const inside = path!.replace('A_dashcam/', '')
      if (fixes === '?') continue
      const files = inside.endsWith('/*') ? result.assets.filter((asset) => asset.path.includes(`/${inside.slice(0, -1)}`)).map((asset) => asset.path.replace('../shared/data/A_dashcam/', '')) : [inside]
      for (const file of files) {
        expected[file] = Number(fixes)
        found[file] = at(file)?.fixes
      }
    }
    expect(found).toEqual(expected)
  })

  test('a file whose fixes are flagged as none has none, and says how many were dropped', () => {
    expect(at('gopro/hero8-trimmed_no-fix-flag.mp4')).toMatchObject({ fixes: 0, kind: 'video', dropped_fixes: 36 })
  })

  test('all six plates of the clip are read, each once, in the time it is shown', () => {
    const truth = readFileSync(join(DATA, 'B_plates/derived_plates_clip.tsv'), 'utf8').trim().split('\n').slice(1).map((line) => line.split('\t') as [string, string, string])
    const clip = result.assets.find((asset) => asset.path.endsWith('derived_plates_clip.mp4'))!
    const seen = result.sightings.filter((s) => s.asset === clip.sha256).sort((a, b) => a.at_s - b.at_s)
    expect(seen.map((s) => s.plate)).toEqual(truth.map(([, , plate]) => plate))
    for (const [i, [from, to]] of truth.entries()) {
      expect(seen[i]!.at_s).toBeGreaterThanOrEqual(Number(from) - 1)
      expect(seen[i]!.at_s).toBeLessThanOrEqual(Number(to) + 1)
      expect(seen[i]!.crop).toMatch(/^\/media\/media\/derived\//)
    }
  })

  test('at most one false plate in all videos, none in those without GPS, and no place where there was no fix', () => {
    const videos = new Map(result.assets.filter((asset) => asset.kind === 'video' && asset.path.includes('/A_dashcam/')).map((asset) => [asset.sha256, asset]))
    const doubtful = result.sightings.filter((s) => videos.has(s.asset))
    expect(doubtful.length, JSON.stringify(doubtful)).toBeLessThanOrEqual(1)
    expect(doubtful.filter((s) => videos.get(s.asset)!.path.includes('/nogps/'))).toEqual([])
    const fixes = new Map(result.assets.map((asset) => [asset.sha256, asset.fixes]))
    expect(result.sightings.filter((s) => fixes.get(s.asset) === 0 && s.lat !== null)).toEqual([])
  })

  test('listings, thumbnails and texts are passed over, not refused; nothing is parked', () => {
    expect(result.refused).toEqual([])
    expect(result.tasks.parked).toBe(0)
    expect(result.assets.filter((asset) => /103thumb|105thumb|\.xml$|\.html$|README/.test(asset.path))).toEqual([])
  })
})

describe('what is broken costs itself alone', () => {
  let dir: string
  let result: Result
  let before: Map<string, string>
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'broken-'))
    await mkdir(join(dir, 'card'))
    const clip = (name: string) => promisify(execFile)('ffmpeg', ['-nostdin', '-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=10:duration=2', '-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', join(dir, 'card', name)])
    await clip('good.mp4')
    await cp(join(dir, 'card/good.mp4'), join(dir, 'card/;whoami;#.mp4'))
    const cut = await open(join(dir, 'card/;whoami;#.mp4'), 'a')
    await cut.write(Buffer.from([0, 0, 0, 9, 0x66, 0x72, 0x65, 0x65, 1])) // a free box: other bytes, the same picture
    await cut.close()
    const whole = await readFile(join(dir, 'card/good.mp4'))
    await writeFile(join(dir, 'card/truncated.mp4'), whole.subarray(0, Math.floor(whole.length * 0.6)))
    await writeFile(join(dir, 'card/empty.mp4'), '')
    await writeFile(join(dir, 'card/text.mp4'), 'no film at all')
    await writeFile(join(dir, 'secret.mp4'), whole)
    await symlink(join(dir, 'secret.mp4'), join(dir, 'card/link.mp4'))
    before = await contents(join(dir, 'card'))
    result = await demo(dir, ['card'])
  }, 240_000)
  afterAll(() => rm(dir, { recursive: true, force: true }))

  test('each is refused with a code and a sentence; the good ones go through, whatever they are called', () => {
    expect(result.assets.map((asset) => asset.path).sort()).toEqual(['card/;whoami;#.mp4', 'card/good.mp4'])
    expect(Object.fromEntries(result.refused.map(({ path, code }) => [path, code]))).toEqual({
      'card/empty.mp4': 'clip/empty', 'card/link.mp4': 'media/outside', 'card/text.mp4': expect.stringMatching(/^clip\/(unreadable|unsupported)$/), 'card/truncated.mp4': 'clip/truncated',
    })
    for (const { message } of result.refused) expect(message).toMatch(/\S+ \S+ \S+/)
    expect(result.tasks.parked).toBe(0)
  })

  test('nothing original is touched', async () => {
    expect(await contents(join(dir, 'card'))).toEqual(before)
  })
})

const mayMount = process.platform === 'linux' && process.getuid?.() === 0 // a disk of its own needs root: skipped otherwise

describe.runIf(mayMount)('a disk that is full', () => {
  let dir: string
  const disk = () => join(dir, 'disk')
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'full-'))
    await mkdir(disk())
    await promisify(execFile)('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', disk()])
    await mkdir(join(dir, 'card'))
    await promisify(execFile)('ffmpeg', ['-nostdin', '-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=10:duration=1', '-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', join(dir, 'card/small.mp4')])
    await writeFile(join(dir, 'card/big.mp4'), Buffer.concat([await readFile(join(dir, 'card/small.mp4')), Buffer.from([0, 0x50, 0, 0, 0x66, 0x72, 0x65, 0x65]), Buffer.alloc(0x500000 - 8)])) // a free box of 5 MiB
  })
  afterAll(async () => {
    await promisify(execFile)('umount', [disk()])
    await rm(dir, { recursive: true, force: true })
  })

  test('refuses what does not fit with a word, and takes what does', async () => {
    const result = await demo(dir, ['card'], { VIEWSHED_MEDIA: disk() })
    expect(result.assets.map((asset) => asset.path)).toEqual(['card/small.mp4'])
    expect(result.refused.map(({ path, code }) => [path, code])).toEqual([['card/big.mp4', 'media/full']])
    expect(result.refused[0]!.message).toMatch(/room/)
  }, 120_000)
})

async function contents(folder: string): Promise<Map<string, string>> {
  const names = (await readdir(folder)).sort()
  return new Map(await Promise.all(names.map(async (name) => [name, (await readFile(join(folder, name))).toString('base64')] as const)))
}

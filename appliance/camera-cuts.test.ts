/**
 * Clips of three cameras over cuts and SIGKILLs of the watcher's process. In small here; whole:
 * `VIEWSHED_CAMERA_CLIPS=500 VIEWSHED_CAMERA_CUTS=100 npm test appliance/camera-cuts`
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { glob, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { constants, setPriority, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { RECEIVING } from '../core/store/volumes.ts'
import { fakeViofo, type CardFile, type FakeViofo } from '../plugins/camera-viofo/testing/fake.ts'
import { content, type Content, type Served } from '../plugins/camera/testing/serve.ts'
import { seeded, type Random } from './crash/random.ts'
import { beginLife, type LifeOrder } from './test/camera-life.ts'

const CLIPS = Number(process.env.VIEWSHED_CAMERA_CLIPS ?? 40)
const CUTS = Number(process.env.VIEWSHED_CAMERA_CUTS ?? 10)
const SEED = Number(process.env.VIEWSHED_CAMERA_SEED ?? 1)
const LIFE = join(import.meta.dirname, 'test/camera-life.ts')
const MIB = 1 << 20
/** As a camera's radio gives them. */
const RATE_BYTES_S = 6e6

test(`${CLIPS} clips arrive byte for byte over ${CUTS} cuts and kills: at most a MiB of each is fetched again, nothing comes twice, nothing is deleted`, async () => {
  const random = seeded(SEED)
  const dir = await mkdtemp(join(tmpdir(), 'camera-cuts-'))
  const cameras = await Promise.all([0, 1, 2].map((n) => makeCamera(n, random)))
  const order: LifeOrder = { dir, plugin: 'camera-viofo', cameras: cameras.map(({ address }, n) => ({ name: `Car ${n}`, address, route_first: false })) }
  let child: ChildProcess | null = null
  try {
    const done = { cuts: 0, kills: 0 }
    const left = () => CUTS - done.cuts - done.kills
    let arrived = 0
    // Half of what is left breaks off in the camera, at any byte of the file; all of it towards the end.
    for (const camera of cameras) camera.trouble = ({ path, from }) => {
      const bytes = camera.files.get(path)!.content.bytes - from
      if (left() <= 0 || bytes < 100_000 || random.next() > left() / (CLIPS - arrived) / 2) return null
      done.cuts++
      return { kind: 'cut', after: Math.floor(random.between(64_000, bytes)) }
    }
    while (arrived < CLIPS) {
      child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', LIFE, JSON.stringify(order)], { stdio: ['ignore', 'pipe', 'inherit'] })
      comesFirst(child.pid!)
      const ended = once(child, 'exit')
      let blow: NodeJS.Timeout | undefined
      for await (const line of createInterface({ input: child.stdout! })) {
        const [word, count] = line.split(' ')
        arrived = Number(count)
        if (word === 'began') {
          const fetching = () => {
            if (left() <= 0 || !child!.kill('SIGKILL')) return
            done.kills++
          }
          if (left() > 0) blow = setTimeout(fetching, random.between(100, 800))
        }
        if (arrived >= CLIPS) break
      }
      clearTimeout(blow)
      child.kill('SIGKILL')
      await ended
    }

    expect(done.cuts + done.kills).toBe(CUTS)
    const again = cameras.flatMap((camera) => fetchedAgain(camera.served))
    process.stdout.write(`${JSON.stringify({ seed: SEED, clips: CLIPS, ...done, bytes: total(cameras), again_bytes: again.reduce((a, b) => a + b, 0), most_again_bytes: Math.max(0, ...again) })}\n`)
    expect(Math.max(0, ...again)).toBeLessThanOrEqual(MIB)
    expect(again.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(CUTS * MIB)
    expect(again.filter((bytes) => bytes > 0).length).toBeLessThanOrEqual(done.cuts + cameras.length * (done.kills + 1)) // a kill ends what comes of each camera; the last life is ended too

    const life = await beginLife({ ...order, cameras: [] })
    const events = await life.all()
    await life.end()
    const expected = cameras.flatMap((camera, n) => [...camera.files].map(([path, file]) => [`raw/Car ${n}/2026-03-02/${path.split('/').at(-1)}`, sha256(file.content)] as const)).sort()
    expect(events.map(({ media }) => [media.path, media.sha256]).sort()).toEqual(expected)
    expect((await onVolume(join(dir, 'media'))).sort()).toEqual(expected)
    expect((await leftOvers(join(dir, 'media'))).length).toBeLessThanOrEqual(done.kills + 3) // names of what was told of in the moment of a kill; the bytes are gone
    for (const camera of cameras) expect(camera.requests.filter((path) => /4003|4004|del=/.test(path))).toEqual([])
  } finally {
    child?.kill('SIGKILL')
    for (const camera of cameras) await camera.off()
    await rm(dir, { recursive: true, force: true, maxRetries: 3 })
  }
}, Math.max(120_000, CLIPS * 3_000))

/** A watcher that gets no processor for a third of a second has two megabytes waiting in its socket, and Node has no say in how many may: what is
 *  measured here is not how busy other programs keep this machine. Only who may do so does. */
function comesFirst(pid: number): void {
  try {
    setPriority(pid, constants.priority.PRIORITY_HIGH)
  } catch (e) {
    if (!(e instanceof Error && 'code' in e && ['EACCES', 'EPERM', 'ERR_SYSTEM_ERROR', 'ESRCH'].includes(String(e.code)))) throw e
  }
}

async function makeCamera(n: number, random: Random): Promise<FakeViofo> {
  const files = Array.from({ length: Math.floor(CLIPS / 3) + (n < CLIPS % 3 ? 1 : 0) }, (_, i): [string, CardFile] => {
    const minute = `${String(7 + Math.floor(i / 120)).padStart(2, '0')}${String(Math.floor((i % 120) / 2)).padStart(2, '0')}`
    return [`/DCIM/Movie/2026_0302_${minute}12_${String(i).padStart(6, '0')}${i % 2 === 0 ? 'F' : 'R'}.MP4`, { content: content(n * 1000 + i, 50_000 + Math.floor(random.next() ** 3 * 5e6)), time: `2026/03/02 ${minute.slice(0, 2)}:${minute.slice(2)}:59` }]
  })
  const camera = await fakeViofo(files)
  camera.rate_bytes_s = RATE_BYTES_S
  return camera
}

/** How much of what was sent before each answer began again with. */
function fetchedAgain(served: readonly Served[]): number[] {
  const furthest = new Map<string, number>()
  return served.map(({ path, from, sent }) => {
    const before = furthest.get(path) ?? 0
    furthest.set(path, Math.max(before, from + sent))
    return Math.max(0, Math.min(before, from + sent) - from)
  })
}

async function onVolume(root: string): Promise<[string, string][]> {
  const found: [string, string][] = []
  for await (const path of glob('raw/**/*.*', { cwd: root })) found.push([path, createHash('sha256').update(await readFile(join(root, path))).digest('hex')])
  return found
}

async function leftOvers(root: string): Promise<string[]> {
  const folders = await readdir(join(root, RECEIVING)).catch(() => [])
  for (const folder of folders) expect(await readdir(join(root, RECEIVING, folder))).not.toContain('bytes')
  return folders
}

const total = (cameras: readonly FakeViofo[]) => cameras.reduce((sum, { files }) => sum + [...files.values()].reduce((all, file) => all + file.content.bytes, 0), 0)
const sha256 = (of: Content) => createHash('sha256').update(of.read(0, of.bytes)).digest('hex')

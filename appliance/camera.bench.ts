/** What comes from a camera that gives as fast as it is asked, against `curl` onto the same disk with digest and sync; and how three at once share. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { fakeViofo, type CardFile, type FakeViofo } from '../plugins/camera-viofo/testing/fake.ts'
import { content } from '../plugins/camera/testing/serve.ts'
import { median, type Bench } from './figure.ts'
import type { LifeOrder } from './test/camera-life.ts'

const run = promisify(execFile)
const LIFE = join(import.meta.dirname, 'test/camera-life.ts')
const CLIPS = 8
const CLIP_BYTES = 48 << 20
const ROUNDS = 5
/** Of the fetching of three, after all have begun. */
const WINDOW_MS = 2_000
/** The last clip of a lens may still be written, and is left alone for a moment: so these are last. */
const LAST = ['F', 'R'] as const

export const bench: Bench = async function* () {
  const dir = await mkdtemp(join(tmpdir(), 'viewshed-camera-bench-'))
  try {
    const camera = await fakeViofo(card(CLIPS, CLIP_BYTES))
    camera.most_connections = 10
    const [ours, theirs, ratios]: [number[], number[], number[]] = [[], [], []]
    for (let i = 0; i < ROUNDS; i++) {
      ours.push(await byUs(join(dir, `ours-${i}`), camera))
      theirs.push(await byCurl(join(dir, `theirs-${i}`), camera))
      ratios.push(ours[i]! / theirs[i]!)
    }
    await camera.off()
    yield { name: 'camera.rate', value: median(ours), unit: `MB/s, ${CLIPS} clips of ${CLIP_BYTES >> 20} MiB, digest, synced on the way, into the log`, peer: 'curl | tee | sha256sum, then sync', peer_value: median(theirs), ratio: median(ratios) }
    yield { name: 'camera.shares', value: await shares(join(dir, 'three')), unit: 'the most of three cameras at once over the least, in bytes of two seconds', peer: null, peer_value: null, ratio: null }
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

function card(clips: number, bytes: number): [string, CardFile][] {
  const clip = (n: number, lens: string, size: number): [string, CardFile] => [`/DCIM/Movie/2026_0302_07${String(10 + n)}12_${String(n).padStart(6, '0')}${lens}.MP4`, { content: content(n, size), time: `2026/03/02 07:${10 + n}:59` }]
  return [...Array.from({ length: clips }, (_, n) => clip(n, 'F', bytes)), ...LAST.map((lens) => clip(49, lens, 1_000))]
}

/** MB/s from the first byte that is asked for to the last clip in the log. */
async function byUs(dir: string, camera: FakeViofo): Promise<number> {
  let begun_ms = 0
  camera.trouble = () => {
    begun_ms ||= performance.now()
    return null
  }
  const life = begin({ dir, plugin: 'camera-viofo', cameras: [{ name: 'Van', address: camera.address, route_first: false, order: 'oldest' }] })
  await life.arrived(CLIPS)
  const took_s = (performance.now() - begun_ms) / 1_000
  await life.end()
  await rm(dir, { recursive: true, force: true })
  return (CLIPS * CLIP_BYTES) / 1e6 / took_s
}

async function byCurl(dir: string, camera: FakeViofo): Promise<number> {
  await mkdir(dir)
  const from_ms = performance.now()
  for (const [i, path] of [...camera.files.keys()].slice(0, CLIPS).entries()) {
    const file = join(dir, `${i}.part`)
    await run('sh', ['-c', `curl -sf 'http://${camera.address}${path}' | tee '${file}' | sha256sum && sync '${file}' && mv '${file}' '${join(dir, `${i}.MP4`)}' && sync '${dir}'`])
  }
  const took_s = (performance.now() - from_ms) / 1_000
  await rm(dir, { recursive: true, force: true })
  return (CLIPS * CLIP_BYTES) / 1e6 / took_s
}

async function shares(dir: string): Promise<number> {
  const cameras = await Promise.all([1, 2, 3].map(() => fakeViofo(card(4, 512 << 20))))
  const life = begin({ dir, plugin: 'camera-viofo', cameras: cameras.map(({ address }, n) => ({ name: `Car ${n}`, address, route_first: false })) })
  const sent = () => cameras.map(({ served }) => served.reduce((sum, one) => sum + one.sent, 0))
  while (sent().some((bytes) => bytes === 0)) await new Promise((next) => setTimeout(next, 20))
  const before = sent()
  await new Promise((next) => setTimeout(next, WINDOW_MS))
  const came = sent().map((bytes, i) => bytes - before[i]!)
  await life.end()
  for (const camera of cameras) await camera.off()
  return Math.max(...came) / Math.min(...came)
}

/** A watcher as a process of its own, as it is beside a camera. */
function begin(order: LifeOrder) {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', LIFE, JSON.stringify(order)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    async arrived(clips: number): Promise<void> {
      for (;;) {
        const { value, done } = await lines.next()
        if (done) throw new Error('the watcher ended')
        if (value === `arrived ${clips}`) return
      }
    },
    async end(): Promise<void> {
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    },
  }
}

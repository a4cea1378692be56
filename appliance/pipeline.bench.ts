/** What the appliance costs on top of the tools that do the work, and what taking a file in costs. */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { appendFile, copyFile, mkdir, mkdtemp, open, rename, rm, stat, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { Tensor, type InferenceSession } from 'onnxruntime-node'
import { checked } from '../core/plugins/registry.ts'
import { openVolumes } from '../core/store/volumes.ts'
import type { StageContext } from '../core/contract/plugin.ts'
import { frames, interval_s } from '../plugins/inference/frames.ts'
import { run as readPlates } from '../plugins/inference/plates.ts'
import { PlatesOptions, type Config as InferenceConfig } from '../plugins/inference/plugin.ts'
import { builtIn, loadModel } from '../plugins/inference/sessions.ts'
import { openStack, type Stack } from './crash/stack.ts'
import { median, type Figure } from './figure.ts'
import { watcherMedia } from './media.ts'
import { renderLong } from './sample/render.ts'

const exec = promisify(execFile)
const FRAMES_PER_S = 2
const INGEST_TIMES = 5
const INGEST_BYTES = 384 << 20
const LIMIT_MS = 600_000
const LOOK_MS = 50

interface Size { readonly clip_s: number; readonly times: number }

export async function* bench({ clip_s = 60, times = 3 }: Partial<Size> = {}): AsyncGenerator<Figure> {
  const base = resolve('.viewshed')
  await mkdir(base, { recursive: true })
  const folder = await mkdtemp(join(base, 'bench-'))
  try {
    yield await ingest(folder)
    yield* pipeline(folder, await longClip(join(base, 'bench'), clip_s), { clip_s, times })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Rendered once; it takes longer than what is measured. */
async function longClip(folder: string, clip_s: number): Promise<string> {
  const path = join(folder, `road-${clip_s}s.mp4`)
  if (await stat(path).then(() => true, () => false)) return path
  await rename(await renderLong(clip_s, folder), path)
  return path
}

async function* pipeline(folder: string, clip: string, { clip_s, times }: Size): AsyncGenerator<Figure> {
  const raw = await rawTools(clip, clip_s, folder)
  const stack = await openStack(folder)
  await mkdir(join(folder, 'config'), { recursive: true })
  await mkdir(join(folder, 'inbox'), { recursive: true })
  await writeFile(join(folder, 'config', 'viewshed.yaml'), JSON.stringify({ plugins: { folder: { stable_s: STABLE_S } } }))
  stack.start()
  try {
    await ready(stack)
    await throughAppliance(stack, clip, folder, 0) // warm: children started, models loaded
    const ours_s: number[] = []
    const theirs_s: number[] = []
    for (let i = 1; i <= times; i++) {
      theirs_s.push(await raw())
      ours_s.push(await throughAppliance(stack, clip, folder, i))
    }
    const ratios = ours_s.map((ours, i) => ours / theirs_s[i]!)
    yield { name: 'pipeline.wall', value: median(ours_s), unit: `s for a clip of ${clip_s} s`, peer: 'ffprobe, exiftool, ffmpeg, the same runs of the models, cp, sha256sum, one after another', peer_value: median(theirs_s), ratio: median(ratios) }
  } finally {
    await stack.stop()
  }
}

const STABLE_S = 1

/** From the moment the file has rested long enough to be whole, until nothing is under way any more. */
async function throughAppliance(stack: Stack, clip: string, folder: string, count: number): Promise<number> {
  const api = await stack.api()
  const before = (await api.status({})).totals.assets
  const own = join(folder, `clip-${count}.mp4`)
  await copyFile(clip, own)
  await appendFile(own, freeBox()) // the same recording under another digest: otherwise all of it was done already
  const from_ms = performance.now()
  await rename(own, join(folder, 'inbox', `2026_0412_15${String(count).padStart(2, '0')}00_0001F.MP4`))
  for (;;) {
    const { totals, settling, tasks } = await api.status({})
    if (tasks.parked > 0) throw new Error('a task of the clip was parked')
    if (totals.assets > before && !settling && tasks.pending === 0 && tasks.running === 0) return (performance.now() - from_ms) / 1000 - STABLE_S
    if (performance.now() - from_ms > LIMIT_MS) throw new Error(`the clip was not done within ${LIMIT_MS / 1000} s`)
    await new Promise((done) => setTimeout(done, LOOK_MS))
  }
}

function freeBox(): Buffer {
  const box = Buffer.alloc(8 + 16)
  box.writeUInt32BE(box.length, 0)
  box.write('free', 4, 'latin1')
  randomBytes(16).copy(box, 8)
  return box
}

async function ready(stack: Stack): Promise<void> {
  for (const from_ms = performance.now(); ;) {
    const up = await stack.api().then((api) => api.devices({})).then(({ devices }) => devices.some((d) => d.online), () => false)
    if (up) return
    if (!stack.alive() || performance.now() - from_ms > LIMIT_MS) throw new Error('the appliance did not start; VIEWSHED_CRASH_VERBOSE=1 shows why')
    await new Promise((done) => setTimeout(done, LOOK_MS))
  }
}

/** The tools with the arguments of the plugins, and every run of a model that the clip needs, without anything around them. */
async function rawTools(clip: string, clip_s: number, folder: string): Promise<() => Promise<number>> {
  const runs = await modelRuns(clip, clip_s, folder)
  const file = `file:${clip}`
  const exiftool = join(dirname(createRequire(import.meta.url).resolve('exiftool-vendored.pl/package.json')), 'bin', 'exiftool')
  const copy = join(folder, 'raw-copy.mp4')
  const take = async (target: string) => {
    await exec('cp', [clip, target])
    await exec('sync', [target])
    await exec('sha256sum', [target])
  }
  const steps: readonly (() => Promise<unknown>)[] = [
    () => take(copy),
    () => exec('ffprobe', ['-v', 'error', '-hide_banner', '-threads', '2', '-of', 'json', '-show_format', '-show_streams', file]),
    () => exec('ffprobe', ['-v', 'error', '-hide_banner', '-threads', '2', '-of', 'json', '-select_streams', 'V:0', '-read_intervals', '%+#8', '-show_entries', 'frame=media_type', file]),
    () => exec('perl', [exiftool, '-ee3', '-G3', '-a', '-n', '-j', clip], { maxBuffer: 64 << 20 }),
    () => exec('ffmpeg', ['-v', 'error', '-nostdin', '-ss', String(clip_s * 0.1), '-i', file, '-map', '0:v:0', '-frames:v', '1', '-y', join(folder, 'raw-frame.png')]),
    ...[150, 600, 1200].map((width_px) => () => exec('ffmpeg', ['-v', 'error', '-nostdin', '-i', join(folder, 'raw-frame.png'), '-vf', `scale=${width_px}:-2`, '-y', join(folder, 'raw-thumb.jpg')])),
    () => exec('ffmpeg', ['-v', 'error', '-nostdin', '-threads', '2', '-skip_frame', 'nokey', '-i', file, '-map', '0:v:0', '-vf', 'fps=1:start_time=0:round=down,scale=160:-2:flags=area,tpad=stop=-1:stop_mode=clone,tile=10x6', '-frames:v', '1', '-q:v', '5', '-update', '1', '-y', join(folder, 'raw-strip.jpg')]),
    async () => {
      for await (const _frame of frames(clip, interval_s(clip_s, FRAMES_PER_S), new AbortController().signal)) continue
    },
    async () => {
      for (const { session, input } of runs) await session.run(input)
    },
    () => take(copy),
  ]
  return async () => {
    const from_ms = performance.now()
    for (const step of steps) await step()
    return (performance.now() - from_ms) / 1000
  }
}

/** Which model was run on what shapes: heard while the plugin reads the clip once. What is in the pictures does not matter to the time. */
async function modelRuns(clip: string, clip_s: number, folder: string): Promise<readonly { session: InferenceSession; input: Record<string, Tensor> }[]> {
  const tensors = new Map<string, Tensor>()
  const tensorOf = (dims: readonly number[]): Tensor => {
    const known = tensors.get(dims.join())
    if (known) return known
    const fresh = new Tensor('float32', Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => ((i * 2654435761) % 1000) / 500 - 1), [...dims])
    tensors.set(dims.join(), fresh)
    return fresh
  }
  const runs: { session: InferenceSession; input: Record<string, Tensor> }[] = []
  const { session: any } = await loadModel(builtIn('ch_PP-OCRv4_det_infer.onnx'), 0)
  const prototype = Object.getPrototypeOf(any) as { run: InferenceSession['run'] }
  const plain = prototype.run
  prototype.run = async function (this: InferenceSession, feeds: InferenceSession.FeedsType, ...rest: unknown[]) {
    runs.push({ session: this, input: Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, tensorOf((tensor as Tensor).dims)])) })
    return (plain as (...args: unknown[]) => ReturnType<InferenceSession['run']>).call(this, feeds, ...rest)
  } as InferenceSession['run']
  try {
    const scratch = join(folder, 'raw-scratch')
    await mkdir(scratch, { recursive: true })
    const ctx: StageContext<InferenceConfig, PlatesOptions> = {
      config: { models: join(folder, 'none') }, options: checked(PlatesOptions, {}, 'input/invalid', 'options') as PlatesOptions,
      scratch, attempt: 1, signal: new AbortController().signal, progress: () => undefined,
      media: { read: async () => clip, write: async (volume, path) => ({ volume, path, bytes: 0, sha256: '0'.repeat(64) }), reread: () => Promise.reject(new Error('nobody asks for it here')) },
    }
    const media = { volume: 'media', path: 'clip.mp4', bytes: 0, sha256: '0'.repeat(64) }
    await readPlates({ media, sha256: media.sha256, media_kind: 'video', duration_s: clip_s }, ctx)
  } finally {
    prototype.run = plain
  }
  return runs
}

/** `media.write`, as a watcher uses it, beside what a careful person would type. */
async function ingest(folder: string): Promise<Figure> {
  const source = join(folder, 'ingest.bin')
  const file = await open(source, 'w')
  for (let i = 0; i < INGEST_BYTES >> 22; i++) await file.write(randomBytes(4 << 20))
  await file.sync()
  await file.close()
  const root = join(folder, 'ingest')
  const ids = new Map<string, string>()
  const media = watcherMedia(await openVolumes([{ name: 'media', root, org: 'home' }], { get: (name) => ids.get(name), set: async (name, id) => void ids.set(name, id) }))
  const ours: number[] = []
  const theirs: number[] = []
  const rate = async (work: () => Promise<unknown>) => {
    const from_ms = performance.now()
    await work()
    return INGEST_BYTES / 1e6 / ((performance.now() - from_ms) / 1000)
  }
  for (let i = 0; i < INGEST_TIMES; i++) {
    const typed = join(folder, `typed-${i}.bin`)
    theirs.push(await rate(async () => {
      await exec('cp', [source, typed])
      await exec('sha256sum', [typed])
      await exec('sync', [typed, folder])
    }))
    await rm(typed)
    ours.push(await rate(() => media.write('media', `raw/${i}.bin`, source)))
    await rm(join(root, 'raw', `${i}.bin`))
  }
  await rm(source)
  return { name: 'ingest.rate', value: median(ours), unit: 'MB/s copied, hashed and on the disk', peer: 'cp, sha256sum, sync', peer_value: median(theirs), ratio: median(ours.map((o, i) => o / theirs[i]!)) }
}

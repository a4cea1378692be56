import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { Tensor } from 'onnxruntime-node'
import sharp from 'sharp'
import { Fault } from '../../core/contract/fault.ts'
import { decode, headOf, type Family, type Found } from './heads.ts'
import { COCO, VEHICLES } from './labels.ts'
import type { Picture } from './picture.ts'
import { loadModel, type Model } from './sessions.ts'

/** Something that an object detector saw; the box in parts of the picture, 0 to 1. */
export interface Thing extends Omit<Found, 'cls'> {
  readonly label: string
}

export interface ObjectDetector {
  readonly model: string
  readonly find: (picture: Picture) => Promise<Thing[]>
}

const MIN_SCORE = 0.4
/** FastestDet's scores are roots, and so higher. */
const MIN_SCORE_FASTEST = 0.6
/** For models that take any size. */
const ANY_SIZE_PX = 640
/** What letterboxed pictures are filled up with. */
const PAD_LEVEL = 114

/** The first .onnx of the folder by name; null when there is none, or no such folder.
 *  With 80 classes it is taken to know COCO; else a text file of the same name tells its labels, one a line.
 *  Throws Fault `model/invalid`. */
export async function findObjectDetector(folder: string, threads: number): Promise<ObjectDetector | null> {
  const name = (await list(folder)).filter((file) => file.toLowerCase().endsWith('.onnx')).sort()[0]
  return name === undefined ? null : loadObjectDetector(join(folder, name), threads)
}

/** Throws Fault `model/missing`, `model/invalid`. */
export async function loadObjectDetector(path: string, threads: number): Promise<ObjectDetector> {
  const model = await loadModel(path, threads)
  const size = inputSize(model, path)
  const labels = await labelsBeside(path)
  const run = (picture: Picture) => detect(model, path, size, labels, picture)
  await run({ rgb: new Uint8Array(32 * 32 * 3), width: 32, height: 32 }) // its shapes are only known for sure when it has run
  return { model: `${basename(path)} ${model.digest}`, find: run }
}

interface Size { readonly width: number; readonly height: number }

async function detect(model: Model, path: string, size: Size, ownLabels: readonly string[] | null, picture: Picture): Promise<Thing[]> {
  const { session } = model
  const shape = [1, 3, size.height, size.width]
  const outputs = session.outputMetadata.map((output) => (output.isTensor ? output.shape : []))
  // FastestDet shows itself by its output of four dimensions, and takes the whole picture stretched.
  const stretched = outputs[0]?.length === 4
  const { rgb, usedWidth, usedHeight } = stretched ? await filled(picture, size) : await letterboxed(picture, size)
  const grid = outputs[0] !== undefined && headOf([1, ...outputs[0].slice(1).map(Number)], size.width, size.height)?.family === 'grid'
  const levels: Levels = stretched ? 'bgr-1' : grid ? 'bgr-255' : 'rgb-1'
  const output = await attempt(path, async () => (await session.run({ [session.inputNames[0]!]: new Tensor('float32', planes(rgb, levels), shape) }))[session.outputNames[0]!]!)
  const head = headOf(output.dims, size.width, size.height)
  if (head === null || output.type !== 'float32') {
    throw new Fault('model/invalid', `${path} gives ${output.type} [${output.dims.join(', ')}]: no detector of the YOLO family that is known here (YOLOv5 to v12, YOLOX, FastestDet)`)
  }
  const labels = labelsFor(path, head.classes, ownLabels)
  const found = decode(head, output.data as Float32Array, output.dims, size.width, size.height, minScore(head.family))
  return found.flatMap(({ cls, score, ...box }) => {
    const label = labels[cls]
    if (label === undefined || (labels === COCO && !VEHICLES.has(label))) return []
    const x = (part: number) => Math.min(1, Math.max(0, (part * size.width) / usedWidth))
    const y = (part: number) => Math.min(1, Math.max(0, (part * size.height) / usedHeight))
    return [{ label, score, left: x(box.left), top: y(box.top), right: x(box.right), bottom: y(box.bottom) }]
  })
}

const minScore = (family: Family) => (family === 'fastest' ? MIN_SCORE_FASTEST : MIN_SCORE)

function inputSize({ session }: Model, path: string): Size {
  const input = session.inputMetadata[0]
  if (session.inputNames.length !== 1 || input === undefined || !input.isTensor || input.type !== 'float32' || input.shape.length !== 4 || input.shape[1] !== 3) {
    const told = input?.isTensor === true ? `${input.type} [${input.shape.join(', ')}]` : 'something else'
    throw new Fault('model/invalid', `${path} takes ${told}, not one picture as float32 [1, 3, height, width]`)
  }
  const [, , height, width] = input.shape
  return { width: typeof width === 'number' ? width : ANY_SIZE_PX, height: typeof height === 'number' ? height : ANY_SIZE_PX }
}

function labelsFor(path: string, classes: number | null, own: readonly string[] | null): readonly string[] {
  if (own !== null && (classes === null || own.length === classes)) return own
  if (own !== null) throw new Fault('model/invalid', `${path} knows ${classes} classes, and the file beside it names ${own.length}`)
  if (classes === null || classes === COCO.length) return COCO
  throw new Fault('model/invalid', `${path} knows ${classes} classes: name them in a text file of the same name beside it, one a line`)
}

async function labelsBeside(path: string): Promise<readonly string[] | null> {
  try {
    const lines = (await readFile(path.replace(/\.onnx$/i, '.txt'), 'utf8')).split(/\r?\n/).map((line) => line.trim())
    return lines.filter((line) => line !== '')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw new Fault('model/invalid', `The labels of ${path} cannot be read`, { cause })
  }
}

async function list(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw new Fault('model/missing', `The models folder ${folder} cannot be read`, { cause })
  }
}

async function attempt<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw new Fault('model/invalid', `${path} could not be run: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}

const raw = ({ rgb, width, height }: Picture) => sharp(rgb, { raw: { width, height, channels: 3 } })

async function filled(picture: Picture, { width, height }: Size) {
  const rgb = await raw(picture).resize(width, height, { fit: 'fill' }).raw().toBuffer()
  return { rgb, usedWidth: width, usedHeight: height }
}

/** In the upper left corner, its shape kept. */
async function letterboxed(picture: Picture, { width, height }: Size) {
  const scale = Math.min(width / picture.width, height / picture.height)
  const usedWidth = Math.max(1, Math.round(picture.width * scale))
  const usedHeight = Math.max(1, Math.round(picture.height * scale))
  const rgb = await raw(picture).resize(usedWidth, usedHeight, { fit: 'fill' })
    .extend({ right: width - usedWidth, bottom: height - usedHeight, background: { r: PAD_LEVEL, g: PAD_LEVEL, b: PAD_LEVEL } }).raw().toBuffer()
  return { rgb, usedWidth, usedHeight }
}

/** Order of the planes and the level of white, as the families were trained. */
type Levels = 'rgb-1' | 'bgr-1' | 'bgr-255'

function planes(rgb: Uint8Array, levels: Levels): Float32Array {
  const pixels = rgb.length / 3
  const out = new Float32Array(rgb.length)
  const gain = levels === 'bgr-255' ? 1 : 1 / 255
  const first = levels === 'rgb-1' ? 0 : 2
  for (let i = 0, from = 0; i < pixels; i++, from += 3) {
    out[i] = rgb[from + first]! * gain
    out[pixels + i] = rgb[from + 1]! * gain
    out[2 * pixels + i] = rgb[from + 2 - first]! * gain
  }
  return out
}

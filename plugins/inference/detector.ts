import { Tensor } from 'onnxruntime-node'
import sharp from 'sharp'
import { isPlateShaped, joined, textBoxes, type TextBox, type TextMap } from './boxes.ts'
import type { Picture } from './picture.ts'
import { builtIn, loadModel, type Model } from './sessions.ts'

const LONG_SIDE_PX = 1280
/** A small picture is not blown up beyond this: what is too small to read stays so, and costs. */
const MAX_ENLARGE = 3
/** The network halves its picture five times. */
const STEP_PX = 32

/** Where text may be. One a process; `find` is not to be called twice at once. */
export interface Detector {
  readonly model: string
  readonly find: (picture: Picture) => Promise<TextBox[]>
}

/** PP-OCRv4's text detector. */
export async function loadDetector(threads: number): Promise<Detector> {
  const model = await loadModel(builtIn('ch_PP-OCRv4_det_infer.onnx'), threads)
  return {
    model: `ch_PP-OCRv4_det ${model.digest}`,
    async find(picture) {
      const boxes = textBoxes(await textMap(model, picture))
      return [...boxes, ...joined(boxes)].filter((box) => isPlateShaped(box, picture.height))
    },
  }
}

async function textMap(model: Model, picture: Picture): Promise<TextMap> {
  const scale = Math.min(MAX_ENLARGE, LONG_SIDE_PX / Math.max(picture.width, picture.height))
  const used = scaled(picture, scale)
  // Padded, not stretched: a frame of 1280 × 720 goes in as it is.
  const width = toStep(used.width)
  const height = toStep(used.height)
  const input = new Tensor('float32', normalised(await resized(picture, used), width, height), [1, 3, height, width])
  const { session } = model
  const output = (await session.run({ [session.inputNames[0]!]: input }))[session.outputNames[0]!]!
  return {
    probability: output.data as Float32Array, width, height,
    cellWidth_px: picture.width / used.width, cellHeight_px: picture.height / used.height,
  }
}

interface Size { readonly width: number; readonly height: number }

const scaled = ({ width, height }: Size, scale: number): Size =>
  ({ width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) })
const toStep = (px: number) => Math.ceil(px / STEP_PX) * STEP_PX

async function resized(picture: Picture, { width, height }: Size): Promise<Picture> {
  if (picture.width === width && picture.height === height) return picture
  const rgb = await sharp(picture.rgb, { raw: { width: picture.width, height: picture.height, channels: 3 } })
    .resize(width, height, { fit: 'fill', kernel: 'cubic' }).raw().toBuffer()
  return { rgb, width, height }
}

// The means and deviations of ImageNet, in the order in which PP-OCR was trained: blue, green, red planes, yet with red's figures first.
const MEAN = [0.485, 0.456, 0.406]
const DEVIATION = [0.229, 0.224, 0.225]
const LEVELS = MEAN.map((mean, plane) => Float32Array.from({ length: 256 }, (_, level) => (level / 255 - mean) / DEVIATION[plane]!))

/** Planes blue, green, red as the network takes them, the picture in the upper left corner, the mean colour around it. */
function normalised({ rgb, width: used, height: rows }: Picture, width: number, height: number): Float32Array {
  const plane = width * height
  const planes = new Float32Array(3 * plane)
  const [blue, green, red] = LEVELS as [Float32Array, Float32Array, Float32Array]
  for (let y = 0, from = 0; y < rows; y++) {
    for (let x = 0, to = y * width; x < used; x++, to++, from += 3) {
      planes[to] = blue[rgb[from + 2]!]!
      planes[plane + to] = green[rgb[from + 1]!]!
      planes[2 * plane + to] = red[rgb[from]!]!
    }
  }
  return planes
}

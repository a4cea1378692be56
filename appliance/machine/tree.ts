/** Small files of the kernel's trees (/sys, /proc), which may or may not be there. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { basename } from 'node:path'

/** Null: not there, not ours to read, or its driver had no answer. */
export function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (e) {
    return unreadable(e)
  }
}

/** Null as well when it is no number. */
export function readNumber(path: string): number | null {
  const text = read(path)
  return text !== null && /^-?\d+$/.test(text) ? Number(text) : null
}

/** Sorted; empty when the folder is not there. */
export function list(path: string): string[] {
  try {
    return readdirSync(path).sort()
  } catch (e) {
    return unreadable(e) ?? []
  }
}

/** The name of what a link points to. */
export function linked(path: string): string | null {
  try {
    return basename(readlinkSync(path))
  } catch (e) {
    return unreadable(e)
  }
}

/** A sensor may answer with nearly any error; what is no answer of the system at all is a bug of ours. */
function unreadable(e: unknown): null {
  if (e instanceof Error && 'code' in e) return null
  throw e
}

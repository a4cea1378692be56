/**
 * All that a stage has started, and what that has started: those of its process group, and those that left it but still
 * carry its mark in their environment. Linux only; elsewhere a family is its group, and is not counted.
 */
import { readdirSync, readFileSync } from 'node:fs'

/** The variable whose value each stage process hands down: `<agent>.<number>`. */
export const MARK = 'VIEWSHED_STAGE'

export interface Member { readonly pid: number; readonly group: number; readonly mark: string | null }

/** Processes with a mark that begins with `prefix`, and those of `groups`. Reads one or two small files a process: not for every moment. */
export function census(prefix: string, groups: ReadonlySet<number>): Member[] {
  const found: Member[] = []
  for (const name of entries('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const stat = text(`/proc/${name}/stat`)
    if (stat === null) continue
    const [state, , group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (state === 'Z') continue
    const mark = markIn(text(`/proc/${name}/environ`), prefix)
    if (mark !== null || groups.has(Number(group))) found.push({ pid: Number(name), group: Number(group), mark })
  }
  return found
}

/** How many processes and threads there are on the machine: one small file, and a leap in it is the time for a census. Null: not known here. */
export function population(): number | null {
  const total = /\d+\/(\d+)/.exec(text('/proc/loadavg') ?? '')
  return total ? Number(total[1]) : null
}

/** Whether a process is of one of these groups; null: there is none of that number in our sight. */
export function isOf(pid: number, groups: ReadonlySet<number>): boolean | null {
  const stat = text(`/proc/${pid}/stat`)
  return stat === null ? null : groups.has(Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]))
}

function markIn(environ: string | null, prefix: string): string | null {
  const at = environ === null ? -1 : `\0${environ}`.indexOf(`\0${MARK}=${prefix}`)
  return at < 0 ? null : environ!.slice(at + MARK.length + 1).split('\0', 1)[0]!
}

function text(path: string): string | null {
  try {
    return readFileSync(path, 'latin1')
  } catch (e) {
    if (e instanceof Error && 'code' in e) return null // it ended, or is another user's
    throw e
  }
}

function entries(path: string): string[] {
  try {
    return readdirSync(path)
  } catch (e) {
    if (e instanceof Error && 'code' in e) return []
    throw e
  }
}

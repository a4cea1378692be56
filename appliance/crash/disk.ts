/** Small disks of our own (tmpfs), that can be filled to the last byte and freed again. Needs root. */
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmdirSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isRunning } from './processes.ts'
import { tool, whyNot } from './tool.ts'

export interface Disk {
  readonly folder: string
  fill(): void
  free(): void
  close(): void
}

const SOURCE = 'viewshed-crash' // what /proc/mounts calls them, with the process that made them
const STEP_BYTES = 2 ** 20
const BALLAST = '.ballast'

/** @param folder made if it is not there; empty afterwards */
export function openDisk(folder: string, size_mib: number): Disk {
  sweepDisks()
  mkdirSync(folder, { recursive: true })
  tool('mount', '-t', 'tmpfs', '-o', `size=${size_mib}m`, `${SOURCE}-${process.pid}`, folder)
  const ballast = join(folder, BALLAST)
  return {
    folder,
    fill() {
      const file = openSync(ballast, 'a')
      try {
        for (let step_bytes = STEP_BYTES; step_bytes > 0;) if (!grown(file, step_bytes)) step_bytes = Math.floor(step_bytes / 2)
      } finally {
        closeSync(file)
      }
    },
    free: () => rmSync(ballast, { force: true }),
    // Lazily: a process that was killed may still be on its way out of it.
    close: () => void tool('umount', '-l', folder),
  }
}

/** Null: small disks can be made here. Otherwise why not. */
export function whyNoDisk(): string | null {
  if (process.platform !== 'linux') return 'small disks are made of tmpfs, on Linux'
  if (process.getuid?.() !== 0) return 'disks are root\'s to mount'
  return whyNot(() => {
    const at = mkdtempSync(join(tmpdir(), 'viewshed-disk-'))
    try {
      openDisk(at, 1).close()
    } finally {
      rmdirSync(at)
    }
  })
}

/** What runs of ours left mounted that were killed. */
export function sweepDisks(): void {
  for (const line of readFileSync('/proc/mounts', 'utf8').split('\n')) {
    const [source, folder] = line.split(' ')
    const pid = new RegExp(`^${SOURCE}-(\\d+)$`).exec(source!)?.[1]
    if (pid !== undefined && !isRunning(Number(pid))) tool('umount', '-l', folder!)
  }
}

/** False: there is no room for it. */
function grown(file: number, bytes: number): boolean {
  try {
    return writeSync(file, Buffer.alloc(bytes)) === bytes
  } catch (e) {
    if (e instanceof Error && 'code' in e && e.code === 'ENOSPC') return false
    throw e
  }
}

/** Another clock for a process that is about to start, and for all that it starts: libfaketime. The machine's own stays as it is. */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Environment of a process whose clock is `offset_s` ahead (less than 0: behind). Time passes as always, and files keep their true dates. */
export function shiftedClock(offset_s: number): NodeJS.ProcessEnv {
  const library = found()
  if (library === null) throw new Error('libfaketime is not installed')
  return {
    LD_PRELOAD: library,
    FAKETIME: `${offset_s < 0 ? '-' : '+'}${Math.abs(offset_s)}`,
    FAKETIME_DONT_FAKE_MONOTONIC: '1', // a timer counts what passes, whatever the clock says
    NO_FAKE_STAT: '1',
    FAKETIME_DISABLE_SHM: '1', // or each process that is killed leaves some shared memory
  }
}

/** Null: Node's clock can be shifted here. Otherwise why not. */
export function whyNoClock(): string | null {
  if (process.platform !== 'linux') return 'libfaketime is used on Linux only'
  if (found() === null) return 'libfaketime is not installed (Debian: faketime)'
  const { stdout } = spawnSync(process.execPath, ['-p', 'Date.now()'], { encoding: 'utf8', env: { ...process.env, ...shiftedClock(86_400) } })
  return Number(stdout) > Date.now() + 80_000_000 ? null : 'libfaketime has no hold on Node here'
}

function found(): string | null {
  for (const folder of ['/usr/lib', '/usr/lib64', '/usr/local/lib', ...multiarch()]) {
    const path = join(folder, 'faketime', 'libfaketimeMT.so.1')
    if (existsSync(path)) return path
  }
  return null
}

const multiarch = (): string[] => (existsSync('/usr/lib') ? readdirSync('/usr/lib').filter((name) => name.endsWith('-linux-gnu')).map((name) => join('/usr/lib', name)) : [])

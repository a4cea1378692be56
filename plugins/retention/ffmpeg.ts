/** ffmpeg as a guest: below everything else that wants the machine, and on no more cores than it was given. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { availableParallelism, setPriority } from 'node:os'
import { createInterface } from 'node:readline'
import { Fault } from '../../core/contract/fault.ts'

const TASKSET = '/usr/bin/taskset'
const NICE = 10

export interface Means {
  readonly signal: AbortSignal
  /** Cores that it may use, decoder, filters and encoder together; left out: all. */
  readonly threads?: number
  /** Each line of standard output, split at its first `=`. */
  readonly heard?: (key: string, value: string, line: string) => void
}

/** The budget of one encoding. 0 asks for half of the cores, so that a NAS stays what it is for. */
export const budget = (wanted: number, cores = availableParallelism()): number => (wanted === 0 ? Math.max(1, Math.floor(cores / 2)) : Math.min(wanted, cores))

/** What it said last on standard error. Throws Fault `tool/failed`, `media/full`, or the signal's reason; nothing of it goes on then. */
export async function ffmpeg(args: readonly string[], { signal, threads, heard = () => undefined }: Means): Promise<string> {
  signal.throwIfAborted()
  const [command, ...all] = bounded(['ffmpeg', '-nostdin', '-hide_banner', '-v', 'error', '-progress', 'pipe:1', '-nostats', ...args], threads)
  const child = spawn(command!, all, { stdio: ['ignore', 'pipe', 'pipe'] })
  const stop = () => child.kill('SIGKILL') // what was whole before is whole; the rest is made again
  signal.addEventListener('abort', stop)
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => { said = (said + text).slice(-4000) })
  createInterface({ input: child.stdout }).on('line', (line) => {
    const at = line.indexOf('=')
    heard(line.slice(0, Math.max(0, at)), line.slice(at + 1), line)
  })
  child.once('spawn', () => yieldTo(child.pid!))
  try {
    const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
    signal.throwIfAborted()
    if (code !== 0) throw new Fault(/No space left/i.test(said) ? 'media/full' : 'tool/failed', `ffmpeg ended with ${code ?? 'a signal'}: ${said.trim().split('\n').slice(-3).join(' · ')}`)
    return said
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** `-threads` bounds each part of ffmpeg by itself; only the kernel bounds their sum. */
function bounded(command: readonly string[], threads: number | undefined): string[] {
  if (threads === undefined || threads >= availableParallelism() || process.platform !== 'linux' || !existsSync(TASKSET)) return [...command]
  return [TASKSET, '-c', `0-${threads - 1}`, ...command]
}

function yieldTo(pid: number): void {
  try {
    setPriority(pid, NICE)
  } catch (e) {
    if (!(e instanceof Error && 'code' in e && e.code === 'ERR_SYSTEM_ERROR')) throw e // it has ended already, or may not be changed
  }
}

let filters: Promise<string> | null = null
/** Whether this ffmpeg was built with a filter. */
export async function hasFilter(name: string, signal: AbortSignal): Promise<boolean> {
  let text = ''
  filters ??= ffmpeg(['-filters'], { signal, heard: (_key, _value, line) => { text += `${line}\n` } }).then(() => text)
  filters.catch(() => { filters = null })
  return new RegExp(`^ \\S+ +${name} `, 'm').test(await filters)
}

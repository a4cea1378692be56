/**
 * One process in which stages run, so that they cannot take their agent down: killed with it, capped in memory, first in
 * line for the kernel's out-of-memory killer, in a process group of its own so that what it started (ffmpeg) goes too.
 *
 * It may write below its own folder, in the staging folders of mounted volumes and where it is told to, and nowhere else:
 * Node's permission model refuses it, in Node processes that it starts as well. That holds back a mistake, not malice. Native code
 * (an add-on, ffmpeg, perl) writes wherever the agent's user may; run the agent as a user of its own
 * (systemd/viewshed-agent.service) for that. Reading, the network and starting programs are not held back.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Fault } from '../core/contract/fault.ts'
import type { FromChild, RunOrder } from './child-protocol.ts'
import { MARK } from './family.ts'
import type { PidsGroup } from './pids-group.ts'

const ENTRY = fileURLToPath(new URL('./child.ts', import.meta.url))
const SETPRIV = '/usr/bin/setpriv'
const PRLIMIT = '/usr/bin/prlimit'
const PAGE_BYTES = 4096
const WATCH_EVERY_MS = 250
/** Native allocations beyond the cap are refused by the kernel; the heap, code and thread stacks need this much besides. */
const DATA_HEADROOM_MIB = 600
const TAIL_CHARS = 4000
const LAST_WORDS_MS = 1000
/** A stage that does not listen costs its process, not the machine. */
const DEAF_MS = 5_000

export type Done = Extract<FromChild, { kind: 'done' }>
type Progress = (done: number, what: string | null) => void

export interface StageProcessOptions {
  readonly plugin: string
  readonly cap_mib: number
  readonly folder: string // its own, and that of its tasks
  readonly writes: readonly string[] // other folders that it may write in
  readonly mark: string // handed down to all that it starts
  readonly group: PidsGroup | null // that it is put into
  readonly most_tasks: number // processes and threads, where the user's are counted; Infinity: do not
  readonly stall_ms: number // a task that gives no sign of life for so long has stalled
  readonly plugins?: string // module whose default export lists the plugins; default: ours
}

interface Waiter { readonly done: (m: Done) => void; readonly fail: (e: Fault) => void; readonly progress: Progress; alive_ms: number; stalled: boolean }

export class StageProcess {
  readonly plugin: string
  readonly folder: string
  readonly mark: string
  readonly group: PidsGroup | null
  readonly process: ChildProcess
  dead = false
  /** It ended while it had a task. */
  died = false
  idleTimer: NodeJS.Timeout | undefined
  #tail = ''
  #why: Fault | null = null // why we ended it
  readonly #stall_ms: number
  readonly #waiting = new Map<string, Waiter>()

  constructor({ plugin, cap_mib, folder, writes, mark, group, most_tasks, stall_ms, plugins }: StageProcessOptions) {
    this.plugin = plugin
    this.folder = folder
    this.mark = mark
    this.group = group
    this.#stall_ms = stall_ms
    const heap_mib = Math.max(128, Math.min(512, cap_mib))
    const node = [process.execPath, `--max-old-space-size=${heap_mib}`, ...permissions([folder, ...writes]), ENTRY, ...(plugins ? [plugins] : [])]
    const [command, ...args] = contained(node, cap_mib, most_tasks)
    this.process = spawn(command!, args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], detached: process.platform !== 'win32', env: { ...withoutSecrets(process.env), [MARK]: mark } })
    if (this.process.pid !== undefined) {
      preferredVictim(this.process.pid)
      group?.take(this.process.pid) // long before the first word of a stage runs in it
    }
    this.process.stderr?.on('data', (data: Buffer) => { this.#tail = (this.#tail + data.toString()).slice(-TAIL_CHARS) })
    const watch = setInterval(() => { this.#checkMemory(cap_mib); this.#checkLife() }, WATCH_EVERY_MS)
    this.process.on('message', (message: FromChild) => this.#hear(message))
    this.process.once('error', (e) => this.#gone(new Fault('stage/crashed', `its process did not start: ${e.message}`, { cause: e })))
    this.process.once('exit', (code, signal) => {
      this.dead = true
      clearInterval(watch)
      clearTimeout(this.idleTimer)
      if (this.process.pid !== undefined) killGroup(this.process.pid) // what the stage itself had started
      const last = () => this.#gone(this.#fault(cap_mib, code, signal))
      const timer = setTimeout(last, LAST_WORDS_MS)
      this.process.once('close', () => { clearTimeout(timer); last() }) // its last words have arrived
    })
  }

  run(order: RunOrder, progress: Progress): Promise<Done> {
    return new Promise((done, fail) => {
      if (this.dead) return fail(new Fault('stage/crashed', 'its process had ended'))
      this.#waiting.set(order.task, { done, fail, progress, alive_ms: performance.now(), stalled: false })
      this.process.send(order, (e) => { if (e) this.#gone(new Fault('stage/crashed', e.message, { cause: e })) })
    })
  }

  abort(task: string): void {
    if (this.process.connected) this.process.send({ kind: 'abort', task }, () => undefined) // it ended a moment ago: `exit` says so
    const waiter = this.#waiting.get(task) // the same task may come again meanwhile
    setTimeout(() => { if (waiter && this.#waiting.get(task) === waiter) this.end(new Fault('task/cancelled', 'the stage was stopped')) }, DEAF_MS).unref()
  }

  /** Kills it, and says that as the reason. The first reason stays. */
  end(why: Fault): void {
    this.#why ??= why
    if (this.process.pid !== undefined && !this.dead) killGroup(this.process.pid)
  }

  #hear(message: FromChild): void {
    if (message.kind === 'ready') return
    const waiter = this.#waiting.get(message.task)
    if (!waiter) return
    waiter.alive_ms = performance.now()
    if (message.kind === 'alive') return
    if (message.kind === 'progress') return waiter.progress(message.done, message.what)
    this.#waiting.delete(message.task)
    if (message.kind === 'done') waiter.done(message)
    else waiter.fail(waiter.stalled ? this.#stalled() : Object.assign(new Fault(message.report.code, message.report.message), message.log ? { log: message.log } : {}))
  }

  #gone(fault: Fault): void {
    this.died ||= this.#waiting.size > 0
    for (const waiter of this.#waiting.values()) waiter.fail(waiter.stalled ? this.#stalled() : fault)
    this.#waiting.clear()
  }

  #fault(cap_mib: number, code: number | null, signal: NodeJS.Signals | null): Fault {
    const fault = this.#why
      ?? (/out of memory|bad_alloc|Cannot allocate memory|Array buffer allocation failed/.test(this.#tail) ? new Fault('stage/memory', `the stage was refused memory beyond its ${cap_mib} MiB`)
        : signal === 'SIGKILL' ? new Fault('stage/killed', 'the stage was killed from outside')
          : new Fault('stage/crashed', `the stage's process ended by ${signal ?? `exit code ${code}`}`))
    return Object.assign(fault, { log: this.#tail })
  }

  #stalled(): Fault {
    return Object.assign(new Fault('stage/stalled', `the stage gave no sign of life for ${Math.round(this.#stall_ms / 60_000)} minutes`), { log: this.#tail })
  }

  #checkMemory(cap_mib: number): void {
    if (this.process.pid !== undefined && rss_bytes(this.process.pid) > (cap_mib + 128) * 2 ** 20) this.end(new Fault('stage/memory', `the stage used more than its ${cap_mib} MiB`))
  }

  #checkLife(): void {
    for (const [task, waiter] of this.#waiting) {
      if (waiter.stalled || performance.now() - waiter.alive_ms < this.#stall_ms) continue
      waiter.stalled = true
      this.abort(task)
    }
  }
}

/** What a stage cannot do without: its tools, its add-ons (sharp, onnxruntime), workers. `*` after a folder is all that is below it. */
function permissions(folders: readonly string[]): string[] {
  const seen = process.env['VIEWSHED_CRASH_SEEN'] // write points tell there that they were passed
  const writes = [...folders.flatMap((folder) => [folder, join(folder, '*')]), ...(seen ? [seen] : [])]
  return ['--disable-warning=ExperimentalWarning', '--disable-warning=SecurityWarning', '--permission', '--allow-fs-read=*', ...writes.map((path) => `--allow-fs-write=${path}`), '--allow-child-process', '--allow-addons', '--allow-worker']
}

/**
 * On Linux: dies with its parent; the kernel refuses native allocations beyond the cap, and to a user other than root processes beyond its number.
 * The cap is a soft limit: what a person allows a script of their own goes above it.
 */
function contained(command: readonly string[], cap_mib: number, most_tasks: number): string[] {
  if (process.platform !== 'linux' || !existsSync(SETPRIV) || !existsSync(PRLIMIT)) return [...command]
  const limits = [`--data=${(cap_mib + DATA_HEADROOM_MIB) * 2 ** 20}:`, '--core=0', ...(Number.isFinite(most_tasks) ? [`--nproc=${most_tasks}`] : [])]
  return [SETPRIV, '--pdeathsig', 'KILL', PRLIMIT, ...limits, ...command]
}

/** A stage's process knows nothing of our secrets. */
function withoutSecrets(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/TOKEN|SECRET|PASSWORD/i.test(name)))
}

function preferredVictim(pid: number): void {
  if (process.platform !== 'linux') return
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, '800')
  } catch (e) {
    if (!(e instanceof Error && 'code' in e && ['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(String(e.code)))) throw e
  }
}

export function rss_bytes(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]) * PAGE_BYTES
  } catch (e) {
    if (e instanceof Error && 'code' in e && ['ENOENT', 'ESRCH'].includes(String(e.code))) return 0 // ended, or no /proc
    throw e
  }
}

export function killGroup(pid: number, signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT' = 'SIGKILL'): void {
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, signal)
  } catch (e) {
    if (!(e instanceof Error && 'code' in e && e.code === 'ESRCH')) throw e
  }
}

/**
 * Stage processes that cannot take their agent down: killed with it, capped in memory, first in line for the kernel's
 * out-of-memory killer, each in a process group of its own so that what it started (ffmpeg) goes too.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Fault } from '../core/contract/fault.ts'
import type { FromChild, RunOrder } from './child-protocol.ts'
import { budget } from './restart-budget.ts'

const ENTRY = fileURLToPath(new URL('./child.ts', import.meta.url))
const PAGE_BYTES = 4096
const WATCH_EVERY_MS = 250
/** Native allocations beyond the cap are refused by the kernel; the heap, code and thread stacks need this much besides. */
const DATA_HEADROOM_MIB = 600
const IDLE_STOP_MS = 60_000
const TAIL_CHARS = 4000
const LAST_WORDS_MS = 1000

export interface Running {
  readonly result: Promise<Extract<FromChild, { kind: 'done' }>> // rejects with a Fault
  abort(): void
}

export type Children = ReturnType<typeof openChildren>

export interface ChildrenOptions {
  /** Told of each process group when it starts and ends, so that somebody outlives us to end it. */
  readonly onGroup: (change: '+' | '-', pgid: number) => void
  /** Module whose default export lists the plugins; default: ours. */
  readonly plugins?: string
}

export function openChildren({ onGroup, plugins }: ChildrenOptions) {
  const idle = new Map<string, Child[]>()
  const all = new Set<Child>()
  const deaths = new Map<string, ReturnType<typeof budget>>()

  function take(plugin: string, cap_mib: number): Child {
    const warm = idle.get(plugin)?.pop()
    if (warm) {
      clearTimeout(warm.idleTimer)
      return warm
    }
    const child = new Child(plugin, cap_mib, onGroup, plugins)
    all.add(child)
    child.process.once('exit', () => {
      all.delete(child)
      idle.set(plugin, (idle.get(plugin) ?? []).filter((c) => c !== child))
    })
    return child
  }

  function giveBack(child: Child): void {
    if (child.dead) return
    idle.set(child.plugin, [...(idle.get(child.plugin) ?? []), child])
    child.idleTimer = setTimeout(() => child.stop(), IDLE_STOP_MS)
    child.idleTimer.unref()
  }

  return {
    /** How long this plugin's children must rest after dying too often; 0: not at all. */
    rest_ms: (plugin: string, now_ms: number) => deaths.get(plugin)?.rest_ms(now_ms) ?? 0,

    run(plugin: string, cap_mib: number, order: RunOrder, onProgress: (done: number, what: string | null) => void): Running {
      const child = take(plugin, cap_mib)
      const result = child.run(order, onProgress)
      void result.then(() => giveBack(child), (e: unknown) => {
        if (child.dead || (e instanceof Fault && e.code.startsWith('stage/') && child.died)) {
          const b = deaths.get(plugin) ?? budget()
          deaths.set(plugin, b)
          b.died(Date.now())
        } else giveBack(child)
      })
      return { result, abort: () => child.abort(order.task) }
    },
    /** Pids of the stage processes that are alive. */
    pids: () => [...all].map((child) => child.process.pid).filter((pid) => pid !== undefined),
    stop(): void {
      for (const child of all) child.stop()
    },
  }
}

class Child {
  readonly plugin: string
  readonly process: ChildProcess
  dead = false
  died = false
  idleTimer: NodeJS.Timeout | undefined
  #tail = ''
  #overMemory = false
  #stopping = false
  readonly #waiting = new Map<string, { done: (m: Extract<FromChild, { kind: 'done' }>) => void; fail: (e: Fault) => void; progress: (done: number, what: string | null) => void }>()

  constructor(plugin: string, cap_mib: number, onGroup: ChildrenOptions['onGroup'], plugins: string | undefined) {
    this.plugin = plugin
    const heap_mib = Math.max(128, Math.min(512, cap_mib))
    const node = [process.execPath, `--max-old-space-size=${heap_mib}`, '--disable-warning=ExperimentalWarning', ENTRY, ...(plugins ? [plugins] : [])]
    const [command, ...args] = contained(node, cap_mib)
    this.process = spawn(command!, args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], detached: process.platform !== 'win32', env: childEnv() })
    const pid = this.process.pid
    if (pid !== undefined) {
      onGroup('+', pid)
      preferredVictim(pid)
    }
    this.process.stderr?.on('data', (data: Buffer) => { this.#tail = (this.#tail + data.toString()).slice(-TAIL_CHARS) })
    const watch = setInterval(() => this.#checkMemory(cap_mib), WATCH_EVERY_MS)
    this.process.on('message', (message: FromChild) => this.#hear(message))
    this.process.once('error', (e) => this.#gone(new Fault('stage/crashed', `its process did not start: ${e.message}`, { cause: e })))
    this.process.once('exit', (code, signal) => {
      this.dead = true
      clearInterval(watch)
      clearTimeout(this.idleTimer)
      if (pid !== undefined) {
        killGroup(pid) // what the stage itself had started
        onGroup('-', pid)
      }
      const last = () => this.#gone(this.#fault(cap_mib, code, signal))
      const timer = setTimeout(last, LAST_WORDS_MS)
      this.process.once('close', () => { clearTimeout(timer); last() }) // its last words have arrived
    })
  }

  run(order: RunOrder, progress: (done: number, what: string | null) => void): Promise<Extract<FromChild, { kind: 'done' }>> {
    return new Promise((done, fail) => {
      if (this.dead) return fail(new Fault('stage/crashed', 'its process had ended'))
      this.#waiting.set(order.task, { done, fail, progress })
      this.process.send(order, (e) => { if (e) this.#gone(new Fault('stage/crashed', e.message, { cause: e })) })
    })
  }

  abort(task: string): void {
    if (this.process.connected) this.process.send({ kind: 'abort', task })
    // A stage that does not listen costs its process, not the machine.
    setTimeout(() => { if (this.#waiting.has(task)) this.stop() }, 5_000).unref()
  }

  stop(): void {
    this.#stopping = true
    if (this.process.pid !== undefined) killGroup(this.process.pid)
  }

  #hear(message: FromChild): void {
    if (message.kind === 'ready') return
    const waiter = this.#waiting.get(message.task)
    if (!waiter) return
    if (message.kind === 'progress') return waiter.progress(message.done, message.what)
    this.#waiting.delete(message.task)
    if (message.kind === 'done') waiter.done(message)
    else waiter.fail(Object.assign(new Fault(message.report.code, message.report.message), message.log ? { log: message.log } : {}))
  }

  #gone(fault: Fault): void {
    this.died ||= this.#waiting.size > 0
    for (const waiter of this.#waiting.values()) waiter.fail(fault)
    this.#waiting.clear()
  }

  #fault(cap_mib: number, code: number | null, signal: NodeJS.Signals | null): Fault {
    const with_ = (fault: Fault) => Object.assign(fault, { log: this.#tail })
    if (this.#stopping) return with_(new Fault('task/cancelled', 'the stage was stopped'))
    if (this.#overMemory) return with_(new Fault('stage/memory', `the stage used more than its ${cap_mib} MiB`))
    if (/out of memory|bad_alloc|Cannot allocate memory|Array buffer allocation failed/.test(this.#tail)) return with_(new Fault('stage/memory', `the stage was refused memory beyond its ${cap_mib} MiB`))
    if (signal === 'SIGKILL') return with_(new Fault('stage/killed', 'the stage was killed from outside'))
    return with_(new Fault('stage/crashed', `the stage's process ended by ${signal ?? `exit code ${code}`}`))
  }

  #checkMemory(cap_mib: number): void {
    if (this.process.pid === undefined || rss_bytes(this.process.pid) <= (cap_mib + 128) * 2 ** 20) return
    this.#overMemory = true
    killGroup(this.process.pid)
  }
}

/** On Linux: dies with its parent, and the kernel refuses native allocations beyond the cap (RLIMIT_DATA). */
function contained(command: readonly string[], cap_mib: number): string[] {
  if (process.platform !== 'linux' || !existsSync('/usr/bin/setpriv')) return [...command]
  return ['/usr/bin/setpriv', '--pdeathsig', 'KILL', 'sh', '-c', `ulimit -d ${(cap_mib + DATA_HEADROOM_MIB) * 1024}; exec "$@"`, 'sh', ...command]
}

/** A stage's process knows nothing of our secrets. */
function childEnv(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/TOKEN|SECRET|PASSWORD/i.test(name)))
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

export function killGroup(pid: number): void {
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, 'SIGKILL')
  } catch (e) {
    if (!(e instanceof Error && 'code' in e && e.code === 'ESRCH')) throw e
  }
}

/** The stage processes of an agent: warm ones are used again, and what one of them started without end is ended. */
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { Fault } from '../core/contract/fault.ts'
import type { RunOrder } from './child-protocol.ts'
import { census, isOf, population } from './family.ts'
import { groupsFolder, openPidsGroup, sweepGroups, type PidsGroup } from './pids-group.ts'
import { budget } from './restart-budget.ts'
import { KEPT } from './scratch.ts'
import { killGroup, StageProcess, type Done } from './stage-process.ts'

const IDLE_STOP_MS = 60_000
/** Downloads and tools that say nothing themselves are given a sign by the process that waits for them; a loop without end is not. */
const STALL_MS = 30 * 60_000
const MOST_PROCESSES = 256 // of one stage
const MOST_TASKS = 512 + 16 * availableParallelism() // threads too: a model or an encoder has some for each core
const COUNT_EVERY_MS = 100
const LEAP = 128 // processes and threads more on the machine than at the last census

export interface Running {
  readonly result: Promise<Done> // rejects with a Fault
  readonly scratch: string // the task's own folder; whoever has the result removes it
  abort(): void
}

export type Children = ReturnType<typeof openChildren>

export interface ChildrenOptions {
  readonly scratch: string // folder below which each process has its own
  /** Other folders that stages write in. */
  readonly writes?: readonly string[]
  /** Told of each process group when it starts and ends, so that somebody outlives us to end it. */
  readonly onGroup: (change: '+' | '-', pgid: number) => void
  /** Our part of the mark that all processes of our stages carry. */
  readonly mark?: string
  readonly stall_ms?: number
  /** Whether the kernel is to bound the number of a stage's processes where it can; without it they are counted, which a stage that doubles may outrun. */
  readonly bounded?: boolean
  /** Module whose default export lists the plugins; default: ours. */
  readonly plugins?: string
}

export function openChildren({ scratch, writes = [], onGroup, mark = randomUUID(), stall_ms = STALL_MS, bounded = true, plugins }: ChildrenOptions) {
  const idle = new Map<string, StageProcess[]>()
  const all = new Set<StageProcess>()
  const deaths = new Map<string, ReturnType<typeof budget>>()
  let started = 0
  let counted = population()
  const folder = bounded && process.platform === 'linux' ? groupsFolder(readFileSync('/proc/self/cgroup', 'utf8'), '/sys') : null
  if (folder !== null) sweepGroups(folder)
  const counting = counted === null ? undefined : setInterval(() => { if (all.size > 0) count() }, COUNT_EVERY_MS).unref()

  function take(plugin: string, cap_mib: number): StageProcess {
    const warm = idle.get(plugin)?.pop()
    if (warm) {
      clearTimeout(warm.idleTimer)
      return warm
    }
    const number = ++started
    const group = folder === null ? null : openPidsGroup(folder, `${mark}.${number}`, MOST_TASKS)
    // The kernel counts all tasks of a user, so those that are there are added; root's it does not count.
    const most_tasks = bounded && group === null && process.getuid?.() !== 0 ? (population() ?? Infinity) + MOST_TASKS : Infinity
    const child = new StageProcess({ plugin, cap_mib, folder: join(scratch, `stage-${number}`), writes: [...writes, join(scratch, KEPT)], mark: `${mark}.${number}`, group, most_tasks, stall_ms, plugins })
    all.add(child)
    const { pid } = child.process
    if (pid !== undefined) onGroup('+', pid)
    child.process.once('exit', () => {
      all.delete(child)
      idle.set(plugin, (idle.get(plugin) ?? []).filter((c) => c !== child))
      if (pid !== undefined) onGroup('-', pid)
      endFamily(child)
      if (group) removeSoon(group)
      void rm(child.folder, { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined) // the next owner of the scratch wipes it
    })
    return child
  }

  function giveBack(child: StageProcess): void {
    if (child.dead) return
    idle.set(child.plugin, [...(idle.get(child.plugin) ?? []), child])
    child.idleTimer = setTimeout(() => stop(child), IDLE_STOP_MS)
    child.idleTimer.unref()
  }

  /** A stage that multiplies is ended as a whole: its group in one stroke, then whoever had left it. */
  function count(): void {
    const tooMany = (child: StageProcess) => {
      child.end(new Fault('stage/failed', `the stage started more than ${MOST_PROCESSES} processes`))
      endFamily(child)
    }
    for (const child of all) if (child.group && (child.group.full() || child.group.pids().length > MOST_PROCESSES)) tooMany(child)
    const unbounded = [...all].filter((child) => !child.group)
    const now = population()!
    if (unbounded.length === 0 || now - counted! < LEAP) {
      counted = Math.min(counted!, now)
      return
    }
    // They stand still while they are counted: once many want to run we come to our turn too seldom to keep up.
    const still = unbounded.map((child) => child.process.pid).filter((pid) => pid !== undefined)
    for (const pid of still) killGroup(pid, 'SIGSTOP')
    const members = census(`${mark}.`, new Set(still))
    for (const child of unbounded) if (members.filter((member) => member.mark === child.mark || member.group === child.process.pid).length > MOST_PROCESSES) tooMany(child)
    for (const pid of still) killGroup(pid, 'SIGCONT')
    counted = population()
  }

  const groups = () => new Set([...all].map((child) => child.process.pid).filter((pid) => pid !== undefined))
  const stop = (child: StageProcess) => child.end(new Fault('task/cancelled', 'the stage was stopped'))

  return {
    /** How long this plugin's children must rest after dying too often; 0: not at all. */
    rest_ms: (plugin: string, now_ms: number) => deaths.get(plugin)?.rest_ms(now_ms) ?? 0,

    run(plugin: string, cap_mib: number, order: Omit<RunOrder, 'scratch' | 'kept'>, onProgress: (done: number, what: string | null) => void): Running {
      const child = take(plugin, cap_mib)
      const folder = join(child.folder, `${order.task}-${order.token}`)
      const result = child.run({ ...order, scratch: folder, kept: join(scratch, KEPT, order.task) }, onProgress)
      void result.then(() => giveBack(child), (e: unknown) => {
        if (child.dead || (e instanceof Fault && e.code.startsWith('stage/') && child.died)) {
          const b = deaths.get(plugin) ?? budget()
          deaths.set(plugin, b)
          b.died(performance.now())
        } else giveBack(child)
      })
      return { result, scratch: folder, abort: () => child.abort(order.task) }
    },
    /** Pids of the stage processes that are alive. */
    pids: () => [...groups()],
    /** Whether a process belongs to a stage; null: there is none of that number. */
    has: (pid: number) => isOf(pid, groups()),
    stop(): void {
      clearInterval(counting)
      for (const child of all) stop(child)
    },
  }
}

const ROUNDS = 20 // of those that multiply while they are looked for

/** Ends what carries the mark of a stage that has ended, or is in its kernel group, whatever process group it went to. */
function endFamily({ mark, group, process: { pid } }: StageProcess): void {
  if (pid !== undefined) killGroup(pid)
  for (let round = 0; round < ROUNDS; round++) {
    const left = new Set([...(group?.pids() ?? []), ...census(mark, new Set()).filter((member) => member.mark === mark).map((member) => member.pid)])
    if (left.size === 0) return
    for (const member of left) killOne(member)
  }
}

/** What was killed is in its group for a moment more. */
function removeSoon(group: PidsGroup, tries = 50): void {
  if (!group.remove() && tries > 0) setTimeout(() => removeSoon(group, tries - 1), 100).unref()
}

function killOne(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (e) {
    if (!(e instanceof Error && 'code' in e && e.code === 'ESRCH')) throw e
  }
}

/**
 * What core does itself: it waits, or touches only what core has. Its tasks are on the board like all others; here they are claimed,
 * asked whether they are done, and put aside until the moment that they name. Nothing of this is durable: after a restart everything
 * is claimed and asked anew, and tells the same moment from the same task.
 */
import type { Scope } from '../access/scope.ts'
import { Fault } from '../contract/fault.ts'
import type { OwnAnswer, OwnContext } from '../contract/plugin.ts'
import type { OpenBoard } from './board.ts'
import { Later } from './later.ts'
import { OWN, type Claim } from './port.ts'

/** One stage. */
export type OwnStage = () => Promise<{ run(input: never, ctx: OwnContext<never, never>): Promise<OwnAnswer<Record<string, unknown>>> }>

export interface OwnWork {
  /** There may be something to claim. */
  wake(): void
  /** Somebody said what a waiting task waited for. Throws Fault `task/unknown` when none of this name waits. */
  decide(task: string, output: Record<string, unknown>): Promise<void>
  /** What people are asked now, oldest first. */
  asking(): Promise<readonly Asking[]>
  close(): Promise<void>
}

export interface Asking { readonly task: string; readonly stage: string; readonly question: string; readonly input: Record<string, unknown>; readonly since_ms: number }

const AT_ONCE = 64
const LOOK_EVERY_MS = 250
const AGAIN_MS = 5_000 // what stood in the way was not the work
const CLOSE_MS = 3_000 // somebody who does not answer is not waited for

export function startOwnWork({ board, home, stages, clock, given, warn }: {
  board: Pick<OpenBoard, 'claim' | 'complete' | 'fault' | 'task' | 'progress'>
  home: Scope
  stages: Readonly<Record<string, OwnStage>>
  clock: () => number // UTC epoch, ms
  /** What a stage of this name is given beside its task. */
  given: (stage: string) => Pick<OwnContext<unknown>, 'config' | 'look' | 'say' | 'edit'>
  warn: (error: unknown, message: string) => void
}): OwnWork {
  const names = Object.keys(stages)
  const later = new Later<{ readonly claim: Claim; readonly asked_ms: number | null }>()
  const asking = new Map<string, Asking & { readonly token: string }>()
  const under = new Set<Promise<void>>() // one that hangs keeps none of the others
  let news = true
  let working: Promise<void> | null = null
  let closed = false

  async function work(): Promise<void> {
    for (const { claim, asked_ms } of later.due(clock())) begin(claim, asked_ms)
    while (news && !closed && under.size < AT_ONCE) {
      news = false
      const room = AT_ONCE - under.size
      const claims = await board.claim(OWN, home, names, room)
      for (const claim of claims) begin(claim, null)
      news ||= claims.length === room
    }
  }

  /** @param asked_ms Null: not known here yet. */
  function begin(claim: Claim, asked_ms: number | null): void {
    const one = attempt(claim, asked_ms).finally(() => {
      under.delete(one)
      if (news) look()
    })
    under.add(one)
  }

  async function attempt(claim: Claim, asked_ms: number | null): Promise<void> {
    const { id, token, stage, input, options, scope } = claim
    let since_ms = asked_ms
    try {
      since_ms ??= (await board.task(home, id))?.created_ms ?? clock()
      const { run } = await stages[stage]!()
      const answer = await run(input as never, { ...given(stage), task: id, scope, options, asked_ms: since_ms, now_ms: clock() } as never)
      if ('output' in answer) return void (await board.complete(OWN, { id, token, output: answer.output, files: [] }))
      if (answer.asks) asking.set(id, { task: id, stage, question: answer.what, input, since_ms, token })
      board.progress(OWN, id, 0, answer.what)
      if (Number.isFinite(answer.not_before_ms)) later.add(answer.not_before_ms, { claim, asked_ms: since_ms })
    } catch (error) {
      try {
        await failed(claim, error)
      } catch (worse) {
        // It is ours until core ends, so nobody else would ever try it.
        warn(worse, `${stage} is tried again`)
        later.add(clock() + AGAIN_MS, { claim, asked_ms: since_ms })
      }
    }
  }

  /** Throws what is no fault of the work: a disk that is full, a log that does not answer. */
  async function failed({ id, token, stage }: Claim, error: unknown): Promise<void> {
    if (error instanceof Fault && error.code === 'task/unknown') return warn(error, `${stage} could not end`)
    if (error instanceof Fault && (error.code === 'log/failed' || error.code === 'media/full')) throw error
    const fault = error instanceof Fault ? error : new Fault('stage/failed', error instanceof Error ? error.message : String(error), { cause: error })
    await board.fault(OWN, id, token, { ...fault.toJSON(), ...(error instanceof Error && error.stack && !(error instanceof Fault) ? { log: error.stack } : {}) })
    news = true // it is offered again later
  }

  const look = () => {
    working ??= work().catch((error: unknown) => warn(error, 'what core does itself is tried again')).finally(() => { working = null })
  }
  const timer = setInterval(look, LOOK_EVERY_MS)
  timer.unref()
  look()

  return {
    wake() {
      news = true
      look()
    },
    async decide(task, output) {
      const asked = asking.get(task)
      const done = asked && (await board.complete(OWN, { id: task, token: asked.token, output, files: [] }))
      if (done !== 'complete') throw new Fault('task/unknown', 'Nobody is asked about this any more.')
      asking.delete(task)
    },
    async asking() {
      const open = await Promise.all([...asking.values()].map(async (asked) => ({ asked, is: (await board.task(home, asked.task))?.state === 'pending' })))
      for (const { asked, is } of open) if (!is) asking.delete(asked.task) // a person left it out
      return open.filter(({ is }) => is).map(({ asked: { token: _token, ...asked } }) => asked).sort((a, b) => a.since_ms - b.since_ms)
    },
    async close() {
      closed = true
      clearInterval(timer)
      await Promise.race([Promise.all([working, ...under]), new Promise((resolve) => setTimeout(resolve, CLOSE_MS).unref())])
    },
  }
}

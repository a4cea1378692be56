/**
 * What core does itself: it waits, or touches only what core has. Its tasks are on the board like all others; here they are claimed,
 * asked whether they are done, and put aside until the moment that they name. Nothing of this is durable: after a restart everything
 * is claimed and asked anew, and tells the same moment from the same task.
 */
import type { Scope } from '../access/scope.ts'
import { Fault } from '../contract/fault.ts'
import type { OwnAnswer, OwnContext } from '../contract/plugin.ts'
import { OWN, type OpenBoard } from './board.ts'
import { Later } from './later.ts'
import type { Claim } from './port.ts'

/** One stage. */
export type OwnStage = () => Promise<{ run(input: never, ctx: OwnContext<never, never>): Promise<OwnAnswer<Record<string, unknown>>> }>

export interface OwnWork {
  /** There may be something to claim. */
  wake(): void
  /** Somebody said what a waiting task waited for. Throws Fault `task/unknown` when none of this name waits. */
  decide(task: string, output: Record<string, unknown>): Promise<void>
  /** What people are asked now, oldest first. */
  asking(): readonly Asking[]
  close(): Promise<void>
}

export interface Asking { readonly task: string; readonly stage: string; readonly question: string; readonly input: Record<string, unknown>; readonly since_ms: number }

const AT_ONCE = 64
const LOOK_EVERY_MS = 250

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
  const later = new Later<{ readonly claim: Claim; readonly asked_ms: number }>()
  const asking = new Map<string, Asking & { readonly token: string }>()
  let news = true
  let working: Promise<void> | null = null
  let closed = false

  async function work(): Promise<void> {
    while (news && !closed) {
      news = false
      const claims = await board.claim(OWN, home, names, AT_ONCE)
      if (claims.length === AT_ONCE) news = true
      await Promise.all(claims.map(async (claim) => attempt(claim, (await board.task(home, claim.id))?.created_ms ?? clock())))
    }
    await Promise.all(later.due(clock()).map(({ claim, asked_ms }) => attempt(claim, asked_ms)))
  }

  async function attempt(claim: Claim, asked_ms: number): Promise<void> {
    const { id, token, stage, input, options, scope } = claim
    try {
      const { run } = await stages[stage]!()
      const answer = await run(input as never, { ...given(stage), task: id, scope, options, asked_ms, now_ms: clock() } as never)
      if ('output' in answer) return await end(claim, answer.output)
      if (answer.asks) asking.set(id, { task: id, stage, question: answer.what, input, since_ms: asked_ms, token })
      board.progress(OWN, id, 0, answer.what)
      if (Number.isFinite(answer.not_before_ms)) later.add(answer.not_before_ms, { claim, asked_ms })
    } catch (error) {
      if (error instanceof Fault && (error.code === 'task/unknown' || error.code === 'log/failed')) return warn(error, `${stage} could not end`)
      const fault = error instanceof Fault ? error : new Fault('stage/failed', error instanceof Error ? error.message : String(error), { cause: error })
      await board.fault(OWN, id, token, { ...fault.toJSON(), ...(error instanceof Error && error.stack && !(error instanceof Fault) ? { log: error.stack } : {}) })
      news = true // it is offered again later
    }
  }

  async function end({ id, token }: Pick<Claim, 'id' | 'token'>, output: Record<string, unknown>): Promise<void> {
    asking.delete(id)
    await board.complete(OWN, { id, token, output, files: [] })
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
      if (asked === undefined) throw new Fault('task/unknown', 'Nobody is asked about this any more.')
      await end({ id: task, token: asked.token }, output)
    },
    asking: () => [...asking.values()].map(({ token: _token, ...asked }) => asked).sort((a, b) => a.since_ms - b.since_ms),
    async close() {
      closed = true
      clearInterval(timer)
      await working
    },
  }
}

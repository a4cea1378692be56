/**
 * What is timed when boards are compared: a task is published, claimed and completed, and the one that comes next is published. It is asked for
 * in the turn of the completion, so that both share a sync; a flow that asks for it when it hears the outcome waits for one more.
 * What it comes of is left out: that outcome is only known then.
 */
import { Type } from 'typebox'
import type { Scope } from '../../access/scope.ts'
import type { Board } from '../port.ts'
import type { StageRules } from '../rules.ts'

export const SCOPE: Scope = { org: 'home', site: 'home', role: 'device' }
export const RULES: StageRules = { version: 1, lease_s: 600, input: Type.Object({ clip: Type.String(), made_from: Type.Optional(Type.String()) }), output: Type.Object({ text: Type.String() }) }
export const STAGE_NAMES = ['copy', 'next']
export const TEXT = 'x'.repeat(300)

/** @param mark Tells the tasks of one who does rounds from those of another. */
export function rounds(flow: Pick<Board, 'publish'>, device: Pick<Board, 'claim' | 'complete'>, mark: string): () => Promise<void> {
  let n = 0
  return async () => {
    const clip = `${mark}${n++}${TEXT}`
    const ask = (stage: string) => flow.publish(SCOPE, [{ stage, input: { clip }, waiter: { node: stage, message: { payload: { clip } } } }])
    await ask('copy')
    const [claim] = await device.claim('nas', SCOPE, ['copy'], 1)
    await Promise.all([device.complete('nas', { id: claim!.id, token: claim!.token, output: { text: TEXT }, files: [] }), ask('next')])
  }
}

/** So long nothing is counted: whoever just started, ours or a peer, is slow until its code is compiled. */
const WARM_MS = 400

/** Rounds per second when `concurrency` of them are always under way. */
export async function rate(concurrency: number, round: () => Promise<unknown>, for_ms: number): Promise<number> {
  await during(concurrency, round, WARM_MS)
  const from = performance.now()
  const done = await during(concurrency, round, for_ms)
  return done / ((performance.now() - from) / 1_000)
}

async function during(concurrency: number, round: () => Promise<unknown>, for_ms: number): Promise<number> {
  let done = 0
  const until = performance.now() + for_ms
  await Promise.all(Array.from({ length: concurrency }, async () => {
    for (; performance.now() < until; done++) await round()
  }))
  return done
}

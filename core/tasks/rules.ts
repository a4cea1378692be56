import { hash, randomUUID } from 'node:crypto'
import type { TSchema } from 'typebox'
import type { Home } from '../access/scope.ts'
import { Fault } from '../contract/fault.ts'
import type { Doc } from '../contract/records.ts'
import { homeKey } from './keys.ts'
import type { Publication, Waiter } from './port.ts'
import type { TaskRecord } from './record.ts'
import { canonical, misfit, pick, withDefaults } from './shape.ts'

/** What the board must know of a stage; a declaration of a plugin is one. */
export interface StageRules {
  readonly version: number
  readonly input: TSchema
  readonly output: TSchema
  readonly options?: TSchema
  // The declaration tied them to its schemas; here input and output were checked against the same.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly records?: (input: any, output: any) => readonly Doc[]
  readonly recordsOnly?: readonly string[]
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly exclusive?: (input: any) => string
  readonly lease_s: number
  readonly each?: true
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly gathers?: (input: any) => number
}

/** A piece of work, told apart by everything that its result depends on. */
export type Work = Pick<TaskRecord, 'id' | 'stage' | 'version' | 'org' | 'site' | 'input' | 'options' | 'run' | 'resource' | 'asker' | 'node'>

/** Checks what was asked for and names it. @param run Raised to have finished work done again. @param former Who asked for the former run. Throws Fault `stage/unknown`, `input/invalid`. */
export function workOf(rules: StageRules | null, { org, site }: Home, { stage, input: given, options: chosen = {}, waiter }: Publication, run = 0, former: string | undefined = undefined): Work {
  if (rules === null) throw new Fault('stage/unknown', `No plugin has a stage ${stage}`)
  const input = pick(rules.input, given)
  const wrongInput = misfit(rules.input, input)
  if (wrongInput !== null) throw new Fault('input/invalid', `${stage}: its input does not fit: ${wrongInput}`)
  const options = rules.options === undefined ? {} : withDefaults(rules.options, pick(rules.options, chosen))
  const wrongOptions = rules.options === undefined ? null : misfit(rules.options, options)
  if (wrongOptions !== null) throw new Fault('input/invalid', `${stage}: its options do not fit: ${wrongOptions}`)
  const asker = rules.each ? { asker: former ?? askerOf(waiter) } : {}
  // Messages that wait for each other do so in one task, also those that come after somebody set the node otherwise.
  const named = rules.gathers === undefined ? options : {}
  const id = hash('sha256', canonical([stage, rules.version, named, input, run, org, site, ...Object.values(asker)])).slice(0, 32)
  const resource = rules.exclusive === undefined ? null : `${homeKey({ org, site })}!${rules.exclusive(input)}`
  const node = (rules.each || rules.gathers !== undefined) && waiter !== undefined ? { node: waiter.node } : {}
  return { id, stage, version: rules.version, org, site, input, options, run, resource, ...asker, ...node }
}

/** Tells the messages apart for which a stage acts. The same one, sent again after a crash, is the same; one that follows from nothing is always new. */
const askerOf = (waiter: Waiter | undefined): string =>
  waiter?.root === undefined ? randomUUID() : hash('sha256', canonical([waiter.node, waiter.root, waiter.part ?? 0, waiter.message['payload'] ?? null])).slice(0, 32)

/** Checks an answer and gives its records. Throws Fault `output/invalid`; `stage/failed` when the stage cannot make records of what it allows. */
export function recordsOf(rules: StageRules, { stage, input }: TaskRecord, output: Record<string, unknown>): readonly Doc[] {
  const wrong = misfit(rules.output, output)
  if (wrong !== null) throw new Fault('output/invalid', `${stage}: its output does not fit: ${wrong}`)
  try {
    return rules.records?.(input, output) ?? []
  } catch (error) {
    // A mistake in a plugin is reported like any other of the stage, so that its task ends where a person sees it.
    throw new Fault('stage/failed', `${stage}: no records could be made of its output: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

/**
 * Where the board's things lie in the log. `!` parts the words; no word contains it.
 *
 * t!task                                 the task
 * p!org!site!stage!rank seq              pending, in the order in which it is offered → task
 * l!org!site!state!stage!seq             every task by state, oldest first → task
 * d!task!delivery                        who waits for it; after completion only that it was answered
 * j!task                                 files that have a place and may not be there yet, with what they hold back
 * m!parent!child, b!child!parent         which task's outcome asked for which
 * u!task                                 the run after it → task; one that was cancelled is as none
 * a!org!site!asset!task                  tasks whose input names a file → stage
 * n!org!site!stage                       how many are pending, complete, parked
 * o!seq  r!seq                           outcomes not routed, projections not applied
 * e!org!site!seq, y!org!site!type!seq    events; k!org!site!key: an event with that key is known
 * f!task!node, g!org!site!node         what nodes of the flow could not do with the outcome of a task; what they could not do in all
 * s!next                                 no sequence number from here on was given out
 */
import { hash } from 'node:crypto'
import type { Home } from '../access/scope.ts'

const word = (s: string) => (/^[\w.-]*$/.test(s) ? s : encodeURIComponent(s).replaceAll('!', '%21'))

export const homeKey = ({ org, site }: Home): string => `${word(org)}!${word(site)}`
export const taskKey = (task: string): string => `t!${task}`
export const pendingPrefix = (home: Home, stage: string): string => `p!${homeKey(home)}!${word(stage)}!`
export const listPrefix = (home: Home, state: string, stage: string): string => `l!${homeKey(home)}!${state}!${word(stage)}!`
export const deliveriesPrefix = (task: string): string => `d!${task}!`
/** One delivery for each node, root and part, however often it is asked for. */
export const deliveryKey = (task: string, node: string, root: string, part: number): string => `${deliveriesPrefix(task)}${digest(`${node}\0${root}\0${part}`).slice(0, 24)}`
/** One of those that a stage gathers, whatever brought it. */
export const memberKey = (task: string, member: number): string => `${deliveriesPrefix(task)}${String(member).padStart(6, '0')}`
export const JOURNAL = 'j!'
export const journalKey = (task: string): string => `${JOURNAL}${task}`
export const madePrefix = (parent: string): string => `m!${parent}!`
export const madeByPrefix = (child: string): string => `b!${child}!`
export const nextRunKey = (task: string): string => `u!${task}`
export const assetPrefix = (home: Home, sha256: string): string => `a!${homeKey(home)}!${word(sha256)}!`
export const countKey = (home: Home, stage: string): string => `n!${homeKey(home)}!${word(stage)}`
export const taskFaultPrefix = (task: string): string => `f!${task}!`
export const FLOW_FAULTS = 'g!'
export const flowFaultKey = (node: string): string => word(node)
export const OUTCOMES = 'o!'
export const PROJECTIONS = 'r!'
export const eventPrefix = (home: Home): string => `e!${homeKey(home)}!`
export const eventTypePrefix = (home: Home, type: string): string => `y!${homeKey(home)}!${word(type)}!`
export const knownKey = (home: Home, type: string, key: string): string => `k!${homeKey(home)}!${digest(`${type}\0${key}`).slice(0, 40)}`
export const SEQUENCE = 's!next'
/** Whether a task or an event is new is asked of each; most are. */
export const MOSTLY_NEW = ['t!', 'k!']

const digest = (text: string) => hash('sha256', text)

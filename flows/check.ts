/**
 * What can be said against a flow before it is deployed. Pure: it is looked at while somebody draws, and again when they deploy.
 *
 * Fields are followed from each source along the wires. What only passes a message on (switch, link, delay) keeps them; whatever may
 * change it (function, change, template, a node of somebody else's) may have added anything, and nothing more is said behind it.
 */
import { ConditionError, parseCondition } from './condition.ts'
import type { Field, Palette, PaletteNode, Port } from './palette.ts'
import type { FlowEntry } from './red.ts'
import { waysOf } from './ways.ts'

export interface Problem {
  readonly node: string
  readonly level: 'error' | 'warning'
  readonly text: string
}

export interface CheckParts {
  readonly palette: Palette
  /** Why no device can do the work of a stage, in words; null: one can. */
  readonly unable: (stage: string) => string | null
  /** Whether Node-RED has a node of this type. */
  readonly isKnown: (type: string) => boolean
}

/** Nothing of the message is changed by these. */
const PASSING: ReadonlySet<string> = new Set(['switch', 'link in', 'link out', 'link call', 'delay', 'rbe', 'flow.if', 'complete', 'catch', 'status', 'junction'])
/** These begin nothing by themselves. */
const NEVER_BEGIN: ReadonlySet<string> = new Set(['function', 'switch', 'change', 'range', 'template', 'delay', 'trigger', 'exec', 'rbe', 'split', 'join', 'sort', 'batch', 'csv', 'html', 'json', 'xml', 'yaml', 'debug', 'link out', 'link call', 'http request', 'file', 'comment', 'junction'])
const STRUCTURE: ReadonlySet<string> = new Set(['tab', 'subflow', 'group', 'comment', 'junction'])

export function checkFlow(flow: readonly FlowEntry[], { palette, unable, isKnown }: CheckParts): Problem[] {
  const ours = new Map(palette.map((node) => [node.type, node]))
  const off = new Set(flow.filter(({ d, disabled }) => d || disabled).map(({ id }) => id))
  const running = flow.filter(({ id, z }) => !off.has(id) && !off.has(z ?? ''))
  const nodes = running.filter(({ type }) => !STRUCTURE.has(type))
  const ways = waysOf(running)
  const problems: Problem[] = []
  const say = (node: string, level: Problem['level'], text: string) => void problems.push({ node, level, text })

  for (const { id, type } of nodes) if (!ours.has(type) && !type.startsWith('subflow:') && !isKnown(type)) say(id, 'error', `No node of the type “${type}” is installed; while it is in the flow, nothing runs at all.`)
  for (const entry of nodes) {
    const of = ours.get(entry.type)
    if (!of) continue
    for (const text of settingsAgainst(of, entry)) say(entry.id, 'error', text)
    const why = of.kind === 'stage' ? unable(of.type) : null
    if (why !== null) say(entry.id, 'warning', `Nothing here can run this: ${why}.`)
  }

  const entered = new Set([...ways.values()].flat())
  const begins = (entry: FlowEntry) => {
    const of = ours.get(entry.type)
    if (entry.type === 'link in') return !entered.has(entry.id) // some function calls it by its name
    return of ? of.kind === 'event' : !NEVER_BEGIN.has(entry.type) && !entry.type.startsWith('subflow:')
  }
  const fed = reachedFrom(nodes.filter(begins).map(({ id }) => id), ways)
  for (const { id, type } of nodes) if (ours.has(type) && !fed.has(id)) say(id, 'warning', 'Nothing leads here: no event begins this way.')
  for (const circle of circles(nodes.map(({ id }) => id), ways)) {
    const names = circle.map((id) => nameOf(nodes.find((node) => node.id === id)!, ours))
    for (const id of circle) if (ours.has(nodes.find((node) => node.id === id)!.type)) say(id, 'warning', `It goes round in a circle: ${names.join(' → ')}. Without a way out it never ends.`)
  }
  const known = fieldsAt(nodes, ways, ours, begins)
  for (const { id, type } of nodes) {
    const of = ours.get(type)
    const there = known.get(id)
    if (!of || of.kind === 'event' || !there || !fed.has(id)) continue
    for (const text of portsAgainst(of.takes, there)) say(id, 'error', text)
  }
  return problems
}

const nameOf = (entry: FlowEntry, ours: ReadonlyMap<string, PaletteNode>) => entry.name || ours.get(entry.type)?.title || entry.type

/** What the form was set to, against what its schema wants. */
export function settingsAgainst(of: PaletteNode, entry: FlowEntry): string[] {
  const wrong = of.fields.flatMap((field) => fieldAgainst(field, entry[field.name]) ?? [])
  const has = (name: string) => ![undefined, null, ''].includes(entry[name] as string)
  if (of.type === 'flow.when' && has('lat_deg') !== has('lon_deg')) return [...wrong, `The circle lacks its ${has('lat_deg') ? 'longitude' : 'latitude'}: fill in both, or neither.`]
  if (of.type !== 'flow.if') return wrong
  try {
    parseCondition(String(entry['condition'] ?? ''))
    return wrong
  } catch (error) {
    if (!(error instanceof ConditionError)) throw error
    return [...wrong, `The condition cannot be read: ${error.message}.`]
  }
}

function fieldAgainst(field: Field, value: unknown): string | null {
  if (value === undefined || value === null || value === '') return field.required && field.default === null ? `${field.label} is needed.` : null
  switch (field.kind) {
    case 'number': case 'integer': {
      const number = Number(value)
      if (Number.isNaN(number) || (field.kind === 'integer' && !Number.isInteger(number))) return `${field.label} must be ${field.kind === 'integer' ? 'a whole number' : 'a number'}.`
      if (field.min !== null && number < field.min) return `${field.label} must be at least ${field.min}.`
      return field.max !== null && number > field.max ? `${field.label} must be at most ${field.max}.` : null
    }
    case 'choice': return field.choices.some((choice) => String(choice) === String(value)) ? null : `${field.label} must be one of ${field.choices.join(', ')}.`
    case 'text': return field.pattern === null || new RegExp(field.pattern, 'u').test(String(value)) ? null : `${field.label} does not look right${field.help ? `: ${field.help}` : ''}.`
    case 'json': return typeof value === 'string' && !isJson(value) ? `${field.label} is not JSON.` : null
    case 'switch': return null
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch (error) {
    if (error instanceof SyntaxError) return false
    throw error
  }
}

/** Field → type, of a message as it arrives; null: it may hold anything. */
type Fields = ReadonlyMap<string, string> | null

/** What every message has that arrives at a node. */
function fieldsAt(nodes: readonly FlowEntry[], ways: ReadonlyMap<string, readonly string[]>, ours: ReadonlyMap<string, PaletteNode>, begins: (entry: FlowEntry) => boolean): Map<string, Fields> {
  const arriving = new Map<string, Fields>()
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const queue = nodes.filter(begins)
  for (let entry = queue.shift(); entry; entry = queue.shift()) {
    const leaving = leavingOf(entry, begins(entry) ? (ours.has(entry.type) ? new Map() : null) : arriving.get(entry.id)!, ours)
    for (const id of ways.get(entry.id) ?? []) {
      const next = byId.get(id)
      if (!next) continue
      const before = arriving.get(id)
      const now = before === undefined ? leaving : both(before, leaving)
      if (before !== undefined && isAlike(before, now)) continue // fields only become fewer, so this ends
      arriving.set(id, now)
      queue.push(next)
    }
  }
  return arriving
}

function leavingOf({ type }: FlowEntry, arriving: Fields, ours: ReadonlyMap<string, PaletteNode>): Fields {
  const of = ours.get(type)
  if (!of) return PASSING.has(type) && type !== 'catch' && type !== 'complete' && type !== 'status' ? arriving : null
  if (arriving === null || of.type === 'flow.split' || of.gathers) return null
  return new Map([...arriving, ...of.gives.map(({ name, type: gives }): [string, string] => [name, gives])])
}

/** What both have. */
function both(a: Fields, b: Fields): Fields {
  if (a === null) return b
  if (b === null) return a
  return new Map([...a].flatMap(([name, type]): [string, string][] => {
    const other = b.get(name)
    return other === undefined ? [] : [[name, other === type ? type : 'anything']]
  }))
}

const isAlike = (a: Fields, b: Fields): boolean => a === b || (a !== null && b !== null && a.size === b.size && [...a].every(([name, type]) => b.get(name) === type))

function portsAgainst(takes: readonly Port[], there: Fields): string[] {
  if (there === null) return []
  return takes.flatMap(({ name, type, required }) => {
    const given = there.get(name)
    if (given === undefined) return required ? [`It takes ${name} (${type}), which nothing before it gives.`] : []
    return isFitting(given, type) ? [] : [`It takes ${name} as ${type}, and gets ${given}.`]
  })
}

/** Whether something of the one type may be of the other: a switch between them may sort out the rest. */
export function isFitting(given: string, taken: string): boolean {
  const [gives, takes] = [given.split(' or '), taken.split(' or ')]
  return gives.some((give) => takes.some((take) => fitsOne(give, take)))
}

function fitsOne(give: string, take: string): boolean {
  if (give === take || give === 'anything' || take === 'anything') return true
  if (give.startsWith('list of ') && take.startsWith('list of ')) return fitsOne(give.slice(8), take.slice(8))
  const [kindOfGive, kindOfTake] = [kindOf(give), kindOf(take)]
  if (kindOfGive !== kindOfTake) return false
  return !(isLiteral(give) && isLiteral(take)) // two other ones
}

const isLiteral = (type: string) => /^["\d]/.test(type)
const kindOf = (type: string): string => (type.startsWith('"') ? 'string' : /^\d/.test(type) || type === 'integer' ? 'number' : type === 'file' ? 'object' : type.startsWith('list of ') ? 'array' : type)

function reachedFrom(starts: readonly string[], ways: ReadonlyMap<string, readonly string[]>): Set<string> {
  const seen = new Set(starts)
  const queue = [...starts]
  for (let id = queue.pop(); id !== undefined; id = queue.pop())
    for (const next of ways.get(id) ?? []) {
      if (seen.has(next)) continue
      seen.add(next)
      queue.push(next)
    }
  return seen
}

/** Strongly connected parts of more than one node, and nodes that lead to themselves (Tarjan, 1972), without recursion: a flow may be long. */
function circles(ids: readonly string[], ways: ReadonlyMap<string, readonly string[]>): string[][] {
  const found: string[][] = []
  const at = new Map<string, { index: number; low: number; onStack: boolean }>()
  const stack: string[] = []
  for (const start of ids) {
    if (at.has(start)) continue
    const calls: { id: string; next: number }[] = []
    const enter = (id: string) => {
      at.set(id, { index: at.size, low: at.size, onStack: true })
      stack.push(id)
      calls.push({ id, next: 0 })
    }
    enter(start)
    for (let call = calls.at(-1); call; call = calls.at(-1)) {
      const mine = at.get(call.id)!
      const to = (ways.get(call.id) ?? [])[call.next++]
      if (to !== undefined) {
        const other = at.get(to)
        if (!other) enter(to)
        else if (other.onStack) mine.low = Math.min(mine.low, other.index)
        continue
      }
      calls.pop()
      const caller = calls.at(-1)
      if (caller) at.get(caller.id)!.low = Math.min(at.get(caller.id)!.low, mine.low)
      if (mine.low !== mine.index) continue
      const part = stack.splice(stack.lastIndexOf(call.id))
      for (const id of part) at.get(id)!.onStack = false
      if (part.length > 1 || (ways.get(call.id) ?? []).includes(call.id)) found.push(part)
    }
  }
  return found
}

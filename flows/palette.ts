/**
 * The nodes that follow from the declarations of plugins, as JSON: core makes it, the Node-RED process shows it.
 * A stage is a node of type `clip.probe` with one input and one output; an event is a source of type `folder.arrived`;
 * a call is a node of type `archive.copies` that asks and goes on with the answer.
 */
import type { TSchema } from 'typebox'
import { Fault } from '../core/contract/fault.ts'
import type { AnyCall, AnyPlugin, AnyStage } from '../core/contract/plugin.ts'
import { RULES, SETTINGS, type Rule } from './rules.ts'

export type Palette = readonly PaletteNode[]

export interface PaletteNode {
  readonly type: string // `clip.probe`, also the name of the task type
  readonly kind: 'stage' | 'event' | 'call' | 'rule' // a rule is decided within Node-RED itself
  readonly plugin: string
  readonly category: string // the plugin's title: the drawer it lies in
  readonly title: string
  readonly help: string
  readonly color: string // `#rrggbb`, one for each plugin
  readonly fields: readonly Field[] // the form
  readonly takes: readonly Port[]
  readonly gives: readonly Port[]
  readonly ways: readonly string[] // its outputs by name; none: one output
  readonly each: boolean // a stage that acts for every message
  readonly gathers: boolean // a stage in which messages wait for each other
}

/** One option of a stage, as a line of its form. */
export interface Field {
  readonly name: string
  readonly label: string
  readonly help: string
  readonly kind: 'number' | 'integer' | 'text' | 'switch' | 'choice' | 'json'
  readonly required: boolean
  readonly default: unknown // null: none
  readonly min: number | null
  readonly max: number | null
  readonly pattern: string | null // of a text
  readonly choices: readonly (string | number)[]
}

/** One field of the message's payload that a node takes or gives. */
export interface Port { readonly name: string; readonly type: string; readonly help: string; readonly required: boolean }

export function makePalette(plugins: readonly AnyPlugin[]): Palette {
  return plugins.flatMap((plugin) => [
    ...(plugin.name === 'flow' ? RULES : []).map((rule) => ruleNode(plugin, rule)),
    ...Object.entries<TSchema>(plugin.events ?? {}).map(([name, payload]) => eventNode(plugin, name, payload)),
    ...Object.entries<AnyStage>(plugin.stages ?? {}).map(([name, stage]) => stageNode(plugin, name, stage)),
    ...Object.entries<AnyCall>(plugin.calls ?? {}).map(([name, call]) => callNode(plugin, name, call)),
  ])
}

const ruleNode = (plugin: AnyPlugin, { name, title, help, options, takes, gives, ways }: Rule): PaletteNode =>
  ({ ...nodeOf(plugin, name), kind: 'rule', title, help, fields: fieldsOf(`flow.${name}`, options as JsonSchema), takes, gives, ways })

function stageNode(plugin: AnyPlugin, name: string, stage: AnyStage): PaletteNode {
  const hidden = new Set<string>(stage.recordsOnly ?? [])
  return {
    ...nodeOf(plugin, name), kind: 'stage', title: stage.title, help: stage.help,
    fields: stage.options ? fieldsOf(`${plugin.name}.${name}`, stage.options as JsonSchema) : [],
    ways: stage.ways ?? [], each: stage.each ?? false, gathers: stage.gathers !== undefined,
    takes: stage.gathers ? [] : portsOf(stage.input as JsonSchema), gives: portsOf(stage.output as JsonSchema).filter((port) => !hidden.has(port.name)),
  }
}

function eventNode(plugin: AnyPlugin, name: string, payload: TSchema): PaletteNode {
  const schema = payload as JsonSchema
  return {
    ...nodeOf(plugin, name), kind: 'event', title: schema.title ?? `${plugin.name}: ${words(name)}`, help: schema.description ?? '',
    fields: SETTINGS[`${plugin.name}.${name}`] ? fieldsOf(`${plugin.name}.${name}`, SETTINGS[`${plugin.name}.${name}`] as JsonSchema) : [], takes: [], gives: portsOf(schema),
  }
}

/** What a message does not say, its form may. */
function callNode(plugin: AnyPlugin, name: string, call: AnyCall): PaletteNode {
  const takes = portsOf(call.input as JsonSchema)
  return {
    ...nodeOf(plugin, name), kind: 'call', title: call.title ?? `${plugin.name}: ${words(name)}`, help: call.help ?? '',
    fields: fieldsOf(`${plugin.name}.${name}`, call.input as JsonSchema).map((field) => ({ ...field, required: false })),
    takes: takes.map((port) => ({ ...port, required: false })), gives: portsOf(call.output as JsonSchema),
  }
}

const nodeOf = (plugin: AnyPlugin, name: string) =>
  ({ type: `${plugin.name}.${name}`, plugin: plugin.name, category: plugin.title, color: colorOf(plugin.name), ways: [] as readonly string[], each: false, gathers: false })

/** JSON Schema, as far as a form and a list of ports need it. TypeBox schemas are such. */
interface JsonSchema {
  readonly type?: string
  readonly title?: string
  readonly description?: string
  readonly default?: unknown
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly JsonSchema[]
  readonly items?: JsonSchema
  readonly minimum?: number
  readonly pattern?: string
  readonly maximum?: number
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
}

/** What Node-RED keeps for itself on every node, and the appliance that a node elsewhere works for. */
const RESERVED = new Set(['viewshed', 'id', 'type', 'name', 'x', 'y', 'z', 'w', 'h', 'd', 'g', 'l', 'wires', 'info', 'inputs', 'outputs', 'inputLabels', 'outputLabels', 'icon', 'users', 'credentials', 'env', 'send', 'status', 'error', 'on', 'receive', 'close'])

function fieldsOf(stage: string, schema: JsonSchema): Field[] {
  return Object.entries(schema.properties ?? {}).map(([name, property]) => {
    if (RESERVED.has(name)) throw new Fault('config/invalid', `The option “${name}” of ${stage} has a name that Node-RED keeps for itself; call it something else.`)
    const choices = choicesOf(property)
    return {
      name, label: property.title ?? labelOf(name), help: property.description ?? '', kind: kindOf(property, choices),
      required: schema.required?.includes(name) ?? false, default: property.default ?? null,
      min: property.minimum ?? null, max: property.maximum ?? null, pattern: property.pattern ?? null, choices,
    }
  })
}

function kindOf(schema: JsonSchema, choices: Field['choices']): Field['kind'] {
  if (choices.length > 0) return 'choice'
  switch (schema.type) {
    case 'number': case 'integer': return schema.type
    case 'boolean': return 'switch'
    case 'string': return 'text'
    default: return 'json'
  }
}

function choicesOf(schema: JsonSchema): Field['choices'] {
  const values = schema.enum ?? schema.anyOf?.map((one) => one.const) ?? []
  return values.every((value) => typeof value === 'string' || typeof value === 'number') ? values : []
}

const portsOf = (schema: JsonSchema): Port[] =>
  Object.entries(schema.properties ?? {}).map(([name, property]) =>
    ({ name, type: typeName(property), help: property.description ?? '', required: schema.required?.includes(name) ?? false }))

function typeName(schema: JsonSchema): string {
  const choices = choicesOf(schema)
  if (choices.length > 0) return choices.map((choice) => JSON.stringify(choice)).join(' or ')
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.anyOf) return schema.anyOf.map(typeName).join(' or ')
  if (schema.type === 'array') return `list of ${schema.items ? typeName(schema.items) : 'anything'}`
  if (schema.properties?.['sha256'] && schema.properties['volume']) return 'file'
  return schema.type ?? 'anything'
}

const UNITS: Readonly<Record<string, string>> = { s: 's', ms: 'ms', m: 'm', px: 'px', deg: '°', mps: 'm/s', kmh: 'km/h', bytes: 'bytes', mib: 'MiB', fps: 'fps', kbps: 'kbit/s' }

/** `max_width_px` → `Max width (px)` */
function labelOf(name: string): string {
  const parts = name.split('_')
  const unit = parts.length > 1 ? UNITS[parts.at(-1)!] : undefined
  const label = words((unit ? parts.slice(0, -1) : parts).join(' '))
  return `${label.charAt(0).toUpperCase()}${label.slice(1)}${unit ? ` (${unit})` : ''}`
}

const words = (name: string) => name.replaceAll(/([a-z])([A-Z])/g, '$1 $2').replaceAll(/[_-]/g, ' ').toLowerCase()

/** A light colour that stays the plugin's own when others come and go: its hue is a hash of the name. */
function colorOf(plugin: string): string {
  let hash = 2_166_136_261 // FNV-1a, 32 bits
  for (const byte of Buffer.from(plugin)) hash = Math.imul(hash ^ byte, 16_777_619) >>> 0
  const hue_deg = ((hash * 0.618_034) % 1) * 360
  const channel = (offset: number) => {
    const k = (offset + hue_deg / 30) % 12
    return Math.round(255 * (0.8 - 0.12 * Math.max(-1, Math.min(k - 3, 9 - k, 1)))).toString(16).padStart(2, '0')
  }
  return `#${channel(0)}${channel(8)}${channel(4)}`
}

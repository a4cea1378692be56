/** Nodes that are decided within Node-RED itself, and how sources of events are set: what no plugin can declare. */
import { Type, type Static, type TSchema } from 'typebox'
import type { Port } from './palette.ts'

export interface Rule {
  readonly name: string
  readonly title: string
  readonly help: string
  readonly options: TSchema
  readonly takes: readonly Port[]
  readonly gives: readonly Port[]
  readonly ways: readonly string[]
}

export const OnlyIf = Type.Object({
  condition: Type.String({ default: '', title: 'Condition', description: 'On the message’s payload: camera is Van and (duration_s > 60 or media_kind is one of image, video)' }),
})

export const Split = Type.Object({
  list: Type.String({ default: 'items', title: 'List', description: 'Name of the field of the payload that holds it, up to 2000 long' }),
})

export const RULES: readonly Rule[] = [
  {
    name: 'if', title: 'Only if', ways: ['yes', 'no'], takes: [], gives: [], options: OnlyIf,
    help: 'Lets through what its condition holds for. Compares with is, is not, =, <, <=, >, >=, contains, starts with, ends with, is one of, exists, is missing; joins with and, or, not and brackets. Words with other signs in them stand in "quotes".',
  },
  {
    name: 'split', title: 'Split', ways: [], options: Split,
    takes: [], gives: [{ name: 'item', type: 'anything', help: 'One of the list; fields of an object are laid over the payload instead', required: false }],
    help: 'Makes a message of each entry of a list; a join puts them together again, in their order, whatever restarted in between. An empty list ends here.',
  },
]

const Time = { pattern: '^([01]?[0-9]|2[0-3]):[0-5][0-9]$' }
export const AtSettings = Type.Object({
  what: Type.Union([Type.Literal('a time of day'), Type.Literal('sunrise'), Type.Literal('sunset')], { default: 'a time of day', title: 'At' }),
  time: Type.String({ ...Time, default: '08:00', title: 'Time', description: 'HH:MM, by the clock of the appliance' }),
  days: Type.Optional(Type.String({ pattern: '^(weekdays|weekends|(Mon|Tue|Wed|Thu|Fri|Sat|Sun)(, ?(Mon|Tue|Wed|Thu|Fri|Sat|Sun))*)$', title: 'Days', description: '`weekdays`, `weekends` or `Mon, Thu`; left empty: every day' })),
  lat_deg: Type.Number({ minimum: -90, maximum: 90, default: 52.52, title: 'Latitude (°)', description: 'Where the sun is meant' }),
  lon_deg: Type.Number({ minimum: -180, maximum: 180, default: 13.4, title: 'Longitude (°)' }),
})
export type AtSettings = Static<typeof AtSettings>

export const WaitingSettings = Type.Object({
  stage: Type.String({ default: 'inference.plates', title: 'Stage', description: 'As `inference.plates`' }),
  count: Type.Integer({ minimum: 1, default: 10, title: 'Tasks', description: 'So many wait' }),
  rest_s: Type.Number({ minimum: 60, default: 3600, title: 'At most every (s)' }),
})
export type WaitingSettings = Static<typeof WaitingSettings>

/** Settings of the nodes of events that are started from here. */
export const SETTINGS: Readonly<Record<string, TSchema>> = { 'flow.at': AtSettings, 'flow.waiting': WaitingSettings }

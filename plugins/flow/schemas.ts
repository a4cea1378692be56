/** What the flow's own stages take, give and are set to. */
import { Type, type Static } from 'typebox'
import { MediaRef } from '../../core/contract/media.ts'

const Place = Type.Object({ lat_deg: Type.Number({ minimum: -90, maximum: 90 }), lon_deg: Type.Number({ minimum: -180, maximum: 180 }) })
const Optional = <T extends Parameters<typeof Type.Union>[0][number]>(t: T) => Type.Optional(Type.Union([t, Type.Null()]))
const TimeOfDay = { pattern: '^([01]?[0-9]|2[0-3]):[0-5][0-9]$' }
const Day = { pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' }

export const FlowConfig = Type.Object({
  home: Type.Union([Place, Type.Null()], { default: null, title: 'Home', description: 'Where the sun rises and sets for what has no position' }),
  watch_list: Type.Array(Type.String({ maxLength: 20 }), { default: [], title: 'Watch list', description: 'Plates, as `B AB 123`' }),
})
export type FlowConfig = Static<typeof FlowConfig>

export const DelayOptions = Type.Object({
  until: Type.Union([Type.Literal('for a while'), Type.Literal('a time of day'), Type.Literal('sunrise'), Type.Literal('sunset'), Type.Literal('until_ms of the message')], { default: 'for a while', title: 'Wait', description: 'A moment that has passed is waited for no longer' }),
  wait_s: Type.Number({ default: 3600, minimum: 0, maximum: 31_622_400, title: 'For (s)', description: 'Or so long after that moment; a time of day is just that time' }),
  at: Type.Optional(Type.String({ ...TimeOfDay, default: '22:00', title: 'Time of day', description: 'HH:MM, by the clock of the appliance' })),
})
export type DelayOptions = Static<typeof DelayOptions>

export const WhenInput = Type.Object({
  sha256: Type.Optional(Type.String({ pattern: '^[0-9a-f]{64}$', description: 'Of the recording: its places and plates are looked up' })),
  start_ms: Optional(Type.Number({ description: 'When it was recorded, UTC epoch' })),
})
export type WhenInput = Static<typeof WhenInput>

export const WhenOptions = Type.Object({
  clock: Type.Union([Type.Literal('when it was recorded'), Type.Literal('when it came here')], { default: 'when it was recorded', title: 'Moment', description: 'What day, time and sun are told of; when nothing says when it was recorded, when it came here' }),
  days: Type.Optional(Type.String({ pattern: '^(weekdays|weekends|(Mon|Tue|Wed|Thu|Fri|Sat|Sun)(, ?(Mon|Tue|Wed|Thu|Fri|Sat|Sun))*)$', title: 'Days', description: '`weekdays`, `weekends` or `Mon, Thu`' })),
  from: Type.Optional(Type.String({ ...TimeOfDay, title: 'From', description: 'HH:MM, by the clock of the appliance; later than the end: over midnight' })),
  to: Type.Optional(Type.String({ ...TimeOfDay, title: 'To' })),
  first_day: Type.Optional(Type.String({ ...Day, title: 'First day', description: 'YYYY-MM-DD' })),
  last_day: Type.Optional(Type.String({ ...Day, title: 'Last day', description: 'YYYY-MM-DD' })),
  sun: Type.Union([Type.Literal('any'), Type.Literal('day'), Type.Literal('night')], { default: 'any', title: 'Sun', description: 'Where it was recorded; otherwise at home, as plugins.flow.home says' }),
  side: Type.Union([Type.Literal('inside'), Type.Literal('outside')], { default: 'inside', title: 'Place', description: 'Of the circle or the area: inside when it was there at any moment, outside when it never was' }),
  lat_deg: Type.Optional(Type.Number({ minimum: -90, maximum: 90, title: 'Latitude (°)', description: 'Of a circle' })),
  lon_deg: Type.Optional(Type.Number({ minimum: -180, maximum: 180, title: 'Longitude (°)' })),
  radius_m: Type.Optional(Type.Number({ default: 200, minimum: 1, maximum: 20_000_000, title: 'Radius (m)' })),
  area: Type.Optional(Type.Array(Type.Tuple([Type.Number({ minimum: -90, maximum: 90 }), Type.Number({ minimum: -180, maximum: 180 })]), { minItems: 3, maxItems: 1_000, title: 'Area', description: 'Corners, [[lat, lon], …]' })),
  plates: Type.Optional(Type.Array(Type.String({ maxLength: 20 }), { maxItems: 1_000, title: 'Plates', description: 'One of these was read, ["B AB 123", …]' })),
  watch_list: Type.Optional(Type.Boolean({ default: false, title: 'On the watch list', description: 'One of plugins.flow.watch_list was read' })),
})
export type WhenOptions = Static<typeof WhenOptions>

export const JoinInput = Type.Object({
  of: Type.String({ maxLength: 400, description: 'What was split' }),
  at: Type.String({ maxLength: 200, description: 'The node that joins it' }),
  count: Type.Integer({ minimum: 1, maximum: 2_000 }),
})

export const ReviewInput = Type.Object({
  sha256: Type.Optional(Type.String({ pattern: '^[0-9a-f]{64}$' })),
  name: Type.Optional(Type.String()),
  camera: Type.Optional(Type.String()),
  media: Type.Optional(MediaRef),
})

export const SummaryOptions = Type.Object({
  days: Type.Integer({ default: 7, minimum: 1, maximum: 366, title: 'Days', description: 'Up to the moment at which it was asked for' }),
})
export type SummaryOptions = Static<typeof SummaryOptions>

export const DelayInput = Type.Object({ until_ms: Optional(Type.Number({ description: 'A moment to wait for, UTC epoch' })) })
export type DelayInput = Static<typeof DelayInput>

export const Nothing = Type.Object({})

export const WhenOutput = Type.Object({
  way: Type.Union([Type.Literal('yes'), Type.Literal('no')]),
  why: Type.String({ description: 'The first thing that did not hold, in words' }),
  matched: Type.Array(Type.String(), { description: 'Those of the plates asked for that were read, as `BAB123`' }),
})
export type WhenOutput = Static<typeof WhenOutput>

export const JoinOptions = Type.Object({
  most_s: Type.Number({ default: 0, minimum: 0, maximum: 31_622_400, title: 'At most (s)', description: 'After so long it goes on with what has come; 0: it waits for all of them' }),
})
export type JoinOptions = Static<typeof JoinOptions>

export const JoinOutput = Type.Object({ gathered: Type.Integer({ description: 'How many came; `items` holds their payloads, in order' }) })

export const ReviewOptions = Type.Object({
  question: Type.String({ default: 'Go on with this?', maxLength: 500, title: 'Question' }),
  most_s: Type.Number({ default: 0, minimum: 0, maximum: 31_622_400, title: 'At most (s)', description: 'After so long it is `no`; 0: it waits for an answer' }),
})
export type ReviewOptions = Static<typeof ReviewOptions>

export const ReviewOutput = Type.Object({
  way: Type.Union([Type.Literal('yes'), Type.Literal('no')]),
  by: Type.String({ description: 'Who answered' }),
  note: Type.String(),
})
export type ReviewOutput = Static<typeof ReviewOutput>

export const KeepInput = Type.Object({ sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }) })

export const SummaryOutput = Type.Object({
  subject: Type.String(),
  text: Type.String({ description: 'In words, a line for each drive' }),
  svg: Type.String({ description: 'The lines on a map, as an SVG picture' }),
  from_ms: Type.Number(), to_ms: Type.Number(),
})
export type SummaryOutput = Static<typeof SummaryOutput>

import { Type, type Static } from 'typebox'

const Clock = Type.String({ pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$', description: 'a time such as 22:00' })

/** `working`; `draining`: ends what it has and takes nothing new; `paused`: lets go of what it has at once. */
export const Mode = Type.Union([Type.Literal('working'), Type.Literal('draining'), Type.Literal('paused')])
export type Mode = Static<typeof Mode>

/** When a device may work: what a person chose for it. */
export const Settings = Type.Object({
  mode: Mode,
  hours: Type.Union([Type.Null(), Type.Object({ from: Clock, to: Clock }, { description: 'Local time of the appliance; `to` before `from` is the next morning' })]), // null: at any hour
  slots: Type.Union([Type.Null(), Type.Integer({ minimum: 1, maximum: 256 })]), // tasks at once; null: as many as its cores and memory allow
  stage_slots: Type.Record(Type.String({ maxLength: 100 }), Type.Integer({ minimum: 0, maximum: 256 })), // stage → tasks at once
  gpu_busy_percent: Type.Union([Type.Null(), Type.Number({ minimum: 1, maximum: 100 })]), // not while others use more of the GPU; null: whatever they do
  on_battery: Type.Boolean(), // works on battery too
  temperature_c: Type.Union([Type.Null(), Type.Number({ minimum: 30, maximum: 120 })]), // nothing new while hotter
}, { additionalProperties: false })
export type Settings = Static<typeof Settings>

export const SETTINGS: Settings = { mode: 'working', hours: null, slots: null, stage_slots: {}, gpu_busy_percent: null, on_battery: false, temperature_c: null }

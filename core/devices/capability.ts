import { Type, type Static } from 'typebox'

/** Ways to encode, decode or compute that a machine was seen to have: each was tried, not only listed. */
export const ACCELERATORS = ['cuda', 'nvenc', 'qsv', 'vaapi', 'v4l2', 'videotoolbox'] as const

const Mib = Type.Integer({ minimum: 0 })
const Word = Type.String({ maxLength: 200 })

/** What a machine can do, found by trying when its agent starts: its birth message, and what a stage's `needs` is matched against. */
export const Capability = Type.Object({
  cores: Type.Integer({ minimum: 1 }),
  memory_mib: Mib,
  scratch_mib: Mib, // free when it was looked at
  gpu_mib: Mib, // of the largest GPU that can compute; 0: none
  gpus: Type.Array(Type.Object({ name: Word, memory_mib: Mib, driver: Type.Union([Word, Type.Null()]) }), { maxItems: 32 }),
  accelerators: Type.Array(Type.Enum([...ACCELERATORS]), { maxItems: 16 }),
  tools: Type.Record(Type.String({ maxLength: 64 }), Word), // name → version
  stages: Type.Array(Type.String({ maxLength: 100 }), { maxItems: 1_000 }), // that its software has and its means allow
  versions: Type.Optional(Type.Record(Type.String({ maxLength: 100 }), Type.Integer({ minimum: 0 }))), // of those stages; an agent from before they were said says none
  lacks: Type.Record(Type.String({ maxLength: 100 }), Word), // stage → why it cannot, in words
  mounts: Type.Array(Type.String({ maxLength: 64 }), { maxItems: 64 }), // volumes that it has as folders
  platform: Word, // `linux`, `darwin`, `win32`
  host: Word,
  version: Word, // of Viewshed
  battery: Type.Boolean(), // whether it runs on one at times
})
export type Capability = Static<typeof Capability>

/** How a machine is just now; said whenever it changes. */
export const Conditions = Type.Object({
  gpu_busy_percent: Type.Union([Type.Number({ minimum: 0, maximum: 100 }), Type.Null()]), // by others than our stages; null: not known
  temperature_c: Type.Union([Type.Number({ minimum: -50, maximum: 200 }), Type.Null()]), // the hottest sensor of CPU or GPU
  on_battery: Type.Boolean(),
  battery_percent: Type.Union([Type.Number({ minimum: 0, maximum: 100 }), Type.Null()]),
  scratch_free_mib: Type.Union([Mib, Type.Null()]), // where its stages write what is not done yet; null: not known
  load: Type.Number({ minimum: 0 }), // processes that want a core, one minute's mean, over the cores
})
export type Conditions = Static<typeof Conditions>

import { Type, type Static } from 'typebox'
import { MediaRef } from '../../core/contract/media.ts'
import { plugin, stage } from '../../core/contract/plugin.ts'
import { Sighting, type SightingsDoc } from '../../core/contract/records.ts'

export const Config = Type.Object({
  models: Type.String({ default: '/config/models', title: 'Models folder', description: 'Left out: `models` beside viewshed.yaml. An object detector of the YOLO family (.onnx, its labels beside it as .txt) that lies here is used as well. Each device looks at this very path of its own: put it on all that read plates, for one without it finds no vehicles' }),
})
export type Config = Static<typeof Config>

export const PlatesInput = Type.Object({
  media: MediaRef,
  sha256: Type.String({ pattern: '^[0-9a-f]{64}$', description: 'Of the asset: sightings are filed under it' }),
  media_kind: Type.Union([Type.Literal('video'), Type.Literal('image')]),
  duration_s: Type.Optional(Type.Union([Type.Number({ minimum: 0 }), Type.Null()])),
})
export type PlatesInput = Static<typeof PlatesInput>

export const PlatesOutput = Type.Object({
  plates: Type.Integer({ minimum: 0, description: 'How many plates were read' }),
  frames: Type.Integer({ minimum: 0 }),
  model: Type.String(),
  sightings: Type.Array(Sighting),
})
export type PlatesOutput = Static<typeof PlatesOutput>

export const PlatesOptions = Type.Object({
  region: Type.Union([Type.Literal('eu'), Type.Literal('us'), Type.Literal('br'), Type.Literal('all')], { default: 'all', title: 'Region', description: 'Whose plates are expected: knowing it settles what looks alike' }),
  frames_per_s: Type.Number({ default: 2, minimum: 0.2, maximum: 30, title: 'Frames a second', description: 'Looked at in a clip of up to five minutes; fewer in longer ones' }),
  threads: Type.Integer({ default: 0, minimum: 0, maximum: 64, title: 'Threads', description: '0: as many as the machine has, at most 4' }),
  vehicles: Type.Boolean({ default: true, title: 'Vehicles', description: 'Also note vehicles, on devices whose models folder has a detector' }),
})
export type PlatesOptions = Static<typeof PlatesOptions>

export default plugin({
  name: 'inference',
  title: 'Plates and vehicles',
  config: Config,
  stages: {
    plates: stage<Config, typeof PlatesInput, typeof PlatesOutput, typeof PlatesOptions>({
      title: 'Read plates',
      help: 'Reads the number plates in a clip or photo, and notes vehicles when the device that does it has a detector in its models folder. Each time a plate is in view becomes one sighting.',
      version: 1,
      input: PlatesInput,
      output: PlatesOutput,
      options: PlatesOptions,
      records: (input, output) => [{
        _id: `sightings:${input.sha256}:inference.plates`, kind: 'sightings', asset: input.sha256, stage: 'inference.plates',
        model: output.model, frames: output.frames, sightings: output.sightings,
      } satisfies SightingsDoc],
      recordsOnly: ['frames', 'model', 'sightings'],
      needs: { memory_mib: 1536, scratch_mib: 512, tools: ['ffmpeg'], all_cores: true },
      lease_s: 60,
      load: () => import('./plates.ts'),
    }),
  },
})

import { Type } from 'typebox'
import { MediaRef } from '../../contract/media.ts'
import type { StageRules } from '../board.ts'

/** Stages as a plugin would declare them. */
export const STAGES: Readonly<Record<string, StageRules>> = {
  'clip.probe': {
    version: 1, lease_s: 60,
    input: Type.Object({ clip: Type.String(), camera: Type.Optional(Type.String()) }),
    output: Type.Object({ length: Type.Integer(), secret: Type.Optional(Type.String()) }),
    recordsOnly: ['secret'],
    records: (input: { clip: string }, output: { length: number }) => [{ _id: `asset:${input.clip}`, kind: 'asset', length: output.length }],
  },
  'clip.thumb': {
    version: 1, lease_s: 60,
    input: Type.Object({ clip: Type.String(), length: Type.Integer() }),
    output: Type.Object({ picture: MediaRef }),
    records: (input: { clip: string }, output: { picture: MediaRef }) => [{ _id: `pictures:${input.clip}`, kind: 'pictures', picture: output.picture }],
  },
  'plate.read': {
    version: 3, lease_s: 60,
    input: Type.Object({ clip: Type.String() }),
    options: Type.Object({ size_px: Type.Integer({ minimum: 64, default: 640 }) }),
    output: Type.Object({ plates: Type.Array(Type.String()) }),
  },
  'flow.wait': { version: 1, lease_s: 60, each: true, input: Type.Object({}), output: Type.Object({}) },
  'flow.join': {
    version: 1, lease_s: 60,
    input: Type.Object({ of: Type.String(), count: Type.Integer({ minimum: 1 }) }),
    output: Type.Object({ gathered: Type.Integer() }),
    options: Type.Object({ most_s: Type.Number({ default: 0 }) }),
    gathers: ({ count }: { count: number }) => count,
  },
  'lab.exchange': {
    version: 1, lease_s: 30,
    input: Type.Object({ clip: Type.String(), id: Type.String() }),
    output: Type.Object({}),
    exclusive: (input: { id: string }) => `exchange/${input.id}`,
  },
}

/** Of a name that may be anybody's: `constructor` is no stage. */
export const rulesOf = (name: string): StageRules | null => (Object.hasOwn(STAGES, name) ? STAGES[name]! : null)

/**
 * What people say of cameras' clocks, for a period each: a synced record for a camera, and an edit of each recording that it concerns, so
 * that whatever is derived from its time follows. Recordings that come later are brought in line when they come.
 */
import { randomUUID } from 'node:crypto'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { Home, Principal, Scope } from '../access/scope.ts'
import { Fault } from '../contract/fault.ts'
import type { AssetDoc, Doc } from '../contract/records.ts'
import type { Answer, Ask } from '../http/api.ts'
import { past, type Log } from '../store/log.ts'
import type { Catalogue, Projection } from '../store/port.ts'
import { Batch } from '../tasks/batch.ts'
import { noteEvent } from '../tasks/event-record.ts'
import { Lanes } from '../tasks/lanes.ts'
import type { Sequence } from '../tasks/sequence.ts'
import { editFor, stretchesOf, type Correction, type Timed } from './correct.ts'

export interface Clocks {
  view(scope: Scope, camera: string): Promise<Answer<'cameraClock'>>
  /** Synced, and every recording of the period moved when it resolves. Fault `input/invalid`. @returns how many recordings moved. */
  correct(ask: Ask<'correctClock'>, by: Principal): Promise<number>
  /** As machines found it again. Fault `not-found`. */
  undo(ask: Ask<'undoClock'>, by: Principal): Promise<number>
  /** The catalogue for whoever writes recordings into it: what a person said of their camera holds for these, too. */
  readonly catalogue: Pick<Catalogue, 'apply'>
}

type Asset = Doc & AssetDoc & Timed

const Nullable = Type.Union([Type.Number(), Type.Null()])
const Kept = Type.Array(Type.Object({ id: Type.String(), from_ms: Nullable, to_ms: Nullable, offset_s: Type.Number(), by: Type.String(), at_ms: Type.Number() }))
const PREFIX = 'camera!clock!'
const AT_ONCE = 64 // of a drive's clips most, so it is gathered once for all of them
const keyOf = ({ org, site }: Home, camera: string) => `${PREFIX}${org}!${site}!${camera}`

export interface ClocksParts { readonly log: Log; readonly sequence: Sequence; readonly catalogue: Pick<Catalogue, 'apply' | 'editAll' | 'reader'>; readonly clock: () => number }

export async function openClocks({ log, sequence, catalogue, clock }: ClocksParts): Promise<Clocks> {
  const all = new Map<string, readonly Correction[]>()
  for (const [key, value] of await log.range({ gte: PREFIX, lt: past(PREFIX) })) {
    const kept: unknown = JSON.parse(value)
    if (Value.Check(Kept, kept)) all.set(key, kept)
  }
  const lanes = new Lanes()
  const of = (home: Home, camera: string) => all.get(keyOf(home, camera)) ?? []

  async function assetsOf(scope: Scope, camera: string): Promise<Asset[]> {
    const found: Asset[] = []
    for await (const asset of catalogue.reader(scope).list<Asset>('asset')) if (asset.camera === camera) found.push(asset)
    return found
  }
  async function bringInLine(scope: Scope, assets: readonly Asset[], corrections: readonly Correction[], by: string): Promise<number> {
    const edits = assets.flatMap((asset) => {
      const set = editFor(asset, corrections)
      return set === null ? [] : [{ target: `asset:${asset.sha256}`, set }]
    })
    for (let from = 0; from < edits.length; from += AT_ONCE) await catalogue.editAll(scope, by, edits.slice(from, from + AT_ONCE))
    return edits.length
  }
  async function decide(camera: string, by: Principal, how: (corrections: readonly Correction[]) => readonly Correction[], type: 'camera.clock.corrected' | 'camera.clock.undone', payload: Record<string, unknown>): Promise<number> {
    const key = keyOf(by.scope, camera)
    return lanes.alone([key], async () => {
      const former = of(by.scope, camera)
      const next = how(former)
      const batch = new Batch()
      batch.put(key, next)
      noteEvent(batch, sequence, by.scope, type, clock(), { camera, by: by.name, ...payload })
      all.set(key, next)
      batch.undo(() => void all.set(key, former))
      await batch.commit(log)
      return bringInLine(by.scope, await assetsOf(by.scope, camera), next, by.name)
    })
  }

  return {
    async view(scope, camera) {
      return { corrections: of(scope, camera), stretches: stretchesOf(await assetsOf(scope, camera)) }
    },
    async correct({ id: camera, from_ms = null, to_ms = null, offset_s }, by) {
      if (from_ms !== null && to_ms !== null && to_ms <= from_ms) throw new Fault('input/invalid', 'to_ms: expected a time after `from_ms`.')
      const said: Correction = { id: randomUUID(), from_ms, to_ms, offset_s, by: by.name, at_ms: clock() }
      return decide(camera, by, (corrections) => [...corrections, said], 'camera.clock.corrected', { from_ms, to_ms, offset_s })
    },
    async undo({ id: camera, correction }, by) {
      if (!of(by.scope, camera).some(({ id }) => id === correction)) throw new Fault('not-found', `Nobody said that of the clock of ${camera}, or it was undone already.`)
      return decide(camera, by, (corrections) => corrections.filter(({ id }) => id !== correction), 'camera.clock.undone', { correction })
    },
    catalogue: {
      async apply(projections: readonly Projection[]) {
        await catalogue.apply(projections)
        // Again after a crash in between: whoever is in line already is left alone.
        for (const { org, site, docs } of projections) for (const doc of docs as readonly (Doc & Partial<AssetDoc>)[]) {
          if (doc.kind !== 'asset') continue
          const corrections = of({ org, site }, doc.camera!)
          if (corrections.length === 0) continue
          const scope: Scope = { org, site, role: 'admin' }
          const asset = await catalogue.reader(scope).get<Asset>(doc._id)
          if (asset) await bringInLine(scope, [asset], corrections, corrections.at(-1)!.by)
        }
      },
    },
  }
}

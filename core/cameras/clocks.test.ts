import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Principal } from '../access/scope.ts'
import type { AssetDoc, Doc, DriveDoc } from '../contract/records.ts'
import { openCatalogue, type OpenCatalogue } from '../store/catalogue.ts'
import type { Rule } from '../store/derive-drives.ts'
import { openIndexes } from '../store/index/index.ts'
import { asset, sha, sighting, sightings, track } from '../store/index/testing/sample.ts'
import { openLog, type Log } from '../store/log.ts'
import { openOutcomes } from '../tasks/outcomes.ts'
import { openClocks, type Clocks } from './clocks.ts'
import { cameraTime_ms, editFor, stretchesOf, type Correction, type Timed } from './correct.ts'

const HOME = { org: 'home', site: 'home' }
const ann: Principal = { kind: 'person', id: 'ann', name: 'Ann', scope: { ...HOME, role: 'admin' } }
const HOUR_MS = 3_600_000
const NOON_MS = Date.UTC(2026, 6, 6, 12)
const rule: Rule = { name: 'clip', gap_s: 600, grouping: { key: (a: AssetDoc) => a.camera, summarise: (members) => ({ start_ms: members[0]!.asset.start_ms!, end_ms: members.at(-1)!.asset.start_ms! + 60_000, distance_m: 0, line: [] }) } }
/** A clip whose name says so, of a camera that is thought to be two hours ahead of UTC. @param minute by the camera's clock, after 12:00 */
const clip = (name: string, minute: number, over: Partial<AssetDoc> = {}) => asset(sha(name), { camera: 'Van', name, start_ms: NOON_MS + minute * 60_000 - 2 * HOUR_MS, clock: { offset_s: -7200, from: 'name' }, ...over })
const said = (over: Partial<Correction>): Correction => ({ id: 'c', from_ms: null, to_ms: null, offset_s: 0, by: 'Ann', at_ms: 1, ...over })
/** As the catalogue shows it once the edit is laid over. */
const with_ = (one: Timed, corrections: readonly Correction[]): Timed => ({ ...one, ...editFor(one, corrections) })

describe('a correction', () => {
  const timed: fc.Arbitrary<Timed> = fc.record({ start_ms: fc.integer({ min: 0, max: 2e12 }), clock: fc.record({ offset_s: fc.integer({ min: -50_000, max: 50_000 }), from: fc.constantFrom('gps' as const, 'name' as const, 'container' as const) }) })
  const corrections = fc.array(fc.record({ from_ms: fc.option(fc.integer({ min: 0, max: 2e12 })), to_ms: fc.option(fc.integer({ min: 0, max: 2e12 })), offset_s: fc.integer({ min: -50_000, max: 50_000 }) }).map(said), { maxLength: 4 })

  test('never moves the camera’s own time, is done once, and leaves nothing behind when it is undone', () => {
    fc.assert(fc.property(timed, corrections, (one, all) => {
      const now = with_(one, all)
      expect(cameraTime_ms(now)).toBe(cameraTime_ms(one))
      expect(editFor(now, all)).toBeNull()
      const back = with_(now, [])
      expect([back.start_ms, back.clock]).toEqual([one.start_ms, one.clock])
    }))
  })
  test('holds from its beginning up to its end; of two that hold the last counts', () => {
    const one = clip('a', 30)
    const at = NOON_MS + 30 * 60_000
    for (const [from_ms, to_ms, holds] of [[null, null, true], [at, null, true], [at + 1, null, false], [null, at, false], [null, at + 1, true]] as const)
      expect(editFor(one, [said({ from_ms, to_ms, offset_s: -3600 })]) !== null).toBe(holds)
    expect(with_(one, [said({ offset_s: -3600 }), said({ offset_s: 0 })])).toMatchObject({ start_ms: at, clock: { offset_s: 0, from: 'person' } })
  })
  test('of a recording that tells no time says nothing', () => {
    expect(editFor(clip('a', 0, { start_ms: null, clock: { offset_s: 0, from: 'none' } }), [said({})])).toBeNull()
  })
})

test('a camera’s time is told in stretches: as long as its clock was off by the same, found in the same way', () => {
  const clips = [clip('a', 0), clip('b', 1, { clock: { offset_s: -7200, from: 'name' } }), clip('c', 2, { start_ms: NOON_MS + 120_000 - 7_203_000, clock: { offset_s: -7203, from: 'gps' } }), clip('d', 3, { start_ms: NOON_MS + 180_000, clock: { offset_s: 0, from: 'gps' } }), clip('e', 4, { start_ms: null, clock: { offset_s: 0, from: 'none' } })]
  expect(stretchesOf(clips.toReversed())).toEqual([
    { from_ms: NOON_MS, to_ms: NOON_MS + 60_000, offset_s: -7200, from: 'name', clips: 2 }, { from_ms: NOON_MS + 120_000, to_ms: NOON_MS + 120_000, offset_s: -7203, from: 'gps', clips: 1 },
    { from_ms: NOON_MS + 180_000, to_ms: NOON_MS + 180_000, offset_s: 0, from: 'gps', clips: 1 },
  ])
})

describe('in the library', () => {
  let dir: string
  let log: Log
  let catalogue: OpenCatalogue
  let clocks: Clocks
  async function open() {
    log = await openLog(join(dir, 'log'))
    catalogue = await openCatalogue({ dir: join(dir, 'catalogue'), groupings: [rule], clock: Date.now })
    clocks = await openClocks({ log, sequence: (await openOutcomes({ log, clock: Date.now })).sequence, catalogue, clock: Date.now })
  }
  async function close() {
    await catalogue.close()
    await log.close()
  }
  const come = (...docs: Doc[]) => clocks.catalogue.apply(docs.map((doc, i) => ({ seq: String(i), ...HOME, docs: [doc] })))
  const starts = async () => {
    const found: Record<string, number | null> = {}
    for await (const one of catalogue.reader(ann.scope).list<AssetDoc>('asset')) found[one.name] = one.start_ms === null ? null : (one.start_ms - NOON_MS) / 60_000
    return found
  }
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'clocks-'))
    await open()
  })
  afterEach(async () => {
    await close()
    await rm(dir, { recursive: true })
  })

  test('one word moves every recording of the period and whatever is derived from them, also what comes later; undone it is as it was found', async () => {
    const indexes = openIndexes({ dir: join(dir, 'index'), catalogue })
    await indexes.ready(ann.scope)
    await come(clip('a', 0), clip('b', 5), clip('late', 300), clip('other', 0, { camera: 'Bus' }), track(sha('b'), [50, 8], [0, 0.001]), sightings(sha('b'), [sighting('AB123', 20)]))
    const seen = async () => {
      await indexes.caughtUp(ann.scope)
      return (await indexes.index(ann.scope).plate('AB123', 10)).map(({ at_ms, lon_deg }) => [(at_ms! - NOON_MS) / 1000, lon_deg?.toFixed(4)])
    }
    const drives = async () => {
      const found: number[] = []
      for await (const drive of catalogue.reader(ann.scope).list<DriveDoc>('drive')) if (drive.group.includes('Van') && drive.alias_of === null) found.push((drive.start_ms - NOON_MS) / 60_000)
      return found.sort((a, b) => a - b)
    }
    expect([await starts(), await seen(), await drives()]).toEqual([{ a: -120, b: -115, late: 180, other: -120 }, [[-115 * 60 + 20, '8.0020']], [-120, 180]])
    // Until five in the afternoon the camera was an hour ahead only.
    expect(await clocks.correct({ id: 'Van', to_ms: NOON_MS + 5 * HOUR_MS, offset_s: -3600 }, ann)).toBe(2)
    expect([await starts(), await seen(), await drives()]).toEqual([{ a: -60, b: -55, late: 180, other: -120 }, [[-55 * 60 + 20, '8.0020']], [-60, 180]])
    expect(await clocks.view(ann.scope, 'Van')).toMatchObject({ corrections: [{ by: 'Ann', offset_s: -3600 }], stretches: [{ from: 'person', clips: 2 }, { from: 'name', clips: 1 }] })
    await close()
    await indexes.close()
    await open()
    await come(clip('came later', 10))
    expect(await starts()).toEqual({ a: -60, b: -55, late: 180, other: -120, 'came later': -50 })
    await come(clip('came later', 10))
    expect((await starts())['came later']).toBe(-50) // written again after a crash, it is still in line
    const [{ id }] = (await clocks.view(ann.scope, 'Van')).corrections as [Correction]
    expect(await clocks.undo({ id: 'Van', correction: id }, ann)).toBe(3)
    expect(await starts()).toEqual({ a: -120, b: -115, late: 180, other: -120, 'came later': -110 })
    await expect(clocks.undo({ id: 'Van', correction: id }, ann)).rejects.toMatchObject({ code: 'not-found' })
  })

  test('a period that ends before it begins is refused', async () => {
    await expect(clocks.correct({ id: 'Van', from_ms: 2, to_ms: 2, offset_s: 0 }, ann)).rejects.toMatchObject({ code: 'input/invalid' })
  })
})

/** Real stores and real folders with a few recordings in them; only the planner and the clock are the test's. */
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { HOME } from '../access/scope.ts'
import type { AssetDoc, Doc } from '../contract/records.ts'
import type { Library, Make, Plan, Terms } from '../contract/retention.ts'
import { openCatalogue } from '../store/catalogue.ts'
import type { Rule } from '../store/derive-drives.ts'
import { openLog } from '../store/log.ts'
import { startProjector } from '../store/projector.ts'
import type { Remotes } from '../store/volume/remotes.ts'
import { openVolumes } from '../store/volumes.ts'
import { openOutcomes } from '../tasks/outcomes.ts'
import { openRetention } from './retention.ts'

export const DAY_MS = 86_400_000
export const TERMS: Terms = { grace_days: 14, at: '03:00', most_part: 1, steps: [], says: [] }
export const digest = (content: string | Buffer): string => createHash('sha256').update(content).digest('hex')

export type World = Awaited<ReturnType<typeof openWorld>>

/** @param dir of an earlier life; otherwise a fresh one */
export async function openWorld(plan: (library: Library) => Plan, { dir, terms = TERMS, far, groupings = [] }: { dir?: string; terms?: Terms; far?: Remotes; groupings?: readonly Rule[] } = {}) {
  const base = dir ?? (await mkdtemp(join(tmpdir(), 'viewshed-retention-')))
  let now_ms = Date.UTC(2026, 6, 1)
  const clock = () => now_ms
  const roots = { media: join(base, 'media'), archive: join(base, 'archive') }
  for (const root of Object.values(roots)) await mkdir(root, { recursive: true })
  const log = await openLog(join(base, 'log'))
  const volumes = await openVolumes(Object.entries(roots).map(([name, root]) => ({ name, root, org: HOME.org })), {
    get: (name) => log.get(`volume!${name}`), set: (name, id) => log.commit([{ type: 'put', key: `volume!${name}`, value: id }]),
  }, far)
  const outcomes = await openOutcomes({ log, clock })
  const catalogue = await openCatalogue({ dir: join(base, 'catalogue'), clock, groupings })
  const projector = startProjector({ projections: outcomes.projections, catalogue })
  const query = catalogue.reader({ ...HOME, role: 'admin' })
  const made: Make[] = []
  const warned: string[] = []
  const retention = openRetention({
    home: HOME, log, outcomes, volumes, query, clock, warn: (_, message) => void warned.push(message), planner: { terms, placed: null, plan },
    make: async (make) => void made.push(make), keep: (sha256, by) => catalogue.edit({ ...HOME, role: 'admin' }, by, `asset:${sha256}`, { keep: true }),
  })
  const path = (volume: keyof typeof roots, name: string) => join(roots[volume], ...name.split('/'))
  return {
    base, log, volumes, catalogue, query, retention, made, warned, path, roots,
    pass: (days: number) => { now_ms += days * DAY_MS },
    /** A recording with its original, and copies by role → [volume, content]. */
    async record(content: string, over: Partial<AssetDoc> = {}, copies: Record<string, readonly [volume: keyof typeof roots, content: string]> = {}): Promise<string> {
      const sha256 = digest(content)
      const lay = async (volume: keyof typeof roots, name: string, bytes: string) => {
        await mkdir(dirname(path(volume, name)), { recursive: true })
        await writeFile(path(volume, name), bytes)
        return { volume, path: name, bytes: Buffer.byteLength(bytes), sha256: digest(bytes) }
      }
      const asset: AssetDoc & Doc = {
        _id: `asset:${sha256}`, kind: 'asset', sha256, media_kind: 'video', media: await lay('media', `raw/${sha256.slice(0, 8)}.MP4`, content), name: `${sha256.slice(0, 8)}.MP4`, camera: 'Van', channel: 'front', event: 'normal',
        start_ms: 0, duration_s: 60, clock: { offset_s: 0, from: 'gps' }, width_px: 2560, height_px: 1440, fps: 30, codec: 'h264', audio: true, playable: true,
        fixes: 0, dropped_fixes: { no_fix: 0, zero: 0, static: 0, jump: 0, no_time: 0, invalid: 0 }, notes: [], ...over,
      }
      const docs: Doc[] = [asset]
      for (const [role, [volume, bytes]] of Object.entries(copies))
        docs.push({ _id: `copy:${sha256}:${role}`, kind: 'copy', asset: sha256, role, media: await lay(volume, `${sha256.slice(0, 8)}/${role}.mp4`, bytes), verified_ms: now_ms, checks: {} })
      await catalogue.apply([{ seq: '', ...HOME, docs }])
      return sha256
    },
    /** Every file of both volumes but their markers: path → content. */
    async files(): Promise<Record<string, string>> {
      const all: Record<string, string> = {}
      for (const root of Object.values(roots))
        for (const entry of await readdir(root, { recursive: true, withFileTypes: true }))
          if (entry.isFile() && entry.name !== 'volume.json') all[relative(base, join(entry.parentPath, entry.name))] = await readFile(join(entry.parentPath, entry.name), 'utf8')
      return all
    },
    /** What the catalogue has been told. */
    async told(id: string): Promise<Doc | null> {
      await projector.settled()
      return query.get<Doc>(id)
    },
    async close(remove = true): Promise<void> {
      await retention.close()
      await projector.stop()
      await catalogue.close()
      await log.close()
      if (remove) await rm(base, { recursive: true, force: true })
    },
  }
}

/** Every original goes, for every other file of its recording. */
export function originalsGo({ items }: Library): Plan {
  return {
    makes: [],
    lines: items.flatMap(({ asset, files }) => files.map((file) => ({
      sha256: asset.sha256, role: file.role, name: asset.name, camera: asset.camera, start_ms: asset.start_ms, media: file.media, goes: file.role === 'original', to: '720p', reason: 'steps',
      why: 'the test says so', wins_bytes: file.role === 'original' ? file.media.bytes : 0, replaced_by: file.role === 'original' ? files.filter((other) => other !== file).map(({ media }) => media) : [],
    }))),
  }
}

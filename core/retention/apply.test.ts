/** Over real folders: a planner that wants everything gone, and hands that change whatever lies there between plan and move, and again while it rests. */
import { createHash } from 'node:crypto'
import { link, lstat, mkdir, readdir, readFile, rm, stat, symlink, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { MediaRef } from '../contract/media.ts'
import type { Library, Plan } from '../contract/retention.ts'
import { openWorld, TERMS, type World } from './testing.ts'

interface Clip { readonly kept: boolean; readonly event: 'normal' | 'parking' | 'locked' | 'manual'; readonly copies: readonly ('720p' | 'archive' | 'twin')[]; readonly goes: readonly boolean[]; readonly by: 'all' | 'first' | 'none' }
const TAMPERS = ['nothing', 'flip', 'cut', 'delete', 'swap', 'hardlink', 'symlink', 'folder', 'grow'] as const
interface Hand { readonly what: (typeof TAMPERS)[number]; readonly at: number }
type Fault = 'nothing' | 'unmount media' | 'unmount archive' | 'empty archive' | 'strange media' | 'keep' | 'lock'

const clip: fc.Arbitrary<Clip> = fc.record({
  kept: fc.constantFrom(false, false, false, true), event: fc.constantFrom('normal', 'normal', 'normal', 'parking', 'locked', 'manual'),
  copies: fc.subarray(['720p', 'archive', 'twin'] as const, { minLength: 1 }), goes: fc.oneof(fc.constantFrom([true, false, false, false], [true, true, false, false]), fc.array(fc.boolean(), { minLength: 4, maxLength: 4 })), by: fc.constantFrom('all', 'all', 'first', 'none'),
})
const hand: fc.Arbitrary<Hand> = fc.record({ what: fc.constantFrom(...TAMPERS, ...Array.from({ length: 9 }, () => 'nothing' as const)), at: fc.nat(11) })
const fault: fc.Arbitrary<Fault> = fc.constantFrom<Fault[]>(...Array.from({ length: 8 }, () => 'nothing' as const), 'unmount media', 'unmount archive', 'empty archive', 'strange media', 'keep', 'lock')

/** Everything goes that it is told to, for whatever else it sees; the empty answer of `by` and mutual replacement are among it. */
const wanting = (clips: readonly Clip[], order: readonly string[]) => ({ items }: Library): Plan => ({
  makes: [],
  lines: items.flatMap(({ asset, files }) => {
    const { goes, by } = clips[order.indexOf(asset.sha256)]!
    return files.map((file, i) => {
      const others = files.filter((other) => other !== file).map(({ media }) => media)
      return {
        sha256: asset.sha256, role: file.role, name: asset.name, camera: '', start_ms: 0, media: file.media, goes: goes[i]!, to: 'crops', reason: 'goes', why: 'all must go', wins_bytes: 0,
        replaced_by: by === 'none' ? [] : by === 'first' ? others.slice(0, 1) : others,
      }
    })
  }),
})

async function tamper({ what, at }: Hand, paths: readonly string[]): Promise<void> {
  const path = paths[at % paths.length]!
  const other = paths[(at + 1) % paths.length]!
  const bytes = await readFile(path).catch(() => null)
  if (bytes === null) return
  if (what === 'flip') await writeFile(path, Buffer.from(bytes.map((byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte))))
  if (what === 'cut') await writeFile(path, bytes.subarray(0, -1))
  if (what === 'grow') await writeFile(path, Buffer.concat([bytes, Buffer.from('x')]))
  if (what === 'delete' || what === 'folder' || what === 'swap' || what === 'hardlink' || what === 'symlink') await unlink(path)
  if (what === 'folder') await mkdir(path)
  if (what === 'swap') await writeFile(path, 'somebody put another file here')
  if (what === 'hardlink' && (await stat(other).catch(() => null))?.isFile()) await link(other, path)
  if (what === 'symlink') await symlink(other, path)
}

async function strike(world: World, what: Fault, shas: readonly string[]): Promise<void> {
  const { media, archive } = world.roots
  const scope = { org: 'home', site: 'home', role: 'admin' } as const
  if (what === 'unmount media') await rm(join(media, '.viewshed', 'volume.json'), { force: true })
  if (what === 'unmount archive') await rm(join(archive, '.viewshed', 'volume.json'), { force: true })
  if (what === 'strange media') await writeFile(join(media, '.viewshed', 'volume.json'), JSON.stringify({ id: 'strange', name: 'media', created: '' }))
  if (what === 'empty archive') for (const name of await readdir(archive)) if (name !== '.viewshed') await rm(join(archive, name), { recursive: true })
  if (what === 'keep') await world.catalogue.edit(scope, 'ben', `asset:${shas[0]}`, { keep: true })
  if (what === 'lock') await world.catalogue.edit(scope, 'ben', `asset:${shas.at(-1)}`, { event: 'locked' })
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
const hasMarker = (root: string) => readFile(join(root, '.viewshed', 'volume.json'), 'utf8').then((text) => !text.includes('strange'), () => false)

test('whatever lies there and whatever is tampered with: what is really removed was whole, wanted by nobody, on a mounted volume, and another whole file holds its recording', async () => {
  let [removed, trashed] = [0, 0]
  await fc.assert(fc.asyncProperty(fc.array(clip, { minLength: 1, maxLength: 3 }), fc.array(hand, { maxLength: 3 }), fault, fc.array(hand, { maxLength: 2 }), fault, async (clips, early, first, late, second) => {
    const order: string[] = []
    let between: (() => Promise<void>) | null = null
    const world = await openWorld(wanting(clips, order), { terms: TERMS })
    try {
      for (const [n, { kept, event, copies }] of clips.entries()) {
        const content = `recording ${n}`
        order.push(await world.record(content, { event, ...(kept ? { keep: true } : {}) }, Object.fromEntries(copies.map((role) =>
          [role, role === '720p' ? ['media', `small ${n}`] : role === 'archive' ? ['archive', content] : ['media', content]] as const))))
      }
      await world.retention.set(true, 'anna')
      // Every file the catalogue knows: where it is, what it was, whose it is.
      const { library } = await world.retention.survey()
      const known = library.items.flatMap(({ asset, files }) => files.map(({ media }) => ({ of: asset.sha256, n: order.indexOf(asset.sha256), media, path: world.path(media.volume as 'media', media.path) })))
      const paths = known.map(({ path }) => path)
      between = async () => { for (const one of early) await tamper(one, paths); await strike(world, first, order) }
      const { commit } = world.log
      let before = new Map<string, string>()
      world.log.commit = async (ops) => {
        if (between !== null && ops.some(({ key }) => key.includes('leaving!'))) {
          const act = between
          between = null
          await act()
          before = await snapshot(paths)
        }
        return commit.call(world.log, ops)
      }
      await world.retention.run('anna')
      const leaving = (await world.retention.survey()).leaving
      for (const { of, media, path } of known) {
        const was = before.get(path)
        if (was === undefined || (await isThere(path))) continue
        trashed++
        const entry = leaving.find((one) => one.media.path === media.path && one.media.volume === media.volume)!
        const trash = join(world.roots[media.volume as 'media'], entry.trash)
        expect([was, entry.state, await digestOf(trash)]).toEqual([media.sha256, 'trash', media.sha256]) // it is nothing unknown, and the journal says where it is
        await mayGo(of, media, (await stat(trash)).ino)
        for (const ref of entry.replaced_by) expect(await digestOf(world.path(ref.volume as 'media', ref.path))).toBe(ref.sha256)
      }

      const resting = leaving.map((entry) => ({ entry, path: join(world.roots[entry.media.volume as 'media'], entry.trash) }))
      for (const one of late) await tamper(one, [...paths, ...resting.map(({ path }) => path)])
      await strike(world, second, order)
      const last = await snapshot(resting.map(({ path }) => path))
      world.pass(15)
      await world.retention.run('anna')
      for (const { entry: { media, sha256: of }, path } of resting) {
        const was = last.get(path)
        if (was === undefined || (await isThere(path)) || (await digestOf(world.path(media.volume as 'media', media.path))) === was) continue // gone before, still there, or back
        removed++
        expect(was).toBe(media.sha256)
        await mayGo(of, media, -1)
      }

      /** @param ino of the file that went: another name of it is no other file */
      async function mayGo(of: string, media: MediaRef, ino: number): Promise<void> {
        expect(await hasMarker(world.roots[media.volume as 'media'])).toBe(true)
        const asset = await world.query.get<{ keep?: unknown; event: string }>(`asset:${of}`)
        expect([asset!.keep ?? false, ['normal', 'parking'].includes(asset!.event)]).toEqual([false, true])
        const whole = await Promise.all(known.filter((file) => file.of === of && file.media !== media).map(async (file) =>
          (await hasMarker(world.roots[file.media.volume as 'media'])) && (await digestOf(file.path)) === file.media.sha256 && (await stat(file.path)).ino !== ino))
        expect(whole).toContain(true)
      }
    } finally {
      await world.close()
    }
  }), { numRuns: 70 })
  expect(trashed).toBeGreaterThan(8) // otherwise nothing was tried
  expect(removed).toBeGreaterThan(1)
}, 120_000)

const isThere = (path: string) => lstat(path).then(() => true, () => false)
const digestOf = (path: string) => readFile(path).then(sha256, () => null)

async function snapshot(paths: readonly string[]): Promise<Map<string, string>> {
  const all = new Map<string, string>()
  for (const path of paths) {
    const bytes = await readFile(path).catch(() => null)
    if (bytes !== null) all.set(path, sha256(bytes))
  }
  return all
}

/** What goes from a camera's card: only what its archive gives back at that moment, and the camera still has. Over fake cameras and real volumes. */
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { archivedCopy } from '../core/cameras/archived.ts'
import { NO_ORDER, type CameraWord } from '../core/contract/camera.ts'
import type { MediaRef } from '../core/contract/media.ts'
import type { Query } from '../core/contract/plugin.ts'
import { openVolumes } from '../core/store/volumes.ts'
import { fakeViofo, type CardFile, type FakeViofo } from '../plugins/camera-viofo/testing/fake.ts'
import { content, type Content } from '../plugins/camera/testing/serve.ts'
import { beginLife, type Arrived } from './test/camera-life.ts'

vi.setConfig({ testTimeout: 120_000 })

/** How a clip's copy in the archive is. */
const COPIES = ['good', 'none', 'missing', 'short', 'rotten', 'of another file', 'taken away', 'on the volume of the original'] as const
/** What the camera has by now under the clip's name. */
const CARDS = ['same', 'other end', 'other size', 'lies about its size', 'says nothing of its size'] as const
interface Case { readonly copy: (typeof COPIES)[number]; readonly card: (typeof CARDS)[number]; readonly locked: boolean }
const may = ({ copy, card, locked }: Case, rule: string) => copy === 'good' && card === 'same' && (!locked || rule === 'archived-and-locked')

const BYTES = 300_000
const path = (n: number) => `/DCIM/Movie/2026_0302_07${String(10 + n)}12_${String(n).padStart(6, '0')}F.MP4`
const numberOf = (name: string) => Number(name.slice(17, 23))
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
const whole = (of: Content) => of.read(0, of.bytes)

/** Fetches every clip, brings archive and card into the state of each case, lets a watcher that may delete do it, and says what it did. */
async function deleting(cases: readonly Case[], rule: 'never' | 'archived' | 'archived-and-locked', archiveMounted = true, listed: FakeViofo['xml'] = 'sound') {
  const dir = await mkdtemp(join(tmpdir(), 'camera-delete-'))
  const camera = await fakeViofo(cases.map(({ locked }, n): [string, CardFile] => [path(n), { content: content(n, BYTES), time: '2026/03/02 07:43:12', attr: locked ? 33 : 32 }]))
  camera.most_connections = 10
  const settings = { name: 'Van', address: camera.address, route_first: false }
  try {
    let arrived: readonly Arrived[] = []
    const first = await beginLife({ dir, plugin: 'camera-viofo', cameras: [settings] })
    await vi.waitFor(async () => expect((arrived = await first.all()).length).toBe(cases.length), { timeout: 60_000, interval: 50 })
    await first.end()

    const archive = join(dir, 'archive')
    await mkdir(archive)
    const ids = new Map<string, string>()
    const volumes = await openVolumes([{ name: 'media', root: join(dir, 'media'), org: 'home' }, { name: 'archive', root: archive, org: 'home' }], { get: (name) => ids.get(name), set: async (name, id) => void ids.set(name, id) })
    const docs = new Map<string, unknown>()
    for (const [n, { copy, card }] of cases.entries()) {
      const { media } = arrived.find(({ name }) => path(n).endsWith(name))!
      docs.set(`asset:${media.sha256}`, { sha256: media.sha256 })
      const ref = await keep(archive, media, copy, docs)
      if (ref) docs.set(`copy:${media.sha256}:archive`, { media: ref })
      const before = camera.files.get(path(n))!
      const end = Buffer.concat([whole(before.content).subarray(0, BYTES - 1), Buffer.of(7)])
      const now: Partial<Record<Case['card'], Partial<CardFile>>> = {
        'other end': { content: { bytes: BYTES, read: (at, length) => end.subarray(at, at + length) } }, 'other size': { content: content(n, BYTES + 1) }, 'lies about its size': { listed_bytes: BYTES - 1 },
      }
      camera.files.set(path(n), { ...before, ...now[card] })
    }
    const silent = new Set(cases.flatMap(({ card }, n) => (card === 'says nothing of its size' ? [path(n)] : [])))
    camera.trouble = ({ path: asked }) => (silent.has(asked) ? { kind: 'status', status: 503 } : null)
    camera.xml = listed
    if (!archiveMounted) await rm(join(archive, '.viewshed'), { recursive: true })

    const query: Query = { get: async <T>(id: string) => (docs.get(id) ?? null) as T | null, async *list<T>(kind: string, range?: { from?: string; to?: string }) { for (const [id, doc] of docs) if (id.startsWith(`${kind}:`) && id >= (range?.from ?? '') && id <= (range?.to ?? '\uffff')) yield doc as T } }
    let word: (() => CameraWord) | null = null
    const wrong: string[] = []
    const second = await beginLife({ dir, plugin: 'camera-viofo', cameras: [{ ...settings, delete: rule }] }, undefined,
      async () => [{ order: NO_ORDER, onOrder: () => () => undefined, says: (said) => { word = said } }], (original) => archivedCopy(original, query, volumes))
    await vi.waitFor(() => {
      const { standing, clips: { clips: rows } } = word!()
      expect(standing.listed).not.toBeNull()
      expect(rows.filter(({ name, state, why }) => state !== 'in' || (why === null && camera.files.has(path(numberOf(name))) && rule !== 'never'))).toEqual([])
    }, { timeout: 60_000, interval: 50 })
    const why = Object.fromEntries(word!().clips.clips.map((clip) => [path(numberOf(clip.name)), clip.why]))
    const released = await second.all<{ name: string }>('released')
    await second.end()
    for (const gone of camera.deleted) {
      const was = whole(content(numberOf(gone.split('/').at(-1)!), BYTES))
      const ref = docs.get(`copy:${sha256(was)}:archive`) as { media: MediaRef } | undefined
      const bytes = ref && (await readFile(join(archive, ref.media.path)).catch(() => null))
      if (!bytes?.equals(was)) wrong.push(gone)
    }
    return { deleted: camera.deleted.toSorted(), why, wrong, released: released.map(({ name }) => name).sort(), requests: camera.requests, refused: camera.refused }
  } finally {
    await camera.off()
    await rm(dir, { recursive: true, force: true, maxRetries: 3 })
  }
}

/** Puts the copy there as the case has it. Null: the catalogue knows none. */
async function keep(archive: string, original: MediaRef, copy: Case['copy'], docs: Map<string, unknown>): Promise<MediaRef | null> {
  if (copy === 'none') return null
  const bytes = await readFile(join(archive, '..', 'media', original.path))
  const ref = { ...original, volume: copy === 'on the volume of the original' ? 'media' : 'archive' }
  const to = join(archive, original.path)
  if (copy === 'on the volume of the original') return ref
  await mkdir(dirname(to), { recursive: true })
  if (copy === 'rotten') bytes[1234]! ^= 1
  if (copy !== 'missing') await writeFile(to, copy === 'short' ? bytes.subarray(0, bytes.length - 1) : bytes)
  if (copy === 'taken away') docs.set(`removal:${original.sha256}:archive`, { media: ref, state: 'trash' })
  return copy === 'of another file' ? { ...ref, sha256: 'f'.repeat(64) } : ref
}

describe('from a camera', () => {
  const all = fc.record({ copy: fc.constantFrom(...COPIES), card: fc.constantFrom(...CARDS), locked: fc.boolean() })

  test('goes what is archived and still the same, all of it and nothing else, whatever is wrong with the others', async () => {
    const sure: Case[] = [{ copy: 'good', card: 'same', locked: false }, { copy: 'good', card: 'same', locked: true }, ...COPIES.map((copy): Case => ({ copy, card: 'same', locked: false })), ...CARDS.map((card): Case => ({ copy: 'good', card, locked: false }))]
    const scenes = [sure, ...fc.sample(fc.array(all, { minLength: 10, maxLength: 20 }), { numRuns: 5, seed: 4 })]
    await Promise.all(scenes.map(async (cases, i) => {
      const rule = i % 2 === 0 ? 'archived' : 'archived-and-locked'
      const { deleted, wrong, released } = await deleting(cases, rule)
      const expected = cases.flatMap((one, n) => (may(one, rule) ? [path(n)] : []))
      expect(wrong).toEqual([])
      expect(deleted).toEqual(expected)
      expect(released).toEqual(expected.map((one) => one.split('/').at(-1)!).sort())
    }))
  })

  test('nothing goes while it is off, and it is off unless somebody says so', async () => {
    const { deleted, requests } = await deleting([{ copy: 'good', card: 'same', locked: false }], 'never')
    expect(deleted).toEqual([])
    expect(requests.filter((asked) => asked.includes('4003'))).toEqual([])
  })

  test('nothing goes while the archive is unplugged: an empty mount point is no archive', async () => {
    const { deleted, why } = await deleting([{ copy: 'good', card: 'same', locked: false }, { copy: 'good', card: 'same', locked: false }], 'archived', false)
    expect(deleted).toEqual([])
    expect(Object.values(why)).toEqual([expect.stringMatching(/^its copy in the archive cannot be read now/), expect.stringMatching(/^its copy in the archive cannot be read now/)])
  })

  test('nothing goes while its list breaks off: the pages of its folders do not tell what is locked', async () => {
    const { deleted, why } = await deleting([true, false, false, false].map((locked): Case => ({ copy: 'good', card: 'same', locked })), 'archived', true, 'broken')
    expect(deleted).toEqual([])
    expect(new Set(Object.values(why))).toEqual(new Set(['the camera does not say whether it is locked']))
  })

  test('what stays says why', async () => {
    const cases: Case[] = [
      { copy: 'none', card: 'same', locked: false }, { copy: 'rotten', card: 'same', locked: false }, { copy: 'good', card: 'other end', locked: false }, { copy: 'good', card: 'lies about its size', locked: false },
      { copy: 'good', card: 'same', locked: true }, { copy: 'taken away', card: 'same', locked: false },
    ]
    const { deleted, why } = await deleting(cases, 'archived')
    expect(deleted).toEqual([])
    expect(cases.map((_, n) => why[path(n)])).toEqual([
      'it is not in the archive yet', 'its copy in the archive does not read back as it was written', 'the camera has something else under its name', 'the camera lists 299999 bytes of it, the archive has 300000',
      'locked recordings stay on the camera', 'its copy was taken from the archive',
    ])
  })
})

test('a camera that cannot be told to delete is refused with a word', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'camera-delete-'))
  await expect((await beginLife({ dir, plugin: 'camera-blackvue', cameras: [{ name: 'Van', address: 'a', delete: 'archived' }] })).running).rejects.toThrow('a BlackVue cannot be told to delete a clip')
  await rm(dir, { recursive: true, force: true })
})

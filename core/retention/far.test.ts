/** The second copies lie on a volume that is reached over the network: they count as long as they give their bytes back. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Doc } from '../contract/records.ts'
import type { Library, Plan } from '../contract/retention.ts'
import { openFakeS3, type FakeS3 } from '../store/volume/testing/s3.ts'
import { openRemotes, type Remotes } from '../store/volume/remotes.ts'
import { digest, openWorld, originalsGo, type World } from './testing.ts'

const PLACE = { bucket: 'shed', region: 'here', id: 'viewshed', secret: 'a secret of the shed' }
let s3: FakeS3
let far: Remotes
let world: World
let seen: Library

beforeEach(async () => {
  s3 = await openFakeS3(PLACE)
  const ids = new Map<string, string>()
  far = openRemotes([{ name: 'shed', org: 'home', url: s3.endpoint, place: { kind: 's3', endpoint: s3.endpoint, bucket: PLACE.bucket, prefix: '', region: PLACE.region, access_key_id: PLACE.id, secret_key: PLACE.secret } }],
    { id: (name) => ids.get(name), hostKey: () => undefined, keep: { id: async (name, id) => void ids.set(name, id), hostKey: async () => undefined } }, { look_ms: 0 })
  const plan = (library: Library): Plan => { seen = library; return originalsGo(library) }
  world = await openWorld(plan, { far })
})
afterEach(async () => {
  await world.close()
  far.close()
  await s3.close()
})

/** A recording whose only other file lies in the shed. */
async function record(content: string): Promise<{ sha: string; path: string }> {
  const sha = await world.record(content)
  const path = `${sha}/clip.MP4`
  await writeFile(join(world.base, 'there'), content)
  await (await far.at('shed')).write(path, { path: join(world.base, 'there'), bytes: Buffer.byteLength(content), sha256: sha }, { signal: new AbortController().signal })
  const copy: Doc = { _id: `copy:${sha}:archive`, kind: 'copy', asset: sha, role: 'archive', media: { volume: 'shed', path, bytes: Buffer.byteLength(content), sha256: sha }, verified_ms: 0, checks: {} }
  await world.catalogue.apply([{ seq: '', org: 'home', site: 'home', docs: [copy] }])
  return { sha, path }
}

test('an original goes when the shed gives its bytes back, and is gone after its grace', async () => {
  await record('one')
  await world.retention.set(true, 'anna')
  expect(await world.retention.run('anna')).toMatchObject({ moved: 1, refused: [] })
  expect(seen.volumes.get('shed')).toMatchObject({ mounted: true, files: 1, there: 1 })
  world.pass(15)
  expect(await world.retention.run('anna')).toMatchObject({ freed: 1 })
  expect(Object.values(await world.files())).toEqual([])
})

test('a copy there that has rotted keeps the original, though its size is right', async () => {
  const { path } = await record('one')
  s3.objects.set(path, Buffer.from('onE'))
  await world.retention.set(true, 'anna')
  expect(await world.retention.run('anna')).toMatchObject({ moved: 0, refused: [{ why: expect.stringContaining('does not read back') }] })
  s3.objects.delete(path)
  await world.retention.survey()
  expect(seen.volumes.get('shed')).toMatchObject({ mounted: true, files: 1, there: 0 })
})

test('while the shed is off nothing is concluded, and what rests in the trash stays there', async () => {
  await record('one')
  await world.retention.set(true, 'anna')
  await world.retention.run('anna')
  await s3.close()
  world.pass(20)
  expect(await world.retention.run('anna')).toMatchObject({ freed: 0, refused: [{ why: expect.stringContaining('cannot be read back') }] })
  expect(seen.volumes.get('shed')).toMatchObject({ mounted: false, there: 0 })
  expect(Object.values(await world.files())).toEqual(['one'])
})

test('what lies in the shed itself is never thinned from here', async () => {
  const { sha } = await record('one')
  await world.close(false)
  world = await openWorld(({ items }) => ({ makes: [], lines: originalsGo({ items, volumes: new Map(), now_ms: 0 }).lines.map((line) => ({ ...line, goes: line.media.volume === 'shed', replaced_by: [items[0]!.asset.media] })) }), { dir: world.base, far })
  await world.retention.set(true, 'anna')
  expect(await world.retention.run('anna')).toMatchObject({ moved: 0, refused: [{ why: expect.stringContaining('reached over the network') }] })
  expect(digest(s3.objects.get(`${sha}/clip.MP4`)!)).toBe(sha)
})

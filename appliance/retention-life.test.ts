/** A year of retention in an afternoon: real files through the real flow, with core, Node-RED and agent; only the dates in the files' names are old. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { HOME } from '../core/access/scope.ts'
import { client, type Client } from '../core/http/client.ts'
import { serve, type Appliance } from './serve.ts'

const exec = promisify(execFile)
const DAY_MS = 86_400_000

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 })

let dir: string
let appliance: Appliance
let admin: Client
let headers: Record<string, string>
let young: string
let old: string

const nameOf = (age_days: number) => `${new Date(Date.now() - age_days * DAY_MS).toISOString().slice(0, 19).replace(/(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)/, '$1_$2$3_$4$5$6')}_0001F.MP4`

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'retention-life-'))
  const card = join(dir, 'card')
  await mkdir(card)
  for (const [i, age_days] of [40, 120].entries())
    await exec('ffmpeg', ['-nostdin', '-v', 'error', '-f', 'lavfi', '-i', `testsrc2=size=1600x1200:rate=10:duration=2,hue=h=${i * 90}`, '-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-y', join(card, nameOf(age_days))])
  process.env.VIEWSHED_LOG = 'error'
  appliance = await serve({
    name: 'shelf', folder: join(dir, 'config'), host: '127.0.0.1', port: 0, mqttPort: 0, mqtt: null, trustProxy: false, tiles: null, volumes: { media: join(dir, 'media'), archive: join(dir, 'archive') }, inbox: card,
    plugins: { folder: { inboxes: [{ path: card, once: true, camera: 'Van' }], stable_s: 0 }, archive: { enabled: true }, retention: { ladder: { '1080p': null, '720p': 30, '540p': 90, crops: null }, most_part: 1, grace_days: 0, keep_days: 0 } },
  })
  headers = { authorization: `Bearer ${appliance.access.mint({ kind: 'person', id: 'anna', name: 'anna', scope: { ...HOME, role: 'admin' } })}` }
  admin = client({ baseUrl: appliance.url, headers })
  await settled(2)
  const { assets } = await admin.assets({ limit: 10 })
  ;[young, old] = assets.toSorted((a, b) => b.start_ms! - a.start_ms!).map(({ sha256 }) => sha256) as [string, string]
})
afterAll(async () => {
  await appliance.close()
  await rm(dir, { recursive: true, force: true, maxRetries: 5 })
})

/** Nothing is under way any more. */
const settled = (assets: number) => vi.waitFor(async () => {
  const { totals, settling, tasks } = await admin.status({})
  expect({ assets: totals.assets, settling, pending: tasks.pending, running: tasks.running, parked: tasks.parked }).toEqual({ assets, settling: false, pending: 0, running: 0, parked: 0 })
}, { timeout: 200_000, interval: 250 })

/** Where a recording lies, by what the catalogue calls its files. */
async function rolesOf(sha256: string): Promise<string[]> {
  const { copies, removed } = await admin.asset({ id: sha256 })
  return [...(removed.some(({ role }) => role === 'original') ? [] : ['original']), ...copies.map(({ role }) => role)].sort()
}

/** As a page does it: each of its files by a range, and the original by its first address wherever its bytes lie by now. */
async function plays(sha256: string): Promise<void> {
  const { asset, copies } = await admin.asset({ id: sha256 })
  for (const { media } of [asset, ...copies]) {
    const answer = await fetch(`${appliance.url}/media/${media.volume}/${media.path.split('/').map(encodeURIComponent).join('/')}?asset=${sha256}`, { headers: { ...headers, range: 'bytes=0-31' } })
    expect([answer.status, Buffer.from(await answer.arrayBuffer()).toString('latin1', 4, 8)]).toEqual([206, 'ftyp'])
  }
}

const report = async () => {
  const view = await admin.retention({ limit: 100 })
  return { on: view.on, makes: view.makes, trash: view.trash.map(({ role }) => role).sort(), lines: view.lines.map(({ sha256, role, goes, reason }) => `${sha256 === young ? 'young' : 'old'} ${role}: ${goes ? 'goes' : 'stays'}, ${reason}`).sort() }
}

test('from the report over smaller copies and the trash to what is gone; it plays at every moment, and undo brings back', async () => {
  expect(await Promise.all([young, old].map(rolesOf))).toEqual([['720p', 'archive', 'original'], ['720p', 'archive', 'original']])
  await Promise.all([young, old].map(plays))
  expect(await report()).toEqual({ on: false, makes: 1, trash: [], lines: [
    'old 720p: stays, to-make', 'old archive: stays, other-volume', 'old original: stays, to-make',
    'young 720p: stays, young', 'young archive: stays, other-volume', 'young original: goes, steps',
  ] })
  await expect(admin.runRetention({})).rejects.toMatchObject({ code: 'input/invalid' }) // until it is switched on it is a report

  await admin.setRetention({ on: true, name: 'shelf' })
  expect(await admin.runRetention({})).toMatchObject({ moved: 1, freed: 0, asked: 1, refused: [] })
  await settled(2) // the event went through the flow, and an agent has made what it asks for
  await expect.poll(() => rolesOf(old), { timeout: 30_000 }).toEqual(['540p', '720p', 'archive', 'original'])
  const { copies } = await admin.asset({ id: old })
  expect(copies.find(({ role }) => role === '540p')).toMatchObject({ verified_ms: expect.any(Number), checks: { frames: 20, original_frames: 20 } })
  await Promise.all([young, old].map(plays)) // the younger one's original from the archive
  expect(await rolesOf(young)).toEqual(['720p', 'archive'])

  await vi.waitFor(async () => expect(await report()).toMatchObject({ on: true, makes: 0, trash: ['original'], lines: expect.arrayContaining(['old 720p: goes, steps', 'old original: goes, steps']) }), { timeout: 40_000, interval: 500 })
  const { trash } = await admin.retention({})
  expect(existsSync(join(dir, 'media', (await admin.asset({ id: young })).asset.media.path))).toBe(false)
  expect(await admin.undoRetention({ ids: [trash[0]!.id] })).toEqual({ back: 1, refused: [] })
  await expect.poll(() => rolesOf(young), { timeout: 30_000 }).toEqual(['720p', 'archive', 'original'])
  const { asset } = await admin.asset({ id: young })
  expect(await readFile(join(dir, 'media', asset.media.path))).toEqual(await readFile(join(dir, 'card', asset.name)))

  expect(await admin.runRetention({})).toMatchObject({ moved: 2, freed: 0, refused: [] }) // the younger one is kept now
  await expect.poll(() => rolesOf(old), { timeout: 30_000 }).toEqual(['540p', 'archive'])
  await Promise.all([young, old].map(plays))
  expect((await report()).trash).toEqual(['720p', 'original'])

  expect(await admin.runRetention({})).toMatchObject({ moved: 0, freed: 2, refused: [] }) // no grace was asked for
  expect((await report()).trash).toEqual([])
  const left = (await readdir(join(dir, 'media'), { recursive: true })).filter((name) => name.endsWith('.mp4') || name.endsWith('.MP4'))
  expect(left.map((name) => /\d+p(?=\.)|raw/.exec(name)![0]).sort()).toEqual(['540p', '720p', 'raw'])
  await Promise.all([young, old].map(plays))
})

test('what archive folders lack is asked for, laid there by the flow, and asked for no more', async () => {
  expect(await appliance.fillFolders()).toBe(4) // for each a summary and the one smaller copy it has
  await settled(2)
  await expect.poll(() => Promise.all([young, old].map(rolesOf)), { timeout: 30_000 }).toEqual([['720p', 'archive', 'archive-720p', 'original'], ['540p', 'archive', 'archive-540p']])
  for (const sha256 of [young, old]) {
    const { asset, copies } = await admin.asset({ id: sha256 })
    const summary = JSON.parse(await readFile(join(dir, 'archive', sha256, 'summary.json'), 'utf8')) as Record<string, unknown>
    expect(summary).toMatchObject({ recording: { name: asset.name, camera: 'Van' }, start: new Date(asset.start_ms!).toISOString(), original: { file: asset.name, sha256 }, seen: [], looked: [{ found: 0 }] })
    expect(await readFile(join(dir, 'archive', sha256, asset.name))).toEqual(await readFile(join(dir, 'card', asset.name)))
    const second = copies.find(({ role }) => role.startsWith('archive-'))!
    expect(copies.find(({ role }) => second.role === `archive-${role}`)?.media.sha256).toBe(second.media.sha256)
  }
  expect(await appliance.fillFolders()).toBe(0)
  await Promise.all([young, old].map(plays))
  await expect.poll(async () => (await report()).lines.filter((line) => line.includes('archive-')), { timeout: 40_000, interval: 500 }).toEqual(['old archive-540p: stays, other-volume', 'young archive-720p: stays, other-volume'])
})

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Fault } from '../contract/fault.ts'
import { readFault, writeFault } from './durable.ts'
import { openVolumes, type VolumeMemory } from './volumes.ts'
import { safeParts } from './volume/path.ts'

let dir: string
beforeEach(async () => { dir = await mkdtemp(join(tmpdir(), 'volumes-')) })
afterEach(() => rm(dir, { recursive: true, force: true }))

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const faultOf = (promise: Promise<unknown>) => promise.then(() => 'no fault', (e: unknown) => (e instanceof Fault ? e.code : e))

function memory(): VolumeMemory & { ids: Map<string, string> } {
  const ids = new Map<string, string>()
  return { ids, get: (name) => ids.get(name), set: async (name, id) => { ids.set(name, id) } }
}

async function open(seen = memory()) {
  const volumes = await openVolumes([{ name: 'media', root: join(dir, 'media'), org: 'home' }], seen)
  const source = join(dir, 'source')
  const write = async (text: string) => { await writeFile(source, text); return source }
  return { volumes, write, seen }
}

describe('a staged file', () => {
  test('takes its place only when its task completes, and leaves no trace of the staging', async () => {
    const { volumes, write } = await open()
    const ref = await volumes.stage('t1', 'lease1', 'media', 'derived/a/b.jpg', await write('crop'))
    expect(ref).toEqual({ volume: 'media', path: 'derived/a/b.jpg', bytes: 4, sha256: sha256('crop') })
    expect(await faultOf(volumes.resolve('media', ref.path))).toBe('media/missing')

    await volumes.verify('t1', 'lease1', [ref])
    await volumes.place('t1', 'lease1', [ref])
    await volumes.place('t1', 'lease1', [ref]) // as a replayed journal does

    expect(await readFile(await volumes.resolve('media', ref.path), 'utf8')).toBe('crop')
    expect(await readdir(join(dir, 'media/.viewshed/staging'))).toEqual([])
  })

  test('of another lease is not taken for this one', async () => {
    const { volumes, write } = await open()
    const ref = await volumes.stage('t1', 'lease1', 'media', 'x', await write('x'))
    expect(await faultOf(volumes.verify('t1', 'lease2', [ref]))).toBe('media/missing')
  })

  test('never replaces other bytes; the same bytes twice are one file', async () => {
    const { volumes, write } = await open()
    const first = await volumes.put('media', 'raw/a.mp4', await write('first'))
    expect(await volumes.put('media', 'raw/a.mp4', await write('first'))).toEqual(first)
    expect(await faultOf(volumes.put('media', 'raw/a.mp4', await write('other')))).toBe('media/conflict')
    const staged = await volumes.stage('t1', 'l1', 'media', 'raw/a.mp4', await write('other'))
    expect(await faultOf(volumes.verify('t1', 'l1', [staged]))).toBe('media/conflict')
    expect(await faultOf(volumes.place('t1', 'l1', [staged]))).toBe('media/conflict')
    expect(await readFile(await volumes.resolve('media', 'raw/a.mp4'), 'utf8')).toBe('first')
  })
})

describe('a volume whose marker is gone', () => {
  test('is not mounted: nothing is written to the empty mount point, nothing is read', async () => {
    const { volumes, write } = await open()
    await rename(join(dir, 'media'), join(dir, 'unplugged'))
    await mkdir(join(dir, 'media'))
    expect(await faultOf(volumes.put('media', 'a', await write('a')))).toBe('media/unmounted')
    expect(await faultOf(volumes.resolve('media', 'a'))).toBe('media/unmounted')
    expect(await volumes.states()).toEqual([{ name: 'media', mounted: false, why: expect.stringContaining('is missing'), beside: [], bytes_free: null, bytes_total: null }])
    expect(await readdir(join(dir, 'media'))).toEqual([])
  })

  test('stays away after a restart: an empty disk is not adopted in its place', async () => {
    const { seen } = await open()
    await rm(join(dir, 'media'), { recursive: true })
    await mkdir(join(dir, 'media'))
    const { volumes } = await open(seen)
    expect(await faultOf(volumes.root('media'))).toBe('media/unmounted')
  })

  test('and a strange volume under its name is refused', async () => {
    const { seen } = await open()
    const marker = join(dir, 'media/.viewshed/volume.json')
    await writeFile(marker, JSON.stringify({ ...JSON.parse(await readFile(marker, 'utf8')), id: 'another' }))
    const { volumes } = await open(seen)
    expect(await faultOf(volumes.root('media'))).toBe('media/unmounted')
  })
})

describe('another disk in the place of one that is no more', () => {
  const marker = () => join(dir, 'media/.viewshed/volume.json')

  test('is the volume once somebody says so; what lies on it stays', async () => {
    const { seen } = await open()
    const before = seen.get('media')
    await rm(join(dir, 'media'), { recursive: true })
    const { volumes } = await open(seen)
    expect(await faultOf(volumes.stranger('media'))).toBe('media/missing') // no folder is made in the place of a mount
    await mkdir(join(dir, 'media'))
    expect(await volumes.stranger('media')).toEqual({ marker: null, empty: true })
    await writeFile(join(dir, 'media/by hand.mp4'), 'brought over')
    expect(await volumes.stranger('media')).toEqual({ marker: null, empty: false })
    await volumes.adopt('media')
    expect(await volumes.states()).toMatchObject([{ mounted: true, why: null }])
    expect(seen.get('media')).not.toBe(before)
    expect(JSON.parse(await readFile(marker(), 'utf8'))).toMatchObject({ id: seen.get('media'), name: 'media' })
    expect(await readFile(join(dir, 'media/by hand.mp4'), 'utf8')).toBe('brought over')
    await expect(volumes.adopt('media')).rejects.toMatchObject({ code: 'input/invalid', message: expect.stringContaining('nothing to adopt') })
  })

  test('is taken with the marker that it has, unless that is of another volume', async () => {
    const { volumes, seen } = await open()
    await writeFile(marker(), JSON.stringify({ id: 'elsewhere', name: 'media', created: '' }))
    await volumes.adopt('media')
    expect([seen.get('media'), (await volumes.states())[0]?.mounted]).toEqual(['elsewhere', true])
    await writeFile(marker(), JSON.stringify({ id: 'other', name: 'archive', created: '' }))
    await expect(volumes.adopt('media')).rejects.toMatchObject({ code: 'input/invalid', message: expect.stringContaining('the volume archive') })
    expect(seen.get('media')).toBe('elsewhere')
  })

  test('that it is the same disk as that of another volume is said', async () => {
    const volumes = await openVolumes(['media', 'archive'].map((name) => ({ name, root: join(dir, name), org: 'home' })), memory())
    expect((await volumes.states()).map(({ beside }) => beside)).toEqual([['archive'], ['media']])
  })
})

describe('a mount that is broken or does not answer', () => {
  const media = async (seen: VolumeMemory) => openVolumes([{ name: 'media', root: join(dir, 'media'), org: 'home' }], seen)
  const away = [{ name: 'media', mounted: false, why: expect.any(String), beside: [], bytes_free: null, bytes_total: null }]

  test('stops nobody from starting nor from asking how the others are; what it is is said', async () => {
    await symlink('media', join(dir, 'media')) // ELOOP: as good an error as that of a share whose machine is off
    for (const seen of [memory(), { ...memory(), get: () => 'known' }]) {
      const volumes = await media(seen)
      expect(await volumes.states()).toEqual(away)
      await expect(volumes.resolve('media', 'a')).rejects.toMatchObject({ code: 'media/unmounted', message: expect.stringContaining('it cannot be read (ELOOP)') })
      expect(await volumes.tasks()).toEqual([])
    }
  })

  test.skipIf(process.platform === 'win32')('is away after some seconds, and at once for whoever asks next', async () => {
    const { seen } = await open()
    const marker = join(dir, 'media/.viewshed/volume.json')
    const text = await readFile(marker, 'utf8')
    await rm(marker)
    spawnSync('mkfifo', [marker]) // reading it waits for somebody who writes
    const volumes = await media(seen)
    try {
      expect(await volumes.states()).toEqual(away)
      const asked_ms = performance.now()
      expect(await Promise.all(Array.from({ length: 16 }, () => faultOf(volumes.root('media'))))).toEqual(Array.from({ length: 16 }, () => 'media/unmounted'))
      expect(performance.now() - asked_ms).toBeLessThan(4_000)
    } finally {
      await writeFile(marker, text)
    }
    await rm(marker)
    await writeFile(marker, text)
    expect(await volumes.states()).toMatchObject([{ mounted: true }])
  }, 60_000)
})

test('what a share whose machine is off says blames neither the file nor the work', () => {
  for (const code of ['ENOTCONN', 'EHOSTDOWN', 'EHOSTUNREACH', 'ETIMEDOUT', 'ENODEV']) {
    const said = Object.assign(new Error(code), { code })
    expect([readFault(said, 'a'), writeFault(said, 'a')]).toMatchObject([{ code: 'media/unmounted' }, { code: 'media/unmounted' }])
  }
})

test('a disk that takes no writes is not swept, and stops nobody from sweeping the others', async () => {
  const volumes = await openVolumes(['archive', 'media'].map((name) => ({ name, root: join(dir, name), org: 'home' })), memory())
  await writeFile(join(dir, 'archive/.viewshed/staging'), 'no folder') // stands for a disk that fails
  await mkdir(join(dir, 'media/.viewshed/staging/put/left'), { recursive: true })
  const warned: string[] = []
  await volumes.sweep((_, message) => void warned.push(message))
  expect(warned).toEqual(['what watchers left half done on volume archive is not cleared away'])
  expect(await readdir(join(dir, 'media/.viewshed/staging'))).toEqual([])
})

test('a link out of the volume is not followed', async () => {
  const { volumes } = await open()
  await writeFile(join(dir, 'secret'), 's')
  await symlink(join(dir, 'secret'), join(dir, 'media/link'))
  expect(await faultOf(volumes.resolve('media', 'link'))).toBe('media/outside')
})

test('a path that could mean another place is refused; every other name is taken as it is', async () => {
  for (const path of ['', '/', '/etc/passwd', '../x', 'a/../b', 'a//b', './a', 'a/.', 'a\0b', '.viewshed/volume.json', 'x'.repeat(256)])
    expect(() => safeParts(path)).toThrow(Fault)
  expect(safeParts('raw/front/;whoami;#.mp4')).toEqual(['raw', 'front', ';whoami;#.mp4'])
  fc.assert(fc.property(fc.string(), (path) => {
    let parts: string[]
    try {
      parts = safeParts(path)
    } catch (e) {
      return e instanceof Fault
    }
    return join('/v', ...parts).startsWith('/v/') && !parts.includes('..')
  }))
})

test('a source that goes while it is read costs its own file only', async () => {
  const { volumes } = await open()
  expect(await faultOf(volumes.put('media', 'a', join(dir, 'nowhere')))).toBe('media/missing')
  await mkdir(join(dir, 'folder'))
  expect(await faultOf(volumes.put('media', 'a', join(dir, 'folder')))).toBe('media/unreadable')
})

import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { agentFolder, asWish, isMeant, keepDevice, readDevice, readWishes } from './agent-folder.ts'

let dir: string
beforeEach(async () => { dir = await mkdtemp(join(tmpdir(), 'agent-folder-')) })
afterEach(() => rm(dir, { recursive: true, force: true }))

test.each([
  ['linux', {}, '/home/ann', '/home/ann/.local/state/viewshed-agent'],
  ['linux', { XDG_STATE_HOME: '/state' }, '/home/ann', '/state/viewshed-agent'],
  ['linux', { XDG_STATE_HOME: 'state' }, '/home/ann', '/home/ann/.local/state/viewshed-agent'],
  ['linux', { STATE_DIRECTORY: '/var/lib/viewshed-agent', XDG_STATE_HOME: '/state' }, '/', '/var/lib/viewshed-agent'],
  ['darwin', { STATE_DIRECTORY: '/x' }, '/Users/ann', '/Users/ann/Library/Application Support/Viewshed Agent'],
  ['win32', { LOCALAPPDATA: 'C:\\Users\\ann\\AppData\\Local' }, 'C:\\Users\\ann', 'C:\\Users\\ann\\AppData\\Local\\Viewshed Agent'],
  ['win32', {}, 'D:\\ann', 'D:\\ann\\AppData\\Local\\Viewshed Agent'],
] as const)('on %s with %o the folder is the one that is customary there', (platform, env, home, expected) => {
  expect(agentFolder(platform, env, home)).toBe(expected)
})

const DEVICE = { address: 'http://nas:8080', device: 'gpu-pc', token: 'secret', org: 'home', site: 'home' }

test.each([
  [undefined, null, true],
  ['http://nas:8080', '', true],
  ['http://nas:8080', 'HTTP://NAS:8080/', true],
  ['http://nas:8080', 'http://nas:8080/devices', true],
  ['http://nas:8080', 'http://shed:8080', false],
  ['http://192.168.1.20:8080', 'http://192.168.1.20:8080', true], // it has another address since
  ['Attic NAS', 'attic nas', true],
  ['Attic NAS', 'shed', false],
  [undefined, 'shed', true],
  [undefined, 'http://shed:8080', false],
] as const)('joined as %j, a start with the wish %j is for the appliance that it joined: %s', (given, wish, expected) => {
  expect(isMeant({ ...DEVICE, ...(given === undefined ? {} : { wish: asWish(given) }) }, wish)).toBe(expected)
})

describe('who it is', () => {
  test('is kept whole, for its owner alone, in folders that are made', async () => {
    const folder = join(dir, 'a', 'b')
    expect(await readDevice(folder)).toBeNull()
    await keepDevice(folder, DEVICE)
    await keepDevice(folder, { ...DEVICE, token: 'renewed' })
    expect(await readDevice(folder)).toEqual({ ...DEVICE, token: 'renewed' })
    expect((await stat(join(folder, 'device.json'))).mode & 0o777).toBe(0o600)
    expect(await readdir(folder)).toEqual(['device.json'])
  })

  test('reads the same with a byte order mark and Windows line ends', async () => {
    await writeFile(join(dir, 'device.json'), '\uFEFF' + JSON.stringify(DEVICE, null, 2).replaceAll('\n', '\r\n'))
    expect(await readDevice(dir)).toEqual(DEVICE)
  })

  test.each(['', '{', '[]', '{"address":"nas"}', 'null'])('when damaged (%j) says to join again', async (text) => {
    await writeFile(join(dir, 'device.json'), text)
    await expect(readDevice(dir)).rejects.toMatchObject({ code: 'config/invalid', message: expect.stringContaining('--join') as string })
  })
})

describe('what a person wants of it', () => {
  test('may be nothing at all', async () => {
    expect(await readWishes(dir)).toEqual({ mounts: {}, cache_bytes: 20e9 })
  })

  test.each([['\n', ''], ['\r\n', '\uFEFF']])('reads the same with line ends %j and mark %j', async (end, mark) => {
    await writeFile(join(dir, 'agent.yaml'), mark + ['scratch: work', 'mounts:', '  media: /mnt/media', '  archive: disk', 'cache_bytes: 1000', 'mqtt_url: mqtts://broker:8883', ''].join(end))
    expect(await readWishes(dir)).toEqual({ scratch: join(dir, 'work'), mounts: { media: '/mnt/media', archive: join(dir, 'disk') }, cache_bytes: 1000, mqtt_url: 'mqtts://broker:8883' })
  })

  test.each([['mounts: {"../x": /mnt}', 'mounts'], ['cache_bytes: -1', 'cache_bytes'], ['mqtt_url: broker', 'mqtt_url'], ['slots: 3', ''], ['a: [', 'not YAML']])('%j is refused with the file and what is expected', async (text, names) => {
    await writeFile(join(dir, 'agent.yaml'), text)
    await expect(readWishes(dir)).rejects.toMatchObject({ code: 'config/invalid', message: expect.stringMatching(new RegExp(`agent\\.yaml.*${names}`)) as string })
  })
})

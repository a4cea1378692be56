import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Fault } from '../core/contract/fault.ts'
import { readConfig } from './config.ts'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'viewshed-config-'))
})
afterEach(() => rm(dir, { recursive: true }))

const read = async (lines: string, env: NodeJS.ProcessEnv = {}) => {
  await writeFile(join(dir, 'viewshed.yaml'), lines)
  return readConfig({ VIEWSHED_CONFIG: dir, VIEWSHED_MEDIA: join(dir, 'media'), ...env })
}

test('without a broker of one’s own ours listens; with one it takes no TCP, unless a port is asked for', async () => {
  expect(await read('')).toMatchObject({ mqtt: null, mqttPort: 1883 })
  expect(await read('mqtt: { url: "mqtt://broker" }')).toMatchObject({ mqttPort: null })
  expect(await read('mqtt: { url: "mqtt://broker" }', { VIEWSHED_MQTT_PORT: '1884' })).toMatchObject({ mqttPort: 1884 })
})

test('the inbox of the pages is watched beside those that somebody names; an empty list is none', async () => {
  const inboxes = async (lines: string) => (await read(lines)).plugins['folder']!['inboxes']
  const own = { path: join(dir, 'media', 'inbox') }
  expect(await inboxes('')).toEqual([own])
  expect(await inboxes('plugins: { folder: { inboxes: [{ path: /mnt/nas, camera: Van }] } }')).toEqual([own, { path: '/mnt/nas', camera: 'Van' }])
  expect(await inboxes(`plugins: { folder: { inboxes: [{ path: ${own.path}, camera: Van }] } }`)).toEqual([{ ...own, camera: 'Van' }])
  expect(await inboxes('plugins: { folder: { inboxes: [] } }')).toEqual([])
})

test('cameras without GPS run by the clock of the appliance, on whichever machine they are looked at', async () => {
  expect((await read('')).plugins['clip']).toEqual({ timezone: Intl.DateTimeFormat().resolvedOptions().timeZone })
  expect((await read('plugins: { clip: { timezone: Asia/Tokyo } }')).plugins['clip']).toEqual({ timezone: 'Asia/Tokyo' })
})

test('files are looked for beside viewshed.yaml, folders of the environment where one stands', async () => {
  await writeFile(join(dir, 'mail'), 'hush')
  expect((await read('plugins: { notify: { smtp: { host: h, from: f, user: u, password_file: mail } } }')).plugins['notify']).toEqual({ smtp: { host: 'h', from: 'f', user: 'u', password_file: join(dir, 'mail') } })
  expect((await read('plugins: { inference: { models: mine }, command: { scripts: /opt/mine } }')).plugins).toMatchObject({ inference: { models: join(dir, 'mine') }, command: { scripts: '/opt/mine' } })
  expect((await read('')).plugins).toMatchObject({ inference: { models: join(dir, 'models') }, command: { scripts: join(dir, 'scripts') } })
  await expect(read('plugins: { notify: { smtp: { host: h, from: f, password_file: nowhere } } }')).rejects.toThrow(/password_file: there is no file .*nowhere/)
  expect((await read('', { VIEWSHED_ARCHIVE: 'here' })).volumes['archive']).toBe(join(process.cwd(), 'here'))
})

test('everything about the broker is read once, its files too', async () => {
  for (const [name, text] of [['ca.pem', 'CA'], ['core.pem', 'CERT'], ['core.key', 'KEY'], ['secret', 'hush\n'], ['other', 'quiet']] as const) await writeFile(join(dir, name), text)
  const { mqtt } = await read(`
mqtt:
  url: mqtts://broker.lan:8883
  username: viewshed
  password_file: ${join(dir, 'secret')}
  ca: ca.pem
  cert: core.pem
  key: core.key
  requests: false
  devices: { url: "mqtts://nas.lan:8883", username: device, password_file: other }
`)
  expect(mqtt).toEqual({
    url: 'mqtts://broker.lan:8883', username: 'viewshed', password: 'hush', ca: 'CA', cert: 'CERT', key: 'KEY', requests: false,
    devices: { url: 'mqtts://nas.lan:8883', username: 'device', password: 'quiet' },
  })
  expect((await read('mqtt: { url: "mqtt://broker" }')).mqtt).toEqual({ url: 'mqtt://broker', username: null, password: null, ca: null, cert: null, key: null, requests: true, devices: { url: null, username: null, password: null } })
})

test.each([
  ['mqtt: { url: broker }', 'mqtt.url: is "broker"; expected an address such as mqtt://host:1883'],
  ['mqtt: { url: "http://broker" }', 'mqtt.url'],
  ['mqtt: { url: "mqtt://" }', 'mqtt.url'],
  ['mqtt: { url: "mqtt://me:hush@broker" }', 'password_file'],
  ['mqtt: { username: me }', 'url'],
  ['mqtt: { url: "mqtt://broker", port: 1883 }', 'mqtt'],
  ['mqtt: { url: "mqtt://broker", password: x }', 'mqtt.username: is missing'],
  ['mqtt: { url: "mqtt://broker", username: me, password: x, password_file: y }', 'not both'],
  ['mqtt: { url: "mqtt://broker", username: me, password_file: nowhere }', 'mqtt.password_file: '],
  ['mqtt: { url: "mqtt://broker", ca: ca.pem }', 'mqtts://'],
  ['mqtt: { url: "mqtts://broker", cert: core.pem }', 'mqtt.key: is missing'],
  ['mqtt: { url: "mqtts://broker", ca: nowhere.pem }', 'nowhere.pem cannot be read (ENOENT)'],
  ['mqtt: { url: "mqtt://broker", devices: { url: nas } }', 'mqtt.devices.url'],
  ['mqtt: { url: "mqtt://broker", devices: { password: x } }', 'mqtt.devices.username'],
])('%s is refused with the field and what to do', async (lines, words) => {
  const failure = await read(lines).catch((e: unknown) => e)
  expect(failure).toBeInstanceOf(Fault)
  expect(failure).toMatchObject({ code: 'config/invalid', message: expect.stringContaining(words) as unknown })
  expect((failure as Fault).message).toContain('viewshed.yaml')
  expect((failure as Fault).message).not.toContain('hush')
})

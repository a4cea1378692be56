import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Principal, Scope } from '../access/scope.ts'
import { cameraTopic, discoveryId, discoveryTopic, isDeviceName, mayHear, mayPublish, maySubscribe, mayWill, parseTopic, stateTopic } from './topics.ts'

const who = (kind: Principal['kind'], id: string, org = 'home', site = 'home', role: Scope['role'] = kind === 'device' ? 'device' : 'admin'): Principal => ({ kind, id, name: id, scope: { org, site, role } })
const NAS = who('device', 'nas')
const ANN = who('person', 'ann')
const FLOWS = who('flows', 'flows')
const HA = who('key', 'ha', 'home', 'home', 'operator')
const NEIGHBOUR = who('person', 'bob', 'home', 'garage')
const STRANGER = who('person', 'eve', 'other', 'home')

/** Every topic that could be meant, and many that are none. */
const TOPICS = ['nas', 'gpu', 'bridge', '', '+', '#', 'NAS', '@ann'].flatMap((device) => ['birth', 'availability', 'progress', 'state', 'order', 'work', 'changed', 'other', '', '#', '+', 'birth/x'].map((kind) => `viewshed/${device}/${kind}`)).concat(
  ['home', 'other', '', '+'].flatMap((org) => ['home', 'garage', '+'].flatMap((site) => ['work', 'changed', 'birth', '+', '#', 'work/x'].map((kind) => `viewshed/bridge/${org}/${site}/${kind}`))),
  ['', '#', '+', 'viewshed', 'viewshed/', 'viewshed/#', 'viewshed/nas', '/viewshed/nas/birth', 'viewshed//nas/birth', 'other/nas/birth', '$SYS/#', '$SYS/x/heartbeat', 'viewshed/+/+/+', 'viewshed-dropped', '$share/g/viewshed/nas/birth'],
)
/** What core and a Home Assistant say to each other. */
const TALK = [
  'viewshed/bridge/availability', ...['home', 'garage'].flatMap((site) => [...['state', 'request', 'response', 'device', 'device/', 'device/+', 'device/#', 'device/gpu', 'device/gpu/x', 'camera', 'camera/+', 'camera/Blue%20van', 'camera/Blue van'].map((end) => `viewshed/bridge/home/${site}/${end}`)]),
  'homeassistant/status', 'homeassistant/status/x', 'homeassistant', 'homeassistant/#', 'homeassistant/+/+/config', 'homeassistant/sensor/x/config',
  discoveryTopic({ org: 'home', site: 'home' }, null), discoveryTopic({ org: 'home', site: 'home' }, 'gpu'), discoveryTopic({ org: 'home', site: 'garage' }, 'gpu'), 'homeassistant/device/other/config',
]
const scopes: Record<string, Scope> = { nas: NAS.scope, gpu: { org: 'home', site: 'garage', role: 'device' } }
const scopeOf = (device: string): Scope | null => scopes[device] ?? null

test('a device says four things under its own name, and nobody says anything else about it', () => {
  expect(TOPICS.filter((topic) => mayPublish(NAS, topic))).toEqual(['viewshed/nas/birth', 'viewshed/nas/availability', 'viewshed/nas/progress', 'viewshed/nas/state'])
  for (const mute of [ANN, FLOWS, NEIGHBOUR, who('key', 'k'), who('person', 'nas'), who('person', 'nas', 'home', 'home', 'device')]) expect(TOPICS.filter((topic) => mayPublish(mute, topic))).toEqual([])
})

test('its last will may say only that it is gone', () => {
  expect(TOPICS.filter((topic) => mayWill(NAS, topic))).toEqual(['viewshed/nas/availability'])
  expect(TOPICS.filter((topic) => mayWill(ANN, topic))).toEqual([])
})

test('people and keys ask, a Home Assistant says that it is there; a device and the flows do neither', () => {
  const said = (principal: Principal) => TALK.filter((topic) => mayPublish(principal, topic))
  expect(said(HA)).toEqual(['viewshed/bridge/home/home/request', 'homeassistant/status'])
  expect(said(ANN)).toEqual(['viewshed/bridge/home/home/request'])
  expect(said(NEIGHBOUR)).toEqual(['viewshed/bridge/home/garage/request'])
  for (const mute of [NAS, FLOWS, STRANGER, who('key', 'nas', 'home', 'home', 'device')]) expect(said(mute).filter((topic) => topic.startsWith('viewshed'))).toEqual([])
  expect(TALK.filter((topic) => mayWill(HA, topic))).toEqual(['homeassistant/status'])
  for (const mute of [NAS, ANN, FLOWS]) expect(TALK.filter((topic) => mayWill(mute, topic))).toEqual([])
})

test('a key hears the states, the answers and the discoveries of its own site; a device none of them; nobody hears what is asked', () => {
  const heard = (principal: Principal) => TALK.filter((topic) => mayHear(principal, topic, scopeOf))
  const home = ['viewshed/bridge/availability', 'viewshed/bridge/home/home/state', 'viewshed/bridge/home/home/response', 'viewshed/bridge/home/home/device/gpu', 'viewshed/bridge/home/home/camera/Blue%20van']
  const found = [discoveryTopic(HA.scope, null), discoveryTopic(HA.scope, 'gpu')]
  expect(heard(HA)).toEqual([...home, 'homeassistant/status', ...found])
  expect(heard(ANN)).toEqual([...home, ...found])
  expect(heard(NAS)).toEqual(['viewshed/bridge/availability'])
  expect(heard(NEIGHBOUR)).toEqual(['viewshed/bridge/availability', 'viewshed/bridge/home/garage/state', 'viewshed/bridge/home/garage/response', 'viewshed/bridge/home/garage/device/gpu', 'viewshed/bridge/home/garage/camera/Blue%20van', discoveryTopic(NEIGHBOUR.scope, 'gpu')])
})

test('a key may subscribe to all that Home Assistant asks for; people and devices not', () => {
  const may = (principal: Principal) => TALK.filter((topic) => maySubscribe(principal, topic))
  const home = ['state', 'response', 'device/+', 'device/#', 'device/gpu', 'camera/+', 'camera/Blue%20van'].map((end) => `viewshed/bridge/home/home/${end}`)
  expect(may(HA)).toEqual(['viewshed/bridge/availability', ...home, ...TALK.filter((topic) => topic.startsWith('homeassistant'))])
  expect(may(ANN)).toEqual(['viewshed/bridge/availability', ...home])
  expect(may(NAS)).toEqual(['viewshed/bridge/availability'])
})

test("whatever a device, a camera, a site or an org is called, Home Assistant takes its topic, reads it back, and no two share one", () => {
  const name = fc.oneof(fc.constantFrom('home', 'gpu', 'gpu-1', 'gpu_2d1', 'gpu.1', 'a_b', 'a.b', 'é', '-', '_'), fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' }).filter((text) => !/[/+#]/.test(text)))
  const device = fc.oneof(fc.constant(null), fc.constantFrom('gpu', 'gpu-1', 'gpu_2d1', 'gpu.1', 'GPU', 'a_b', 'a.b', 'camera'), fc.record({ camera: fc.oneof(fc.constantFrom('gpu', 'Blue van', 'a+b#/c', 'camera'), fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' })) }, { noNullPrototype: true }))
  fc.assert(fc.property(fc.tuple(name, name, device), fc.tuple(name, name, device), (one, other) => {
    const id = ([org, site, of]: typeof one) => discoveryId({ org, site }, of)
    expect(id(one)).toMatch(/^[a-zA-Z0-9_-]+$/)
    expect(id(one) === id(other)).toBe(JSON.stringify(one) === JSON.stringify(other))
    const [org, site, of] = one
    expect(parseTopic(discoveryTopic({ org, site }, of))).toEqual({ of: 'discovery', org, site, shown: of })
  }))
  expect(parseTopic(stateTopic({ org: 'o', site: 's' }, 'gpu'))).toEqual({ of: 'state', org: 'o', site: 's', device: 'gpu' })
  fc.assert(fc.property(fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' }), (camera) => {
    const topic = cameraTopic({ org: 'o', site: 's' }, camera)
    expect(topic).not.toMatch(/[+#]/)
    expect(parseTopic(topic)).toEqual({ of: 'camera', org: 'o', site: 's', camera })
  }))
  for (const level of ['', '%', 'a%20b%', '%61', 'a b', '+']) expect(parseTopic(`viewshed/bridge/o/s/camera/${level}`)).toBeNull()
})

test('everybody hears what their own scope holds; a device only itself and the bridge', () => {
  expect(TOPICS.filter((topic) => mayHear(ANN, topic, scopeOf))).toEqual(['viewshed/nas/birth', 'viewshed/nas/availability', 'viewshed/nas/progress', 'viewshed/nas/state', 'viewshed/bridge/availability', 'viewshed/bridge/home/home/work', 'viewshed/bridge/home/home/changed'])
  expect(TOPICS.filter((topic) => mayHear(NEIGHBOUR, topic, scopeOf))).toEqual(['viewshed/gpu/birth', 'viewshed/gpu/availability', 'viewshed/gpu/progress', 'viewshed/gpu/state', 'viewshed/bridge/availability', 'viewshed/bridge/home/garage/work', 'viewshed/bridge/home/garage/changed'])
  expect(TOPICS.filter((topic) => mayHear(STRANGER, topic, scopeOf))).toEqual(['viewshed/bridge/availability', 'viewshed/bridge/other/home/work', 'viewshed/bridge/other/home/changed'])
  expect(TOPICS.filter((topic) => mayHear(who('device', 'gpu'), topic, scopeOf))).toEqual(['viewshed/gpu/birth', 'viewshed/gpu/availability', 'viewshed/gpu/progress', 'viewshed/gpu/state', 'viewshed/gpu/order', 'viewshed/bridge/availability', 'viewshed/bridge/home/home/work', 'viewshed/bridge/home/home/changed'])
})

test('what may be subscribed to names one kind of thing within the scope', () => {
  expect(TOPICS.filter((topic) => maySubscribe(NAS, topic))).toEqual([
    'viewshed/nas/birth', 'viewshed/nas/availability', 'viewshed/nas/progress', 'viewshed/nas/state', 'viewshed/nas/order', 'viewshed/nas/#', 'viewshed/nas/+',
    'viewshed/bridge/availability', 'viewshed/bridge/home/home/work', 'viewshed/bridge/home/home/changed', 'viewshed/bridge/home/home/+', 'viewshed/bridge/home/home/#',
  ])
  const own = ['birth', 'availability', 'progress', 'state', '#', '+']
  expect(TOPICS.filter((topic) => maySubscribe(ANN, topic))).toEqual([
    ...['nas', 'gpu'].flatMap((device) => own.map((kind) => `viewshed/${device}/${kind}`)), 'viewshed/bridge/availability',
    ...['+', 'NAS'].flatMap((device) => own.map((kind) => `viewshed/${device}/${kind}`)),
    'viewshed/bridge/home/home/work', 'viewshed/bridge/home/home/changed', 'viewshed/bridge/home/home/+', 'viewshed/bridge/home/home/#',
  ])
  expect(TOPICS.filter((topic) => maySubscribe(STRANGER, topic) && topic.startsWith('viewshed/bridge'))).toEqual(['viewshed/bridge/availability', 'viewshed/bridge/other/home/work', 'viewshed/bridge/other/home/changed', 'viewshed/bridge/other/home/+', 'viewshed/bridge/other/home/#'])
})

test('whatever the topic, a device is never heard under another name, nor by another scope', () => {
  const topic = fc.oneof(fc.string(), fc.array(fc.constantFrom('viewshed', 'nas', 'gpu', 'bridge', 'birth', 'home', '+', '#', '', '$SYS'), { maxLength: 6 }).map((parts) => parts.join('/')))
  fc.assert(fc.property(topic, (text) => {
    if (mayPublish(NAS, text)) expect(text).toMatch(/^viewshed\/nas\/(birth|availability|progress|state)$/)
    if (mayHear(STRANGER, text, scopeOf)) expect(text).toMatch(/^viewshed\/bridge\/(other\/home\/|availability$)/)
  }))
})

test.each([['nas', true], ['gpu-2.local', true], ['Box_1', true], ['bridge', false], ['core', false], ['', false], ['@ann', false], ['-x', false], ['a/b', false], ['a b', false], ['+', false], ['#', false], ['x'.repeat(64), false]])('%j as a device name: %s', (name, fits) => {
  expect(isDeviceName(name)).toBe(fits)
})

import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Principal, Scope } from '../access/scope.ts'
import { isDeviceName, mayHear, mayPublish, maySubscribe, mayWill } from './topics.ts'

const who = (kind: Principal['kind'], id: string, org = 'home', site = 'home', role: Scope['role'] = kind === 'device' ? 'device' : 'admin'): Principal => ({ kind, id, name: id, scope: { org, site, role } })
const NAS = who('device', 'nas')
const ANN = who('person', 'ann')
const FLOWS = who('flows', 'flows')
const NEIGHBOUR = who('person', 'bob', 'home', 'garage')
const STRANGER = who('person', 'eve', 'other', 'home')

/** Every topic that could be meant, and many that are none. */
const TOPICS = ['nas', 'gpu', 'bridge', '', '+', '#', 'NAS', '@ann'].flatMap((device) => ['birth', 'availability', 'progress', 'state', 'order', 'work', 'changed', 'other', '', '#', '+', 'birth/x'].map((kind) => `viewshed/${device}/${kind}`)).concat(
  ['home', 'other', '', '+'].flatMap((org) => ['home', 'garage', '+'].flatMap((site) => ['work', 'changed', 'birth', '+', '#', 'work/x'].map((kind) => `viewshed/bridge/${org}/${site}/${kind}`))),
  ['', '#', '+', 'viewshed', 'viewshed/', 'viewshed/#', 'viewshed/nas', '/viewshed/nas/birth', 'viewshed//nas/birth', 'other/nas/birth', '$SYS/#', '$SYS/x/heartbeat', 'viewshed/+/+/+', 'viewshed-dropped', '$share/g/viewshed/nas/birth'],
)
const scopes: Record<string, Scope> = { nas: NAS.scope, gpu: { org: 'home', site: 'garage', role: 'device' } }
const scopeOf = (device: string): Scope | null => scopes[device] ?? null

test('a device says four things under its own name, and nobody says anything else', () => {
  expect(TOPICS.filter((topic) => mayPublish(NAS, topic))).toEqual(['viewshed/nas/birth', 'viewshed/nas/availability', 'viewshed/nas/progress', 'viewshed/nas/state'])
  for (const mute of [ANN, FLOWS, NEIGHBOUR, who('key', 'k'), who('person', 'nas'), who('person', 'nas', 'home', 'home', 'device')]) expect(TOPICS.filter((topic) => mayPublish(mute, topic))).toEqual([])
})

test('its last will may say only that it is gone', () => {
  expect(TOPICS.filter((topic) => mayWill(NAS, topic))).toEqual(['viewshed/nas/availability'])
  expect(TOPICS.filter((topic) => mayWill(ANN, topic))).toEqual([])
})

test('everybody hears what their own scope holds; a device only itself and the bridge', () => {
  expect(TOPICS.filter((topic) => mayHear(ANN, topic, scopeOf))).toEqual(['viewshed/nas/birth', 'viewshed/nas/availability', 'viewshed/nas/progress', 'viewshed/nas/state', 'viewshed/bridge/home/home/work', 'viewshed/bridge/home/home/changed'])
  expect(TOPICS.filter((topic) => mayHear(NEIGHBOUR, topic, scopeOf))).toEqual(['viewshed/gpu/birth', 'viewshed/gpu/availability', 'viewshed/gpu/progress', 'viewshed/gpu/state', 'viewshed/bridge/home/garage/work', 'viewshed/bridge/home/garage/changed'])
  expect(TOPICS.filter((topic) => mayHear(STRANGER, topic, scopeOf))).toEqual(['viewshed/bridge/other/home/work', 'viewshed/bridge/other/home/changed'])
  expect(TOPICS.filter((topic) => mayHear(who('device', 'gpu'), topic, scopeOf))).toEqual(['viewshed/gpu/birth', 'viewshed/gpu/availability', 'viewshed/gpu/progress', 'viewshed/gpu/state', 'viewshed/gpu/order', 'viewshed/bridge/home/home/work', 'viewshed/bridge/home/home/changed'])
})

test('what may be subscribed to names one kind of thing within the scope', () => {
  expect(TOPICS.filter((topic) => maySubscribe(NAS, topic))).toEqual([
    'viewshed/nas/birth', 'viewshed/nas/availability', 'viewshed/nas/progress', 'viewshed/nas/state', 'viewshed/nas/order', 'viewshed/nas/#', 'viewshed/nas/+',
    'viewshed/bridge/home/home/work', 'viewshed/bridge/home/home/changed', 'viewshed/bridge/home/home/+', 'viewshed/bridge/home/home/#',
  ])
  const own = ['birth', 'availability', 'progress', 'state', '#', '+']
  expect(TOPICS.filter((topic) => maySubscribe(ANN, topic))).toEqual([
    ...['nas', 'gpu', '+', 'NAS'].flatMap((device) => own.map((kind) => `viewshed/${device}/${kind}`)),
    'viewshed/bridge/home/home/work', 'viewshed/bridge/home/home/changed', 'viewshed/bridge/home/home/+', 'viewshed/bridge/home/home/#',
  ])
  expect(TOPICS.filter((topic) => maySubscribe(STRANGER, topic) && topic.startsWith('viewshed/bridge'))).toEqual(['viewshed/bridge/other/home/work', 'viewshed/bridge/other/home/changed', 'viewshed/bridge/other/home/+', 'viewshed/bridge/other/home/#'])
})

test('whatever the topic, a device is never heard under another name, nor by another scope', () => {
  const topic = fc.oneof(fc.string(), fc.array(fc.constantFrom('viewshed', 'nas', 'gpu', 'bridge', 'birth', 'home', '+', '#', '', '$SYS'), { maxLength: 6 }).map((parts) => parts.join('/')))
  fc.assert(fc.property(topic, (text) => {
    if (mayPublish(NAS, text)) expect(text).toMatch(/^viewshed\/nas\/(birth|availability|progress|state)$/)
    if (mayHear(STRANGER, text, scopeOf)) expect(text).toMatch(/^viewshed\/bridge\/other\/home\//)
  }))
})

test.each([['nas', true], ['gpu-2.local', true], ['Box_1', true], ['bridge', false], ['', false], ['@ann', false], ['-x', false], ['a/b', false], ['a b', false], ['+', false], ['#', false], ['x'.repeat(64), false]])('%j as a device name: %s', (name, fits) => {
  expect(isDeviceName(name)).toBe(fits)
})

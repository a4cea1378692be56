/**
 * Who may say and hear what at the broker.
 *
 * `viewshed/<device>/{birth,availability,progress,state}` are a device's own; `viewshed/<device>/order` is what core tells it
 * alone. `viewshed/bridge/availability`, `viewshed/bridge/<org>/<site>/{work,changed,state,response}` `…/device/<device>`,
 * `…/camera/<camera>` and `…/flow/<topic>`, what a flow of the user's says, are core's; `…/request` is what people and keys ask of it. `homeassistant/device/<id>/config` is core's,
 * `homeassistant/status` that of a Home Assistant with a key. Nobody else's topics exist.
 */
import { holds } from '../access/role.ts'
import type { Home, Principal, Scope } from '../access/scope.ts'
import { OWN } from '../tasks/port.ts'

export const DEVICE_KINDS = ['birth', 'availability', 'progress', 'state'] as const
export const BRIDGE_KINDS = ['work', 'changed', 'state', 'request', 'response'] as const
export type DeviceKind = (typeof DEVICE_KINDS)[number]
const ORDER = 'order'
type BridgeKind = (typeof BRIDGE_KINDS)[number]

/** What Home Assistant shows as a device: the appliance itself, a device, a camera. */
export type Shown = null | string | { readonly camera: string }

/** What a topic is about; null: none of ours. */
export type Topic =
  | { readonly of: 'device'; readonly device: string; readonly kind: DeviceKind }
  | { readonly of: 'order'; readonly device: string }
  | { readonly of: 'bridge'; readonly org: string; readonly site: string; readonly kind: BridgeKind }
  | { readonly of: 'state'; readonly org: string; readonly site: string; readonly device: string } // a device as core sees it
  | { readonly of: 'camera'; readonly org: string; readonly site: string; readonly camera: string } // a camera as core sees it
  | { readonly of: 'flow'; readonly org: string; readonly site: string; readonly topic: string } // what a flow says
  | { readonly of: 'core' } // whether core is there
  | { readonly of: 'discovery'; readonly org: string; readonly site: string; readonly shown: Shown }
  | { readonly of: 'home-assistant' } // whether it is there

/** A device's name: one level of a topic, and never mistaken for the bridge, for a person, or for core where it does work itself. */
export const isDeviceName = (name: string): boolean => /^[a-z0-9][a-z0-9._-]{0,62}$/i.test(name) && name !== 'bridge' && name !== OWN

const isFlowTopic = (topic: string): boolean => /^[A-Za-z0-9_-]{1,64}$/.test(topic)

export function parseTopic(topic: string): Topic | null {
  if (topic === CORE_TOPIC) return { of: 'core' }
  if (topic === HOME_ASSISTANT_TOPIC) return { of: 'home-assistant' }
  const [root, second, ...rest] = topic.split('/')
  if (root === 'homeassistant') return second === 'device' && rest.length === 2 && rest[1] === 'config' ? parseDiscoveryId(rest[0]!) : null
  if (root !== 'viewshed' || second === undefined) return null
  if (second === 'bridge') {
    const [org, site, kind, device, more] = rest
    if (!org || !site || more !== undefined) return null
    if (kind === 'device') return device !== undefined && isDeviceName(device) ? { of: 'state', org, site, device } : null
    if (kind === 'camera') return device === undefined ? null : cameraOf(org, site, device)
    if (kind === 'flow') return device !== undefined && isFlowTopic(device) ? { of: 'flow', org, site, topic: device } : null
    return device === undefined && isOneOf(BRIDGE_KINDS, kind) ? { of: 'bridge', org, site, kind } : null
  }
  const [kind, more] = rest
  if (!isDeviceName(second) || more !== undefined) return null
  if (kind === ORDER) return { of: 'order', device: second }
  return isOneOf(DEVICE_KINDS, kind) ? { of: 'device', device: second, kind } : null
}

export const deviceTopic = (device: string, kind: DeviceKind | typeof ORDER): string => `viewshed/${device}/${kind}`
export const CORE_TOPIC = 'viewshed/bridge/availability'
export const HOME_ASSISTANT_TOPIC = 'homeassistant/status'
export const stateTopic = ({ org, site }: Home, device: string): string => `viewshed/bridge/${org}/${site}/device/${device}`
/** A camera's name may be any text; here it is one level of a topic. */
export const cameraTopic = ({ org, site }: Home, camera: string): string => `viewshed/bridge/${org}/${site}/camera/${encodeURIComponent(camera.toWellFormed())}`
export const flowTopic = ({ org, site }: Home, topic: string): string => `viewshed/bridge/${org}/${site}/flow/${topic}`
export const discoveryTopic = (scope: Home, shown: Shown): string => `homeassistant/device/${discoveryId(scope, shown)}/config`
export const bridgeTopic = ({ org, site }: Home, kind: BridgeKind): string => `viewshed/bridge/${org}/${site}/${kind}`

/**
 * What names it to Home Assistant, which takes letters, digits, `_` and `-` only
 * (https://www.home-assistant.io/integrations/mqtt/#discovery-topic). Every other sign is `_` and its hex, so no two share one.
 */
export const discoveryId = ({ org, site }: Home, shown: Shown): string =>
  ['viewshed', org, site, ...(shown === null ? [] : typeof shown === 'string' ? [shown] : ['camera', shown.camera])].map((word) => word.replaceAll(/[^a-zA-Z0-9]/gu, (sign) => [...Buffer.from(sign)].map((byte) => `_${byte.toString(16).padStart(2, '0')}`).join(''))).join('-')

function parseDiscoveryId(id: string): Topic | null {
  const [mark, org, site, first, camera, more] = id.split('-').map((word) => Buffer.from(word.replaceAll(/_([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))), 'latin1').toString())
  if (mark !== 'viewshed' || !org || !site || more !== undefined) return null
  const shown = camera === undefined ? first ?? null : first === 'camera' && camera !== '' ? { camera } : ''
  if (typeof shown === 'string' && !isDeviceName(shown)) return null
  return discoveryId({ org, site }, shown) === id ? { of: 'discovery', org, site, shown } : null
}

function cameraOf(org: string, site: string, level: string): Topic | null {
  try {
    const camera = decodeURIComponent(level)
    return camera !== '' && encodeURIComponent(camera) === level ? { of: 'camera', org, site, camera } : null
  } catch (error) {
    if (error instanceof URIError) return null
    throw error
  }
}

/** Devices speak under their own name; people and keys ask things of core; nobody else speaks. */
export function mayPublish(principal: Principal, topic: string): boolean {
  const about = parseTopic(topic)
  if (about?.of === 'bridge') return about.kind === 'request' && mayAsk(principal) && isSame(principal.scope, about)
  if (about?.of === 'home-assistant') return principal.kind === 'key'
  return principal.kind === 'device' && about?.of === 'device' && about.device === principal.id
}

/** Whether it may ask at all; what for, its role says. */
const mayAsk = ({ kind, scope }: Principal): boolean => (kind === 'person' || kind === 'key') && holds(scope.role, 'viewer')

/** A last will may say only that its own device, or its own Home Assistant, is gone. */
export const mayWill = (principal: Principal, topic: string): boolean =>
  principal.kind === 'device' ? topic === deviceTopic(principal.id, 'availability') : principal.kind === 'key' && topic === HOME_ASSISTANT_TOPIC

/**
 * Whether a message may reach somebody.
 * @param scopeOf The scope in which a device joined; null: not known, so nobody's.
 */
export function mayHear(principal: Principal, topic: string, scopeOf: (device: string) => Scope | null): boolean {
  const about = parseTopic(topic)
  if (about === null) return false
  if (about.of === 'core') return true
  if (about.of === 'home-assistant') return principal.kind === 'key'
  if (about.of === 'discovery') return principal.kind !== 'device' && isSame(principal.scope, about)
  if (about.of === 'bridge') return isSame(principal.scope, about) && (isForAll(about.kind) || (mayAsk(principal) && about.kind !== 'request'))
  if (about.of === 'state' || about.of === 'camera' || about.of === 'flow') return principal.kind !== 'device' && isSame(principal.scope, about)
  if (principal.kind === 'device') return about.device === principal.id
  if (about.of === 'order') return false
  const scope = scopeOf(about.device)
  return scope !== null && isSame(principal.scope, scope)
}

/** Whether a filter may be subscribed to at all: it must name what it wants, and what reaches it is looked at once more by `mayHear`. */
export function maySubscribe(principal: Principal, filter: string): boolean {
  if (filter === CORE_TOPIC) return true
  const [root, second, ...rest] = filter.split('/')
  if (root === 'homeassistant') return principal.kind === 'key' // its own filters are wide, and change from version to version
  if (root !== 'viewshed' || second === undefined) return false
  if (second === 'bridge') {
    const [org, site, kind, device, more] = rest
    if (org !== principal.scope.org || site !== principal.scope.site || more !== undefined) return false
    if (kind === 'device') return device !== undefined && mayAsk(principal) && (device === '+' || device === '#' || isDeviceName(device))
    if (kind === 'camera') return device !== undefined && mayAsk(principal) && (device === '+' || device === '#' || cameraOf(org, site, device) !== null)
    if (kind === 'flow') return device !== undefined && mayAsk(principal) && (device === '+' || device === '#' || isFlowTopic(device))
    return device === undefined && (kind === '+' || kind === '#' || (isOneOf(BRIDGE_KINDS, kind) && kind !== 'request' && (isForAll(kind) || mayAsk(principal))))
  }
  const [kind, more] = rest
  const device = principal.kind === 'device' ? second === principal.id : second === '+' || isDeviceName(second)
  return device && more === undefined && (isOneOf(DEVICE_KINDS, kind) || kind === '+' || kind === '#' || (kind === ORDER && principal.kind === 'device'))
}

/** What devices hear of the bridge too. */
const isForAll = (kind: BridgeKind) => kind === 'work' || kind === 'changed'
const isSame = (a: Home, b: Home) => a.org === b.org && a.site === b.site
const isOneOf = <T extends string>(all: readonly T[], one: string | undefined): one is T => (all as readonly (string | undefined)[]).includes(one)

/**
 * Who may say and hear what at the broker.
 *
 * `viewshed/<device>/{birth,availability,progress,state}` are a device's own; `viewshed/<device>/order` is what core tells it
 * alone; `viewshed/bridge/<org>/<site>/{work,changed}` are core's. Nobody else's topics exist.
 */
import type { Principal, Scope } from '../access/scope.ts'

export const DEVICE_KINDS = ['birth', 'availability', 'progress', 'state'] as const
export const BRIDGE_KINDS = ['work', 'changed'] as const
export type DeviceKind = (typeof DEVICE_KINDS)[number]
const ORDER = 'order'
type BridgeKind = (typeof BRIDGE_KINDS)[number]

/** What a topic is about; null: none of ours. */
export type Topic =
  | { readonly of: 'device'; readonly device: string; readonly kind: DeviceKind }
  | { readonly of: 'order'; readonly device: string }
  | { readonly of: 'bridge'; readonly org: string; readonly site: string; readonly kind: BridgeKind }

/** A device's name: one level of a topic, and never mistaken for the bridge or for a person. */
export const isDeviceName = (name: string): boolean => /^[a-z0-9][a-z0-9._-]{0,62}$/i.test(name) && name !== 'bridge'

export function parseTopic(topic: string): Topic | null {
  const [root, second, ...rest] = topic.split('/')
  if (root !== 'viewshed' || second === undefined) return null
  if (second === 'bridge') {
    const [org, site, kind, more] = rest
    return org && site && more === undefined && isOneOf(BRIDGE_KINDS, kind) ? { of: 'bridge', org, site, kind } : null
  }
  const [kind, more] = rest
  if (!isDeviceName(second) || more !== undefined) return null
  if (kind === ORDER) return { of: 'order', device: second }
  return isOneOf(DEVICE_KINDS, kind) ? { of: 'device', device: second, kind } : null
}

export const deviceTopic = (device: string, kind: DeviceKind | typeof ORDER): string => `viewshed/${device}/${kind}`
export const bridgeTopic = ({ org, site }: Pick<Scope, 'org' | 'site'>, kind: BridgeKind): string => `viewshed/bridge/${org}/${site}/${kind}`

/** Devices speak under their own name; nobody else speaks. */
export function mayPublish(principal: Principal, topic: string): boolean {
  const about = parseTopic(topic)
  return principal.kind === 'device' && about?.of === 'device' && about.device === principal.id
}

/** A last will may say only that its own device is gone. */
export const mayWill = (principal: Principal, topic: string): boolean => principal.kind === 'device' && topic === deviceTopic(principal.id, 'availability')

/**
 * Whether a message may reach somebody.
 * @param scopeOf The scope in which a device joined; null: not known, so nobody's.
 */
export function mayHear(principal: Principal, topic: string, scopeOf: (device: string) => Scope | null): boolean {
  const about = parseTopic(topic)
  if (about === null) return false
  if (about.of === 'bridge') return isSame(principal.scope, about)
  if (principal.kind === 'device') return about.device === principal.id
  if (about.of === 'order') return false
  const scope = scopeOf(about.device)
  return scope !== null && isSame(principal.scope, scope)
}

/** Whether a filter may be subscribed to at all: it must name what it wants, and what reaches it is looked at once more by `mayHear`. */
export function maySubscribe(principal: Principal, filter: string): boolean {
  const [root, second, ...rest] = filter.split('/')
  if (root !== 'viewshed' || second === undefined) return false
  if (second === 'bridge') {
    const [org, site, kind, more] = rest
    return org === principal.scope.org && site === principal.scope.site && more === undefined && (isOneOf(BRIDGE_KINDS, kind) || kind === '+' || kind === '#')
  }
  const [kind, more] = rest
  const device = principal.kind === 'device' ? second === principal.id : second === '+' || isDeviceName(second)
  return device && more === undefined && (isOneOf(DEVICE_KINDS, kind) || kind === '+' || kind === '#' || (kind === ORDER && principal.kind === 'device'))
}

const isSame = (a: Pick<Scope, 'org' | 'site'>, b: Pick<Scope, 'org' | 'site'>) => a.org === b.org && a.site === b.site
const isOneOf = <T extends string>(all: readonly T[], one: string | undefined): one is T => (all as readonly (string | undefined)[]).includes(one)

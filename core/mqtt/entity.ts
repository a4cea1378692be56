/** What Home Assistant's discovery is put together of. */
import type { Home } from '../access/scope.ts'
import type { Request } from './requests.ts'
import { bridgeTopic, CORE_TOPIC, discoveryId, type Shown } from './topics.ts'

/** One entity, in Home Assistant's words. */
export type Component = { readonly p: 'sensor' | 'binary_sensor' | 'switch' | 'button'; readonly name: string; readonly [option: string]: unknown }

export const CORE = { topic: CORE_TOPIC }
/** In steps of 16 MiB: a state that is always new says nothing. */
const STEP_BYTES = 1 << 24
export const roughly = (bytes: number): number => Math.round(bytes / STEP_BYTES) * STEP_BYTES

export const counted = (name: string, field: string, icon: string): Component =>
  ({ p: 'sensor', name, value_template: `{{ value_json.${field} }}`, unit_of_measurement: 'tasks', state_class: 'measurement', icon })

export const button = (scope: Home, name: string, icon: string, request: Request): Component =>
  ({ p: 'button', name, icon, command_topic: bridgeTopic(scope, 'request'), payload_press: JSON.stringify(request) })

export function discovery(scope: Home, shown: Shown, version: string, dev: Record<string, string>, state: string, components: Record<string, Component>) {
  const id = discoveryId(scope, shown)
  return {
    dev: { ids: [id], mf: 'Viewshed', ...dev },
    o: { name: 'Viewshed', sw: version },
    cmps: Object.fromEntries(Object.entries(components).map(([key, component]) => [key, { ...component, unique_id: `${id}-${key}` }])),
    state_topic: state,
    availability: [CORE],
    qos: 1,
  }
}

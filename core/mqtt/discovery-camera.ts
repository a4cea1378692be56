import type { Home } from '../access/scope.ts'
import type { CameraView } from '../http/api.ts'
import { button, discovery, roughly, type Component } from './entity.ts'
import { bridgeTopic, cameraTopic, discoveryId } from './topics.ts'

const ACTIVITIES = ['fetching', 'idle', 'paused', 'trouble', 'away', 'not watched'] as const

export function cameraState({ address, watched, paused_by, trouble, counts, waiting_bytes, fetching, seen_ms, heard_ms }: CameraView) {
  const to_come = counts.waiting + counts.fetching
  const activity: (typeof ACTIVITIES)[number] = paused_by !== null ? 'paused' : !watched ? 'not watched' : trouble !== null ? 'trouble' : address === null ? 'away' : to_come > 0 ? 'fetching' : 'idle'
  return {
    here: address !== null, activity, paused: paused_by !== null, problem: trouble !== null || counts.failed > 0, trouble,
    to_come, failed: counts.failed, in: counts.in, to_come_bytes: roughly(waiting_bytes),
    speed_mb_s: Math.round(fetching.reduce((sum, { bytes_s }) => sum + (bytes_s ?? 0), 0) / 1e6),
    // While it is here it is seen all the time, which is no news.
    seen: address !== null || seen_ms === null || heard_ms === null ? null : new Date(seen_ms).toISOString(),
  }
}

/** Its clips, whether it is here, and what can be asked of it. */
export function cameraDiscovery(scope: Home, version: string, { id, maker }: CameraView) {
  const state = cameraTopic(scope, id)
  const clips = (name: string, field: string, icon: string): Component => ({ p: 'sensor', name, value_template: `{{ value_json.${field} }}`, unit_of_measurement: 'clips', state_class: 'measurement', icon })
  return discovery(scope, { camera: id }, version, { name: id, mdl: `${maker} camera`, via_device: discoveryId(scope, null) }, state, {
    here: { p: 'binary_sensor', name: 'In reach', device_class: 'connectivity', value_template: "{{ 'ON' if value_json.here else 'OFF' }}" },
    activity: { p: 'sensor', name: 'Activity', device_class: 'enum', options: ACTIVITIES, value_template: '{{ value_json.activity }}', icon: 'mdi:state-machine', json_attributes_topic: state, json_attributes_template: "{{ {'trouble': value_json.trouble} | tojson }}" },
    to_come: clips('Clips to come', 'to_come', 'mdi:tray-full'),
    failed: clips('Failed clips', 'failed', 'mdi:file-alert'),
    in: clips('Clips in', 'in', 'mdi:check-all'),
    to_come_bytes: { p: 'sensor', name: 'Data to come', device_class: 'data_size', unit_of_measurement: 'B', state_class: 'measurement', value_template: '{{ value_json.to_come_bytes }}' },
    speed: { p: 'sensor', name: 'Speed', device_class: 'data_rate', unit_of_measurement: 'MB/s', state_class: 'measurement', value_template: '{{ value_json.speed_mb_s }}' },
    seen: { p: 'sensor', name: 'Left', device_class: 'timestamp', value_template: '{{ value_json.seen }}', icon: 'mdi:car-clock' },
    problem: { p: 'binary_sensor', name: 'Problem', device_class: 'problem', value_template: "{{ 'ON' if value_json.problem else 'OFF' }}" },
    pause: {
      p: 'switch', name: 'Pause', icon: 'mdi:pause-circle', command_topic: bridgeTopic(scope, 'request'), value_template: "{{ 'paused' if value_json.paused else 'working' }}",
      state_on: 'paused', state_off: 'working', payload_on: JSON.stringify({ ask: 'pause', camera: id }), payload_off: JSON.stringify({ ask: 'resume', camera: id }),
    },
    retry: button(scope, 'Retry failed clips', 'mdi:restart', { ask: 'retry', camera: id }),
    hint: button(scope, 'Ask now', 'mdi:car-connected', { ask: 'hint', camera: id }),
  })
}

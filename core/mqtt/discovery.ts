/** What Home Assistant is told: of the appliance, and of each device and camera. */
import type { Home } from '../access/scope.ts'
import type { CameraView, DeviceView, StatusView } from '../http/api.ts'
import { cameraDiscovery, cameraState } from './discovery-camera.ts'
import { button, CORE, counted, discovery, roughly, type Component } from './entity.ts'
import type { Request } from './requests.ts'
import { bridgeTopic, cameraTopic, discoveryId, discoveryTopic, stateTopic } from './topics.ts'

/** What there is to tell. */
export interface Look {
  readonly status: Pick<StatusView, 'version' | 'box' | 'tasks' | 'volumes' | 'flows'> & { readonly totals: Pick<StatusView['totals'], 'to_ms'> }
  readonly per_hour: number // tasks, of all stages
  readonly devices: readonly DeviceView[] // all that the appliance knows: whoever is missing is taken out of Home Assistant
  readonly cameras: readonly CameraView[] // likewise
}

/** All that Home Assistant should know now, by topic. States come first: who finds a discovery finds the state beside it. */
export function messages(scope: Home, look: Look): Map<string, string> {
  const { status, devices, cameras } = look
  const values: [topic: string, value: object][] = [
    [bridgeTopic(scope, 'state'), applianceState(look)],
    ...devices.map((device): [string, object] => [stateTopic(scope, device.id), deviceState(device)]),
    ...cameras.map((camera): [string, object] => [cameraTopic(scope, camera.id), cameraState(camera)]),
    [discoveryTopic(scope, null), applianceDiscovery(scope, status)],
    ...devices.map((device): [string, object] => [discoveryTopic(scope, device.id), deviceDiscovery(scope, status, device)]),
    ...cameras.map((camera): [string, object] => [discoveryTopic(scope, { camera: camera.id }), cameraDiscovery(scope, status.version, camera)]),
  ]
  return new Map(values.map(([topic, value]) => [topic, JSON.stringify(value)]))
}

function applianceState({ status, per_hour, devices }: Look) {
  const { tasks, volumes, flows, totals } = status
  const problems = [
    ...(tasks.parked > 0 ? [`${tasks.parked} ${tasks.parked === 1 ? 'task is' : 'tasks are'} parked`] : []),
    ...volumes.filter(({ mounted }) => !mounted).map(({ name }) => `The volume ${name} is not mounted`),
    ...(flows.trouble === null ? [] : [flows.trouble]),
  ]
  return {
    waiting: tasks.pending, running: tasks.running, parked: tasks.parked,
    per_hour: Math.round(per_hour * 10) / 10,
    last_clip: totals.to_ms === null ? null : new Date(totals.to_ms).toISOString(),
    paused: devices.length > 0 && devices.every(({ settings }) => settings.mode === 'paused'),
    problems,
    volumes: Object.fromEntries(volumes.map(({ name, bytes_free }) => [name, { free_bytes: bytes_free === null ? null : roughly(bytes_free) }])),
  }
}

const ACTIVITIES = ['working', 'idle', 'resting', 'away'] as const

function deviceState({ online, rests, settings, running, waiting, done, failed, conditions }: DeviceView) {
  const activity: (typeof ACTIVITIES)[number] = !online ? 'away' : running.length > 0 ? 'working' : rests !== null ? 'resting' : 'idle'
  const round = (value: number | null | undefined) => (value === null || value === undefined ? null : Math.round(value))
  return {
    online, activity, rests, mode: settings.mode, running: running.length, waiting, done, failed,
    temperature_c: round(conditions?.temperature_c), gpu_busy_percent: round(conditions?.gpu_busy_percent),
    battery_percent: round(conditions?.battery_percent), on_battery: conditions?.on_battery ?? null,
  }
}

function applianceDiscovery(scope: Home, status: Look['status']) {
  const state = bridgeTopic(scope, 'state')
  return discovery(scope, null, status.version, { name: status.box, mdl: 'Appliance', sw: status.version }, state, {
    waiting: counted('Waiting tasks', 'waiting', 'mdi:tray-full'),
    running: counted('Running tasks', 'running', 'mdi:cog-play'),
    parked: counted('Parked tasks', 'parked', 'mdi:parking'),
    throughput: { p: 'sensor', name: 'Throughput', value_template: '{{ value_json.per_hour }}', unit_of_measurement: 'tasks/h', state_class: 'measurement', icon: 'mdi:speedometer' },
    last_clip: { p: 'sensor', name: 'Last clip', value_template: '{{ value_json.last_clip }}', device_class: 'timestamp' },
    problem: {
      p: 'binary_sensor', name: 'Problem', device_class: 'problem', value_template: "{{ 'ON' if value_json.problems else 'OFF' }}",
      json_attributes_topic: state, json_attributes_template: "{{ {'problems': value_json.problems} | tojson }}",
    },
    ...Object.fromEntries(status.volumes.map(({ name }) => [`free_${name}`, {
      p: 'sensor', name: `Free on ${name}`, value_template: `{{ value_json.volumes['${name}'].free_bytes }}`, device_class: 'data_size', unit_of_measurement: 'B', state_class: 'measurement', entity_category: 'diagnostic',
    } satisfies Component])),
    ...controls(scope, null, 'value_json.paused'),
    retry: button(scope, 'Retry parked tasks', 'mdi:restart', { ask: 'retry' }),
  })
}

function deviceDiscovery(scope: Home, status: Look['status'], { id, capability, conditions }: DeviceView) {
  const state = stateTopic(scope, id)
  // What was measured on it says nothing while it is away.
  const measured = { availability: [CORE, { topic: state, value_template: "{{ 'online' if value_json.online else 'offline' }}" }], availability_mode: 'all', state_class: 'measurement', entity_category: 'diagnostic' }
  const percent = { unit_of_measurement: '%', ...measured }
  const [gpu] = capability?.gpus ?? []
  return discovery(scope, id, status.version, { name: id, mdl: gpu?.name ?? capability?.platform ?? 'Device', sw: capability?.version ?? status.version, via_device: discoveryId(scope, null) }, state, {
    online: { p: 'binary_sensor', name: 'Online', device_class: 'connectivity', value_template: "{{ 'ON' if value_json.online else 'OFF' }}", entity_category: 'diagnostic' },
    activity: {
      p: 'sensor', name: 'Activity', device_class: 'enum', options: ACTIVITIES, value_template: '{{ value_json.activity }}', icon: 'mdi:state-machine',
      json_attributes_topic: state, json_attributes_template: "{{ {'why': value_json.rests, 'mode': value_json.mode} | tojson }}",
    },
    running: counted('Running tasks', 'running', 'mdi:cog-play'),
    // Not every machine has a sensor; one that has shows it once it has been read.
    ...(conditions === null || conditions.temperature_c === null ? {} : { temperature: { p: 'sensor', name: 'Temperature', device_class: 'temperature', unit_of_measurement: '°C', value_template: '{{ value_json.temperature_c }}', ...measured } satisfies Component }),
    ...(gpu ? { gpu: { p: 'sensor', name: 'GPU use', value_template: '{{ value_json.gpu_busy_percent }}', icon: 'mdi:expansion-card', ...percent } satisfies Component } : {}),
    ...(capability?.battery ? { battery: { p: 'sensor', name: 'Battery', device_class: 'battery', value_template: '{{ value_json.battery_percent }}', ...percent } satisfies Component } : {}),
    ...controls(scope, id, "value_json.mode == 'paused'"),
  })
}

/** @param paused What is true in the state when it is paused. */
function controls(scope: Home, device: string | null, paused: string): Record<string, Component> {
  const ask = (word: 'pause' | 'resume' | 'drain'): Request => (device === null ? { ask: word } : { ask: word, device })
  return {
    pause: {
      p: 'switch', name: 'Pause', icon: 'mdi:pause-circle', command_topic: bridgeTopic(scope, 'request'), value_template: `{{ 'paused' if ${paused} else 'working' }}`,
      state_on: 'paused', state_off: 'working', payload_on: JSON.stringify(ask('pause')), payload_off: JSON.stringify(ask('resume')),
    },
    drain: button(scope, 'Drain', 'mdi:tray-minus', ask('drain')),
    resume: button(scope, 'Resume', 'mdi:play-circle', ask('resume')),
  }
}

/** Invented devices and one at the door. What the routes do to them is really done, so the pages can be seen to follow. */
import { SETTINGS, type Settings } from '../../core/devices/settings.ts'
import type { Capability } from '../../core/devices/capability.ts'
import type { Answer, Ask, DeviceDetail, DeviceView, JoiningView } from '../../core/http/api.ts'
import type { World } from './world.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
type DeviceRoutes = 'devices' | 'device' | 'join' | 'joinState' | 'acceptDevice' | 'refuseDevice' | 'steerDevice' | 'setDevice' | 'revokeDevice' | 'hello' | 'goodbye' | 'renewToken' | 'prove'

export interface Yard {
  devices: DeviceView[]
  joining: JoiningView[]
  recent: DeviceDetail['recent']
  readonly answers: { [R in DeviceRoutes]: (query: Ask<R>) => Answer<R> | null }
  /** Only the box's own agent; everybody away; as it was. */
  set(scene: 'full' | 'alone' | 'away'): void
}

const means = (over: Partial<Capability>): Capability => ({
  cores: 4, memory_mib: 7832, scratch_mib: 85_800, gpu_mib: 0, gpus: [], accelerators: [], tools: { ffmpeg: '7.1' }, stages: ['clip.probe', 'clip.thumbs', 'clip.filmstrip', 'retention.slim'], lacks: { 'inference.plates': 'needs a GPU with 4 GB' },
  mounts: [], platform: 'linux', host: 'box', version: '0.1.0', battery: false, ...over,
})

/** Quarters of an hour, oldest first, from pieces of hours: `[hours, share]`, -1 away. */
const day = (...pieces: readonly (readonly [hours: number, share: number])[]): number[] => {
  const quarters = pieces.flatMap(([hours, share], p) => Array.from({ length: hours * 4 }, (_, i) => (share <= 0 ? share : Math.max(0.05, Math.min(1, share + Math.sin(i * 2.3 + p) * 0.28)))))
  return [...Array.from({ length: Math.max(0, 96 - quarters.length) }, () => 0), ...quarters].slice(-96)
}

function devicesAt(now_ms: number, world: World): DeviceView[] {
  const running = (device: string) => world.tasks.flatMap((task) => (task.running?.device === device ? [{ task: task.id, stage: task.stage, progress: task.running.progress, what: task.running.what, since_ms: task.running.since_ms }] : []))
  const view = (id: string, over: Partial<DeviceView>): DeviceView => ({
    id, own: false, online: true, last_seen_ms: now_ms - 4000, capability: null, conditions: { gpu_busy_percent: null, temperature_c: 51, on_battery: false, battery_percent: null, scratch_free_mib: 80_000, load: 0.35 },
    allowed: null, settings: SETTINGS, rests: null, token_ends_ms: now_ms + 29 * DAY_MS, running: [], waiting: 0, done: 0, failed: 0, rates: [], strip: day(), ...over,
  })
  return [
    view('gpu-pc', {
      capability: means({ cores: 16, memory_mib: 31_930, scratch_mib: 391_000, gpu_mib: 12_282, gpus: [{ name: 'NVIDIA GeForce RTX 4070', memory_mib: 12_282, driver: '560.35.03' }], accelerators: ['cuda', 'nvenc'], tools: { ffmpeg: '7.1', colmap: '3.11' }, host: 'gpu-pc', stages: ['clip.probe', 'clip.thumbs', 'clip.filmstrip', 'inference.plates', 'retention.slim'], lacks: { 'archive.copy': 'the volume archive is no folder here' } }),
      conditions: { gpu_busy_percent: 3, temperature_c: 64, on_battery: false, battery_percent: null, scratch_free_mib: 80_000, load: 0.41 }, settings: { ...SETTINGS, slots: 2, gpu_busy_percent: 20, stage_slots: { 'inference.plates': 2 } },
      running: running('gpu-pc'), waiting: 4, done: 412, failed: 2, rates: [{ stage: 'inference.plates', per_hour: 38, took_s: 94 }, { stage: 'retention.slim', per_hour: 2.4, took_s: 340 }, { stage: 'clip.thumbs', per_hour: 5760, took_s: 0.61 }], strip: day([3, 0], [2, 0.8], [4, -1], [6, 0.5], [7, 0], [2, 0.9]),
    }),
    view('nas', { own: true, token_ends_ms: null, capability: means({ accelerators: ['qsv'], mounts: ['media'], host: 'nas', tools: { ffmpeg: '7.1', ffprobe: '7.1', exiftool: '13.2' } }), running: running('nas'), done: 1318, rates: [{ stage: 'clip.thumbs', per_hour: 5760, took_s: 0.6 }, { stage: 'clip.probe', per_hour: 1140, took_s: 2.4 }], strip: day([4, 0.3], [8, 0], [3, 0.6], [6, 0], [3, 0.4]) }),
    view('laptop-ben', { capability: means({ cores: 8, memory_mib: 15_800, battery: true, platform: 'darwin', host: 'ben.local', accelerators: ['videotoolbox'], gpus: [{ name: 'Apple M2', memory_mib: 10_922, driver: null }], gpu_mib: 10_922 }), conditions: { gpu_busy_percent: null, temperature_c: 38, on_battery: true, battery_percent: 64, scratch_free_mib: 80_000, load: 0.12 }, rests: 'runs on battery (64 %)', settings: { ...SETTINGS, temperature_c: 85 }, done: 31, strip: day([9, -1], [5, 0.6], [2, 0], [5, -1], [3, 0]) }),
    view('shed-nas', { online: false, conditions: null, last_seen_ms: now_ms - 8.4 * HOUR_MS, capability: means({ cores: 2, memory_mib: 1920, scratch_mib: 7600, mounts: ['archive'], host: 'shed', tools: { ffmpeg: '5.1' }, stages: ['archive.copy'], lacks: {} }), settings: { ...SETTINGS, hours: { from: '22:00', to: '06:00' } }, waiting: 14, done: 96, strip: day([7.5, -1], [8.25, 0.7], [8.25, -1]) }),
    view('attic-workstation-with-a-long-name.home.example', { online: false, conditions: null, last_seen_ms: now_ms - 2 * DAY_MS, token_ends_ms: now_ms + 11 * DAY_MS, capability: means({ cores: 32, memory_mib: 128_700, platform: 'win32', host: 'ATTIC', tools: { ffmpeg: '6.0', colmap: '3.8' } }), strip: day([24, -1]) }),
  ]
}

const knocking = (now_ms: number): JoiningView => ({ code: '7Q4-K2M', name: 'laptop-kitchen', address: '192.168.1.73', ends_ms: now_ms + 540_000, capability: means({ cores: 8, memory_mib: 15_900, host: 'laptop-kitchen', battery: true, lacks: { 'inference.plates': 'needs a GPU with 4 GB', 'archive.copy': 'the volume archive is no folder there' }, stages: ['clip.thumbs', 'clip.filmstrip', 'retention.slim'] }) })

export function yardAt(now_ms: number, world: World): Yard {
  const find = (id: string) => yard.devices.find((device) => device.id === id)
  const change = (id: string, over: (device: DeviceView) => Partial<DeviceView>): Record<string, never> | null => {
    if (!find(id)) return null
    yard.devices = yard.devices.map((device) => (device.id === id ? { ...device, ...over(device) } : device))
    return {}
  }
  const stripped = (settings: Settings) => (settings.mode === 'working' ? {} : { rests: settings.mode === 'paused' ? 'paused' : 'draining: it ends what it has', ...(settings.mode === 'paused' ? { running: [] } : {}) })
  const recent: DeviceDetail['recent'] = world.tasks.slice(-24).map((task, i) => ({
    task: task.id, stage: ['inference.plates', 'clip.thumbs', 'retention.slim'][i % 3]!, what: `20261120_13${50 - i}12_F.MP4`, at_ms: now_ms - 240_000 - i * 410_000, took_s: i === 4 ? null : [94, 0.6, 338][i % 3]! + i / 10,
    ...(i === 4 ? { end: 'interrupted', message: 'The link was cut; the task was offered again after 30 s and nas did it.' } as const : i === 2 ? { end: 'fault', message: 'ffmpeg could not write the copy: the decoder stopped at 41 s. The original is untouched.' } as const : { end: 'complete', message: null } as const),
  }))
  const yard: Yard = {
    devices: devicesAt(now_ms, world), joining: [knocking(now_ms)], recent,
    set(scene) {
      const all = devicesAt(now_ms, world)
      yard.devices = scene === 'alone' ? all.filter((device) => device.own).map((device) => ({ ...device, running: [] })) : scene === 'away' ? all.map((device) => ({ ...device, online: false, conditions: null, running: [], last_seen_ms: now_ms - 3 * HOUR_MS })) : all
      yard.joining = scene === 'full' ? [knocking(now_ms)] : []
    },
    answers: {
      devices: () => ({ devices: yard.devices, joining: yard.joining }),
      device: ({ id }) => { const device = find(id); return device ? { ...device, recent: device.done > 0 ? yard.recent : [] } : null },
      acceptDevice: ({ code, name, stages }) => {
        const knock = yard.joining.find((one) => one.code === code)
        if (!knock) return null
        yard.joining = yard.joining.filter((one) => one !== knock)
        const id = name ?? knock.name
        yard.devices = [...yard.devices, { ...devicesAt(now_ms, world)[2]!, id, rests: null, capability: knock.capability, allowed: stages ?? null, settings: SETTINGS, done: 0, strip: day([23.75, -1], [0.25, 0]) }]
        return { device: id }
      },
      refuseDevice: ({ code }) => { yard.joining = yard.joining.filter((one) => one.code !== code); return {} },
      steerDevice: ({ id, mode }) => change(id, (device) => ({ rests: null, ...stripped({ ...device.settings, mode }), settings: { ...device.settings, mode } })),
      setDevice: ({ id, stages, settings }) => change(id, (device) => ({ ...(stages === undefined ? {} : { allowed: stages }), settings: { ...device.settings, ...settings } })),
      revokeDevice: ({ id }) => { if (!find(id)) return null; yard.devices = yard.devices.filter((device) => device.id !== id); return {} },
      join: () => null, joinState: () => null, hello: () => null, goodbye: () => null, renewToken: () => null, prove: () => null, // an agent's, not a page's
    },
  }
  return yard
}

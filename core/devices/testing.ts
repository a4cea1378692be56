/** A machine as it might say of itself. */
import type { Capability, Conditions } from './capability.ts'

export const CAPABILITY: Capability = {
  cores: 8, memory_mib: 16_000, scratch_mib: 100_000, gpu_mib: 8_192, gpus: [{ name: 'RTX 4070', memory_mib: 8_192, driver: '560.1' }], accelerators: ['cuda', 'nvenc'],
  tools: { ffmpeg: '7.0' }, stages: ['clip.probe', 'clip.thumbs'], lacks: {}, mounts: [], platform: 'linux', host: 'gpu-pc', version: '0.3.0', battery: false,
}

export const CONDITIONS: Conditions = { gpu_busy_percent: null, temperature_c: null, on_battery: false, battery_percent: null, load: 0.1 }

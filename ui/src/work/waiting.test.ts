import { expect, test } from 'vitest'
import type { DeviceView } from '../../../core/http/api.ts'
import { lacking, waiting } from './waiting.ts'

const NOW_MS = 1_800_000_000_000
const device = (id: string, more: Partial<Omit<DeviceView, 'capability'>> & { can?: readonly string[]; lacks?: Record<string, string> } = {}): DeviceView => {
  const { can = ['inference.plates'], lacks = {}, ...rest } = more
  return {
    id, own: false, online: true, last_seen_ms: NOW_MS, conditions: null, allowed: null, rests: null, token_ends_ms: null, running: [], waiting: 0, done: 0, failed: 0, rates: [], strip: [],
    settings: { mode: 'working', hours: null, slots: null, stage_slots: {}, gpu_busy_percent: null, on_battery: false, temperature_c: null },
    capability: { cores: 4, memory_mib: 8_000, scratch_mib: 90_000, gpu_mib: 0, gpus: [], accelerators: [], tools: {}, stages: [...can], lacks, mounts: [], platform: 'linux', host: id, version: '1', battery: false },
    ...rest,
  }
}
const says = (devices: readonly DeviceView[] | null, not_before_ms = 0) => waiting({ stage: 'inference.plates', not_before_ms }, devices, 'Read plates', NOW_MS).replaceAll('\u202f', ' ')
const busy = { running: [{ task: 't', stage: 'inference.plates', progress: null, what: null, since_ms: NOW_MS }] }
const away = { online: false, last_seen_ms: NOW_MS - 7_200_000 }

test.each<[string, readonly DeviceView[] | null, string]>([
  ['nobody was asked about', null, 'waits for a device'],
  ['there is none', [], 'waits for a device that can read plates'],
  ['none can', [device('nas', { can: ['clip.probe'] }), device('old', { can: [] })], 'waits for a device that can read plates'],
  ['the one that can may not', [device('nas', { allowed: ['clip.probe'] })], 'waits: nas may not read plates'],
  ['the one that can runs none at once', [device('nas', { settings: { ...device('nas').settings, stage_slots: { 'inference.plates': 0 } } })], 'waits: nas may not read plates'],
  ['it is busy', [device('gpu-pc', busy)], 'waits its turn on gpu-pc'],
  ['it has nothing to do', [device('gpu-pc')], 'gpu-pc takes it next'],
  ['it rests', [device('gpu-pc', { rests: 'works from 22:00 to 06:00' }), device('shed', away)], 'waits for gpu-pc: works from 22:00 to 06:00'],
  ['several rest', [device('gpu-pc', { rests: 'paused' }), device('laptop', { rests: 'on battery' })], 'waits for gpu-pc or laptop'],
  ['it is away', [device('gpu-pc', away), device('nas', { can: [] })], 'waits for gpu-pc, away, last heard 2 h ago'],
  ['it was never heard since', [device('gpu-pc', { ...away, last_seen_ms: null })], 'waits for gpu-pc, away'],
  ['many are away', ['a', 'b', 'c', 'd', 'e'].map((id) => device(id, away)), 'waits for a or b or c or 2 more, all away'],
])('%s', (_, devices, words) => expect(says(devices)).toBe(words))

test('a task that failed waits for its time, whoever is there', () => {
  expect(says([device('gpu-pc')], NOW_MS + 180_000)).toBe('again in 3 min')
  expect(says([device('gpu-pc')], NOW_MS)).toBe('gpu-pc takes it next')
})

test('what each device lacks is said in its own words', () => {
  expect(lacking('inference.plates', [device('nas', { lacks: { 'inference.plates': 'needs 1536 MiB of memory, has 900' } }), device('pc')])).toEqual([{ device: 'nas', why: 'needs 1536 MiB of memory, has 900' }])
})

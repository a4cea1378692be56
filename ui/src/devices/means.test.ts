import { expect, test } from 'vitest'
import type { Capability } from '../../../core/devices/capability.ts'
import { chips, face, inOneLine, memory, toolVersion } from './means.ts'

const nas: Capability = { cores: 4, memory_mib: 7832, scratch_mib: 391_000, gpu_mib: 0, gpus: [], accelerators: ['qsv'], tools: { ffmpeg: 'n7.1-3+deb12' }, stages: [], lacks: {}, mounts: ['media'], platform: 'linux', host: 'nas', version: '0.1.0', battery: false }
const pc: Capability = { ...nas, cores: 16, gpus: [{ name: 'NVIDIA GeForce RTX 4070', memory_mib: 12_282, driver: null }], gpu_mib: 12_282, accelerators: ['cuda', 'nvenc'], tools: {}, platform: 'win32', mounts: [] }

test('a card says GPU, accelerators, cores, memory, scratch, tools and where core runs', () => {
  expect(chips(nas, true)).toEqual(['no GPU', 'QSV', '4 cores', '8\u202fGB', '410\u202fGB scratch', 'ffmpeg 7.1', 'core runs here'])
  expect(chips(pc, false)).toEqual(['RTX 4070 12\u202fGB', 'CUDA', 'NVENC', '16 cores', '8\u202fGB', '410\u202fGB scratch', 'Windows'])
  expect(inOneLine(pc)).toBe('Windows, 16 cores, 8\u202fGB, RTX 4070')
})

test('small memory keeps its half, and a version that is no number stays as it is', () => {
  expect([512, 1536, 1920, 7832, 131_072].map(memory)).toEqual(['512\u202fMB', '1.5\u202fGB', '1.9\u202fGB', '8\u202fGB', '128\u202fGB'])
  expect(toolVersion('git')).toBe('git')
})

test('its picture is what it is first of all', () => {
  expect([face(pc, false), face({ ...pc, battery: true }, false), face(nas, false), face({ ...nas, mounts: [] }, false), face(null, true)]).toEqual(['gpu', 'laptop', 'disk', 'system', 'disk'])
})

import { expect, test } from 'vitest'
import type { RegisteredStage } from '../core/plugins/registry.ts'
import { unableOf } from './unable.ts'

const stage = (name: string, needs: object, own = false) => ({ name, stage: { needs, ...(own ? { own: async () => ({}) } : {}) } }) as unknown as RegisteredStage
const device = (gpu_mib: number, allowed: string[] | null = null, lacks: Record<string, string> = {}) => ({ id: 'd', allowed, capability: { gpu_mib, memory_mib: 4_000, scratch_mib: 1_000, tools: { ffmpeg: '5' }, lacks } }) as never
const STAGES = [stage('a.gpu', { gpu_mib: 8_000 }), stage('a.tool', { tools: ['colmap'] }), stage('a.fine', { tools: ['ffmpeg'] }), stage('flow.delay', {}, true)]

test('what no device can run is said with the reason; one that can is enough, and core needs none', () => {
  expect(unableOf(STAGES, [device(0)])).toEqual({ 'a.gpu': 'needs a GPU with 8000 MiB', 'a.tool': 'needs colmap' })
  expect(unableOf(STAGES, [device(0), device(24_000)])).toEqual({ 'a.tool': 'needs colmap' })
})

test('a device that has the means but another version of the stage is none that can', () => {
  expect(unableOf(STAGES, [device(24_000, null, { 'a.gpu': 'update Viewshed there' })])).toEqual({ 'a.gpu': 'update Viewshed there', 'a.tool': 'needs colmap' })
})

test('what nobody is allowed to run; before a device was heard nothing is said', () => {
  expect(unableOf(STAGES, [device(24_000, ['a.gpu'])])).toEqual({ 'a.tool': 'needs colmap', 'a.fine': 'no device that could is allowed to' })
  expect(unableOf(STAGES, [{ id: 'd', allowed: null, capability: null }])).toEqual({})
})

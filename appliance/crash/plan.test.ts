import { expect, test } from 'vitest'
import { FAULTS, KILLS, plan, type Means, type Step } from './plan.ts'

const ALL: Means = { devices: 3, net: true, clock: true, disk: true }
const draw = (seed: number, means: Means, count: number): Step[] => {
  const steps = plan(seed, means, 1000)
  return Array.from({ length: count }, () => steps.next().value)
}
const kinds = (steps: readonly Step[]) => [...new Set(steps.map(({ kind }) => kind))].sort()

test('the same seed draws the same steps, another one others', () => {
  expect(draw(7, ALL, 50)).toEqual(draw(7, ALL, 50))
  expect(draw(8, ALL, 50)).not.toEqual(draw(7, ALL, 50))
})

test('everything comes about, each device has its turn, clocks go both ways and become true again', () => {
  const steps = draw(1, ALL, 2000)
  expect(kinds(steps)).toEqual([...KILLS, ...FAULTS].sort())
  expect(new Set(steps.map(({ device }) => device))).toEqual(new Set([0, 1, 2]))
  const clocks = steps.filter(({ kind }) => kind.startsWith('clock')).map(({ amount }) => Math.sign(amount))
  expect(new Set(clocks)).toEqual(new Set([-1, 0, 1]))
  expect(Math.max(...steps.filter(({ kind }) => kind === 'cut').map(({ hold_ms }) => hold_ms))).toBeGreaterThan(30_000)
})

test('only what this machine has the means for is drawn', () => {
  expect(kinds(draw(1, { devices: 0, net: true, clock: false, disk: false }, 500))).toEqual(['agent', 'core', 'node-red', 'stage', 'wipe'])
  expect(kinds(draw(1, { devices: 2, net: false, clock: false, disk: false }, 1000))).toEqual(['agent', 'core', 'device', 'frozen', 'goodbye', 'node-red', 'power', 'stage', 'wipe'])
})

test('the mean time between two steps is as wished', () => {
  const waits = draw(3, ALL, 5000).map(({ wait_ms }) => wait_ms)
  const mean_ms = waits.reduce((sum, ms) => sum + ms, 0) / waits.length
  expect(mean_ms).toBeGreaterThan(900)
  expect(mean_ms).toBeLessThan(1100)
})

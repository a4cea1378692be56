import { expect, test } from 'vitest'
import { campaign } from '../crash.ts'

const linux = process.platform === 'linux' // finds the processes by /proc

test.runIf(linux)('processes are killed thirty times, links, clocks and disks fail while footage comes in: nothing is lost, nothing is there twice, nothing outlives its parent', async () => {
  const { kills, differences, seed, without } = await campaign({ kills: 30, spacing_s: 1, devices: 2, clips: 6, seed: Date.now() % 2 ** 31 })
  expect({ seed, without, differences }).toEqual({ seed, without, differences: [] })
  expect(Object.values(kills).reduce((sum, n) => sum + n, 0)).toBe(30)
}, 900_000)

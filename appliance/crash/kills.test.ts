import { expect, test } from 'vitest'
import { campaign } from '../crash.ts'

const linux = process.platform === 'linux' // finds the processes by /proc

test.runIf(linux)('core, agent, stages and Node-RED are killed thirty times while footage comes in: nothing is lost, nothing is there twice, nothing outlives its parent', async () => {
  const { kills, differences } = await campaign(30, 1, 8)
  expect(differences).toEqual([])
  expect(Object.values(kills).reduce((sum, n) => sum + n, 0)).toBe(30)
}, 600_000)

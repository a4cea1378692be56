import { expect, test } from 'vitest'
import { flowCampaign } from './flows.ts'

test('Node-RED, core and both are killed ten times and the flow is deployed anew while items pass it: each ends exactly once, each join fires once', async () => {
  const report = await flowCampaign({ kills: 10, count: 40, spacing_s: 2.5, seed: 20_261_128 })
  expect(report).toMatchObject({ differences: [], items: 40 })
}, 300_000)

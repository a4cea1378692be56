import { expect, test } from 'vitest'
import type { FlowsState } from '../flows/process.ts'
import { ownFlows } from './status.ts'

const RUNS: FlowsState = { ready: true, running: true, stopped: null, aside: null, safe: null, leftOut: false, starts: 1, pid: 1, rss_bytes: 1, held: { total: 0, stuck: 0, oldest: [] } }
const LOOP = { id: 'n1', name: 'Loop', tab: 'Drive' }
const trouble = (change: Partial<FlowsState>) => ownFlows({ ...RUNS, ...change }).trouble

test('what keeps the flow from running, or was put right by itself, is said in words that name what to do', () => {
  expect(trouble({})).toBeNull()
  expect(trouble({ running: false, safe: { since_ms: 1, why: 'stalled', last: LOOP } })).toBe('A flow kept Node-RED from answering. Node-RED runs in safe mode, without flows: mend the flow in the editor and deploy it.')
  expect(trouble({ running: false, aside: 'flows.broken-5.json', safe: { since_ms: 1, why: 'broken flow file', last: null } })).toBe('The flow file could not be read; it is kept as flows.broken-5.json. Node-RED runs in safe mode, without flows: mend the flow in the editor and deploy it.')
  expect(trouble({ aside: 'flows.broken-5.json' })).toBe('The flow file could not be read; it is kept as flows.broken-5.json. What was deployed before runs instead: look whether it is what you want, and deploy it.')
  expect(trouble({ running: false, stopped: 'It has nodes …', aside: 'flows.broken-5.json' })).toBe('It has nodes …')
})

test('the node that was entered last is named while the flows do not run for it, and not once palettes are to blame', () => {
  const safe = { since_ms: 1, why: 'stalled', last: LOOP } as const
  expect(ownFlows({ ...RUNS, running: false, safe }).last).toEqual(LOOP)
  expect(ownFlows(RUNS).last).toBeNull()
  expect(ownFlows({ ...RUNS, running: false, safe, leftOut: true })).toMatchObject({ last: null, trouble: expect.stringContaining('without the palettes') as string })
})

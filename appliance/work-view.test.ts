import { expect, test } from 'vitest'
import { createRegistry } from '../core/plugins/registry.ts'
import { firstFlow } from '../flows/pipelines.ts'
import type { FlowEntry } from '../flows/red.ts'
import plugins from '../plugins/index.ts'
import { workOf } from './work-view.ts'

const registry = createRegistry(plugins, {})
const counts = registry.stages.map(({ name }) => ({ stage: name, pending: 0, running: 0, complete: 0, parked: 0, per_hour: name === 'clip.probe' ? 12 : 0 }))
const work = (flow: readonly FlowEntry[]) => workOf({ plugins, registry })(counts, flow)

test('each stage and event of the first flow says at which nodes it stands', () => {
  const { stages, events, links } = work(firstFlow)
  expect(stages.find(({ stage }) => stage === 'clip.probe')).toMatchObject({ title: 'Look into a recording', plugin: 'clip', per_hour: 12, nodes: [{ id: 'viewshed_probe', name: '', tab: 'Drive', off: false }, { tab: 'Card import', off: true }, { tab: 'Photo session', off: true }] })
  expect(events.find(({ event }) => event === 'camera-viofo.arrived')).toMatchObject({ title: 'A clip came in', category: 'VIOFO cameras', nodes: [{ id: 'viewshed_viofo', off: false }] })
  expect(links).toContainEqual({ from: 'folder.arrived', to: 'clip.probe' })
  const ids = new Set(firstFlow.map(({ id }) => id))
  expect([...stages, ...events].flatMap(({ nodes }) => nodes).filter(({ id }) => !ids.has(id))).toEqual([])
})

test('what acts for the flow is shown where it is wired; of several nodes the one that runs comes first', () => {
  const shown = (flow: readonly FlowEntry[]) => work(flow).stages.map(({ stage }) => stage)
  expect(shown([])).not.toContain('flow.keep')
  const flow: FlowEntry[] = [
    { id: 't', type: 'tab', label: 'Mine' }, { id: 'old', type: 'tab', label: 'Old', disabled: true }, { id: 's', type: 'subflow', name: 'Twice' },
    { id: 'a', type: 'folder.arrived', z: 't', wires: [['k']] }, { id: 'k', type: 'flow.keep', z: 't', wires: [[]] },
    { id: 'p1', type: 'clip.probe', z: 'old', wires: [[]] }, { id: 'p2', type: 'clip.probe', z: 't', d: true, wires: [[]] }, { id: 'p3', type: 'clip.probe', z: 's', name: 'in here', wires: [[]] },
  ]
  expect(shown(flow)).toContain('flow.keep')
  expect(work(flow).stages.find(({ stage }) => stage === 'clip.probe')!.nodes).toEqual([
    { id: 'p3', name: 'in here', tab: 'Twice', off: false }, { id: 'p1', name: '', tab: 'Old', off: true }, { id: 'p2', name: '', tab: 'Mine', off: true },
  ])
})

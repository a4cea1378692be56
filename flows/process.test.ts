import { afterEach, expect, test } from 'vitest'
import { bench, type Bench } from './testing/start.ts'

let red: Bench | null = null
afterEach(async () => {
  await red?.close()
  red = null
})

test('an event leaves its node, the stage asks for its work, and the event is acknowledged', async () => {
  red = await bench([
    { id: 'tab', type: 'tab', label: 'Test' },
    { id: 'came', type: 'test.came', z: 'tab', x: 0, y: 0, wires: [['first']] },
    { id: 'first', type: 'test.first', z: 'tab', x: 0, y: 0, wires: [['second']] },
    { id: 'second', type: 'test.second', z: 'tab', x: 0, y: 0, width_px: '640', wires: [[]] },
  ])
  await red.until(() => red!.flows.state().running)
  red.core.emit('test.came', { n: 1, extra: 'kept' })
  await red.core.settled()
  expect(red.core.published.length).toBe(2)
})

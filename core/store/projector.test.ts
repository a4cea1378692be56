import { expect, test } from 'vitest'
import type { Projection } from './port.ts'
import { startProjector, type PendingProjections } from './projector.ts'

/** Projections in an array, as the log would hold them. */
function waiting(seqs: readonly string[]) {
  const held = seqs.map((seq): Projection => ({ seq, org: 'home', site: 'home', docs: [] }))
  const told = new Set<() => void>()
  const projections: PendingProjections = {
    pending: async (limit) => held.slice(0, limit),
    drop: async (gone) => { for (const seq of gone) held.splice(held.findIndex((p) => p.seq === seq), 1) },
    onNew: (tell) => { told.add(tell); return () => told.delete(tell) },
  }
  const add = (seq: string) => {
    held.push({ seq, org: 'home', site: 'home', docs: [] })
    for (const tell of told) tell()
  }
  return { projections, held, add, listeners: told }
}

test('everything is applied in order before it is dropped, and what comes later too', async () => {
  const names = Array.from({ length: 150 }, (_, i) => String(i))
  const { projections, held, add } = waiting(names)
  const applied: string[] = []
  const projector = startProjector({ projections, catalogue: { apply: async (batch) => { for (const { seq } of batch) { expect(held.some((p) => p.seq === seq)).toBe(true); applied.push(seq) } } } })
  expect(projector.idle()).toBe(false)
  await projector.settled()
  expect([applied, held, projector.idle()]).toEqual([names, [], true])
  add('later')
  expect(projector.idle()).toBe(false)
  await projector.settled()
  expect(applied.at(-1)).toBe('later')
  await projector.stop()
})

test('a catalogue that cannot be written keeps its projections, says why, and gets them again', async () => {
  const { projections, held } = waiting(['1', '2'])
  let tries = 0
  const failed: string[] = []
  const projector = startProjector({
    projections,
    catalogue: {
      async apply() {
        failed.push(projector?.lastFault?.message ?? 'none')
        if (++tries < 3) throw new Error(`disk full ${tries}`)
      },
    },
  })
  await projector.settled()
  expect([tries, failed, held, projector.lastFault]).toEqual([3, ['none', 'disk full 1', 'disk full 2'], [], null])
  await projector.stop()
})

test('stopping waits for the batch under way and listens no longer', async () => {
  const { projections, add, listeners } = waiting(['1'])
  let finish: () => void = () => undefined
  const started = Promise.withResolvers<void>()
  const projector = startProjector({ projections, catalogue: { apply: () => { started.resolve(); return new Promise((done) => { finish = done }) } } })
  await started.promise
  const stopped = projector.stop()
  finish()
  await stopped
  add('2')
  expect(listeners.size).toBe(0)
})

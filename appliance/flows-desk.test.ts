import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openLog, type Log } from '../core/store/log.ts'
import { openSeat } from '../core/tasks/seat.ts'
import { openFlowsDesk } from './flows-desk.ts'

let dir: string
let log: Log
let restarts: boolean[] // whether it was on when Node-RED was restarted
let notes: string[]
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'desk-'))
  log = await openLog(join(dir, 'log'))
  ;[restarts, notes] = [[], []]
})
afterEach(async () => {
  await log.close()
  await rm(dir, { recursive: true })
})

const desk = (started = true) => {
  const opened: ReturnType<typeof openFlowsDesk> = openFlowsDesk({
    log, box: 'shed', userDir: dir, elsewhere: null, clock: () => 5, note: (what) => notes.push(what),
    flows: () => (started ? { state: () => { throw new Error('is not asked') }, said: () => [], restart: async () => { restarts.push(opened.palettesOn()) }, resend: () => undefined, dismiss: () => undefined } : null),
    outcomes: { get: () => null, dismiss: async () => undefined, faults: { list: () => [], of: async () => [] }, dismissFaults: async () => undefined }, seat: openSeat({ elsewhere: null, clock: () => 5 }), deployed: async () => [], palette: [],
  })
  return opened
}

test('palettes may be installed only once somebody typed the name of the box; who did is kept over a restart of the appliance, before Node-RED starts with it', async () => {
  expect(desk().palettesOn()).toBe(false)
  for (const name of [undefined, '', 'Shed', 'shed ']) await expect(desk().setPalettes(true, name, 'ann')).rejects.toMatchObject({ code: 'input/invalid', message: expect.stringContaining('type shed') as string })
  expect([desk().palettesOn(), restarts, notes]).toEqual([false, [], []])
  await desk().setPalettes(true, 'shed', 'ann')
  expect(restarts).toEqual([true])
  await log.close()
  log = await openLog(join(dir, 'log'))
  expect((await desk(false).view()).palettes).toEqual({ on: true, by: 'ann', at_ms: 5, left_out: false, installed: [] })
  await desk().setPalettes(false, undefined, 'ben')
  expect([desk().palettesOn(), restarts]).toEqual([false, [true, false]])
  expect(notes).toEqual(['ann switched the installing of palettes on', 'ben switched the installing of palettes off'])
})

test('before Node-RED is started nothing is switched, and that is said', async () => {
  for (const what of [() => desk(false).setPalettes(true, 'shed', 'ann'), () => desk(false).restart('ann'), () => desk(false).removePalette('x', 'ann')]) await expect((async () => what())()).rejects.toMatchObject({ code: 'flows/unavailable' })
  expect([desk(false).palettesOn(), notes]).toEqual([false, []])
})

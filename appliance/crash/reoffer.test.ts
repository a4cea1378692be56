/**
 * Real agents, each with a task in hand, vanish in every way there is, all at the same time. One more, which has nothing to
 * do, must get what they held; what they answer when they are back changes nothing.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { SETTINGS } from '../../core/devices/settings.ts'
import { hashFile } from '../../core/store/durable.ts'
import type { TaskView } from '../../core/tasks/port.ts'
import type { Device } from './device.ts'
import { drop, makeRecording } from './footage.ts'
import { whyNoNet } from './net.ts'
import { openStack, type Stack } from './stack.ts'

const STAGE = 'clip.filmstrip'
const REOFFER_MS = 30_000

const noNet = whyNoNet()

/** How each of the devices goes, and how it comes back. */
const WAYS: readonly { readonly how: string; readonly needsNet?: true; go(device: Device): Promise<() => void> }[] = [
  { how: 'its link was cut', needsNet: true, go: async ({ host }) => (host!.cut(), () => host!.restore()) },
  { how: 'its agent was killed', go: async (device) => (await device.kill(false), () => device.start()) },
  { how: 'it lost power', needsNet: true, go: async (device) => (device.host!.cut(), await device.kill(true), () => (device.host!.restore(), device.start())) },
  { how: 'it fell asleep', go: async (device) => { const pids = await device.freeze(true); return () => device.thaw(pids) } },
  { how: 'its agent stood still while the stage went on', go: async (device) => { const pids = await device.freeze(false); await device.release(); return () => device.thaw(pids) } },
  { how: 'it said goodbye', go: async (device) => (await device.goodbye(), () => device.start()) },
]
const ways = WAYS.filter(({ needsNet }) => !needsNet || noNet === null)

interface Kept { readonly task: TaskView; readonly files: Record<string, string> } // path → digest

describe.runIf(process.platform === 'linux')(`a device vanished with its task${noNet === null ? '' : ` (without links of our own: ${noNet})`}`, () => {
  let base: string
  let stack: Stack
  const took_ms: number[] = []
  const before: Kept[] = []
  const after: Kept[] = []

  const api = () => stack.api()
  const tasks = async () => (await (await api()).tasks({ stage: STAGE, limit: 100 })).tasks
  /** @param slots tasks at once; one is enough to tell who has which */
  const may = async (device: string, stages: readonly string[], slots = 1) => void (await (await api()).setDevice({ id: device, stages: [...stages], settings: { ...SETTINGS, slots } }))
  const bring = async (numbers: readonly number[]) => {
    for (const i of numbers) await drop(await makeRecording(join(base, 'footage'), i), join(base, 'inbox'))
  }
  /** Everything of the asset that is on the volume. */
  const kept = async (id: string): Promise<Kept> => {
    const task = await (await api()).task({ id })
    const sha256 = String(task.input.sha256)
    const folder = join(stack.home, 'media', 'derived', sha256.slice(0, 2), sha256)
    const names = (await readdir(folder)).filter((name) => name.startsWith('filmstrip'))
    return { task, files: Object.fromEntries(await Promise.all(names.map(async (name) => [name, await hashFile(join(folder, name))]))) }
  }
  const staged = async () => (await readdir(join(stack.home, 'media', '.viewshed', 'staging'), { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).map(({ name }) => name)

  beforeAll(async () => {
    base = await mkdtemp(join(tmpdir(), 'viewshed-reoffer-'))
    stack = await openStack(base, { devices: ways.length + 1, net: noNet === null })
    stack.start()
    await vi.waitFor(async () => (await api()).status({}), { timeout: 120_000, interval: 300 })
    await Promise.all(stack.devices.map((device) => device.join(api)))
    const [victims, other] = [stack.devices.slice(0, -1), stack.devices.at(-1)!]
    await may('nas', ['clip.probe'], 2)
    for (const { name } of stack.devices) await may(name, [])
    for (const device of victims) await device.hold()

    await bring(ways.map((_, i) => i * 3 + 1))
    for (const { name } of victims) await may(name, [STAGE])
    const ids = await Promise.all(victims.map(({ name }) => vi.waitFor(async () => (await tasks()).find(({ running }) => running?.device === name)?.id ?? Promise.reject(new Error(`${name} has not claimed`)), { timeout: 120_000, interval: 300 })))
    for (const { name } of victims) await may(name, [])

    await may(other.name, [STAGE], 4)
    const gone_ms: number[] = []
    const back = await Promise.all(ways.map(({ go }, i) => {
      gone_ms[i] = Date.now()
      return go(victims[i]!)
    }))
    await vi.waitFor(async () => expect((await tasks()).map(({ state }) => state)).toEqual(ids.map(() => 'complete')), { timeout: 120_000, interval: 300 })
    const { recent } = await (await api()).device({ id: other.name })
    for (const [i, id] of ids.entries()) {
      const { at_ms, took_s } = recent.find(({ task, end }) => task === id && end === 'complete')!
      took_ms[i] = at_ms - took_s! * 1000 - gone_ms[i]!
    }
    for (const id of ids) before.push(await kept(id))

    for (const undo of back) undo()
    for (const [i, { how }] of ways.entries()) if (how !== 'its agent stood still while the stage went on') await victims[i]!.release()
    // Each does one more piece of work: what it had to say of the first it has said by then.
    await may(other.name, [])
    await bring([...ways.keys(), ...ways.keys()].map((_, i) => i * 3 + 2)) // two each, for one may be quick
    await Promise.all(victims.map(async ({ name }) => {
      await may(name, [STAGE])
      await vi.waitFor(async () => expect((await tasks()).filter((task) => task.device === name && !ids.includes(task.id)).map(({ state }) => state)).toContain('complete'), { timeout: 150_000, interval: 300 })
      await may(name, [])
    }))
    for (const id of ids) after.push(await kept(id))
  }, 900_000)

  afterAll(async () => {
    console.log('offered again after', Object.fromEntries(ways.map(({ how }, i) => [how, Math.round(took_ms[i]!)])))
    await stack.stop()
    stack.close()
    await rm(base, { recursive: true, force: true, maxRetries: 5 })
  }, 120_000)

  test.each(ways.map((way, i) => ({ ...way, i })))('because $how: another one has it within thirty seconds', ({ i }) => {
    expect(took_ms[i]).toBeLessThan(REOFFER_MS)
    expect(before[i]!.task).toMatchObject({ device: stack.devices.at(-1)!.name, attempts: 0, interruptions: ways[i]!.how === 'it said goodbye' ? 0 : 1 }) // had its last will come first, that were an interruption, too
  })

  test.each(ways.map((way, i) => ({ ...way, i })))('because $how: back again, it changes nothing', ({ i }) => {
    expect(after[i]).toEqual(before[i])
    expect(Object.keys(after[i]!.files)).toHaveLength(1)
  })

  test('nothing of the late answers is left in staging', async () => {
    await vi.waitFor(async () => expect(await staged()).toEqual([]), { timeout: 30_000 })
  })
})

/** Does to a stack what the plan says, and undoes it when its time has come. */
import { isKill, type FaultKind, type Kill, type Step } from './plan.ts'
import type { Device } from './device.ts'
import type { Stack } from './stack.ts'

export interface Violence {
  readonly kills: Record<Kill, number>
  readonly faults: Record<FaultKind, number>
  /** False: there was nothing to do it to, or the same thing is being done there already. */
  apply(step: Step): Promise<boolean>
  /** Undoes what has lasted long enough and starts again what is gone, as the system of each machine would. */
  tend(now_ms: number): Promise<void>
  /** Undoes all at once. */
  end(): Promise<void>
}

type Undo = () => void | Promise<void>
interface Hold { readonly what: string; readonly until_ms: number; readonly undo: Undo }

const none = <K extends string>(names: readonly K[]) => Object.fromEntries(names.map((name) => [name, 0])) as Record<K, number>

export function startViolence(stack: Stack, names: { readonly kills: readonly Kill[]; readonly faults: readonly FaultKind[] }): Violence {
  const kills = none(names.kills)
  const faults = none(names.faults)
  let holds: Hold[] = []
  const held = (what: string) => holds.some((hold) => hold.what === what)

  /** @returns how to undo it; null: there was nothing to do */
  async function act({ kind, device: n, amount, pick }: Step): Promise<{ what: string; undo: Undo } | null> {
    const device = stack.devices[n]
    switch (kind) {
      case 'core': case 'agent': case 'node-red': {
        const [pid] = await stack.pids(kind)
        return pid !== undefined && (await stack.kill(kind, pid)) ? over : null
      }
      case 'stage': {
        const all = [...(await stack.pids('stage')), ...(await Promise.all(stack.devices.filter(free).map((one) => one.stages()))).flat()]
        const pid = all[Math.floor(pick * all.length)]
        return pid !== undefined && (await stack.kill('stage', pid)) ? over : null
      }
      case 'device': return on(device, async (it) => (await it.kill(false), () => it.start()))
      case 'power': return on(device, async (it) => {
        // Nobody hears its connections close.
        const dark = it.host !== null && !held(link(it))
        if (dark) it.host!.cut()
        await it.kill(true)
        return () => {
          if (dark && !held(link(it))) it.host!.restore()
          it.start()
        }
      })
      case 'goodbye': return on(device, async (it) => (await it.goodbye(), () => it.start()))
      case 'frozen': return on(device, async (it) => {
        const pids = await it.freeze(pick < 0.5)
        return () => it.thaw(pids)
      })
      case 'clock-device': return on(device, async (it) => {
        it.clock_s = Math.round(amount)
        await it.kill(true)
        return () => it.start()
      })
      case 'clock-core': {
        const [pid] = await stack.pids('core')
        stack.clock_s = Math.round(amount)
        return pid !== undefined && (await stack.kill('core', pid)) ? over : null
      }
      case 'cut': return onLink(device, (it) => (it.host!.cut(), () => it.host!.restore()))
      case 'slow': return onLink(device, (it) => (it.host!.slow(amount), () => it.host!.mend()))
      case 'lossy': return onLink(device, (it) => (it.host!.lose(amount), () => it.host!.mend()))
      case 'full-device': {
        const disk = [...stack.disks.device.values()][0]!
        return held('disk of a device') ? null : (disk.fill(), { what: 'disk of a device', undo: () => disk.free() })
      }
      case 'full-volume': {
        const disk = stack.disks.volume!
        return held('disk of the volume') ? null : (disk.fill(), { what: 'disk of the volume', undo: () => disk.free() })
      }
      case 'wipe': {
        // Each machine has its turn, the appliance's own agent too.
        const at = Math.floor(pick * (stack.devices.length + 1))
        await (stack.devices[at]?.wipe() ?? stack.wipe())
        return over
      }
    }
  }

  const free = (device: Device) => !held(device.name) && device.alive()

  async function on(device: Device | undefined, does: (device: Device) => Promise<Undo>) {
    return device && free(device) ? { what: device.name, undo: await does(device) } : null
  }

  function onLink(device: Device | undefined, does: (device: Device) => Undo) {
    return device && !held(link(device)) ? { what: link(device), undo: does(device) } : null
  }

  return {
    kills, faults,
    async apply(step) {
      const done = await act(step)
      if (done === null) return false
      if (isKill(step.kind)) kills[step.kind]++
      else faults[step.kind]++
      if (done !== over) holds.push({ ...done, until_ms: performance.now() + step.hold_ms })
      return true
    },
    async tend(now_ms) {
      const due = holds.filter(({ until_ms }) => until_ms <= now_ms)
      holds = holds.filter(({ until_ms }) => until_ms > now_ms)
      for (const { undo } of due) await undo()
      if (!stack.alive()) stack.start()
      for (const device of stack.devices) if (!held(device.name) && !device.alive()) device.start()
    },
    async end() {
      await this.tend(Infinity)
    },
  }
}

const over = { what: '', undo: () => undefined }
const link = (device: Device) => `link of ${device.name}`

/** What administrators see of Node-RED and do with it; the switch for palettes of others is kept in the log. */
import type { Log } from '../core/store/log.ts'
import { Fault } from '../core/contract/fault.ts'
import type { FlowsDesk } from '../core/tasks/flows-desk.ts'
import { installedPalettes, removePalette } from '../flows/installed.ts'
import type { Flows } from '../flows/process.ts'

export interface FlowsDeskOptions {
  readonly log: Log
  readonly box: string
  readonly userDir: string // of Node-RED
  readonly elsewhere: string | null
  readonly flows: () => Pick<Flows, 'state' | 'said' | 'restart'> | null // null: not started
  readonly clock: () => number
  readonly note: (what: string) => void
}

interface Switch { readonly on: boolean; readonly by: string | null; readonly at_ms: number | null }

const KEY = 'flows!palettes'

export function openFlowsDesk({ log, box, userDir, elsewhere, flows, clock, note }: FlowsDeskOptions): FlowsDesk & { palettesOn(): boolean } {
  const palettes = (): Switch => {
    const value = log.get(KEY)
    return value === undefined ? { on: false, by: null, at_ms: null } : (JSON.parse(value) as Switch)
  }
  function ours() {
    if (elsewhere !== null) throw new Fault('flows/unavailable', `The flows run in your Node-RED at ${elsewhere}: do it there.`)
    const started = flows()
    if (!started) throw new Fault('flows/unavailable', 'Node-RED is not started yet. Try in a moment.')
    return started
  }

  return {
    palettesOn: () => palettes().on,
    async view() {
      const started = flows()
      const state = started?.state() ?? null
      return {
        elsewhere, pid: state?.pid ?? null, starts: state?.starts ?? 0, rss_bytes: state?.rss_bytes ?? null, safe: Boolean(state?.safe),
        palettes: { ...palettes(), left_out: state?.leftOut ?? false, installed: elsewhere === null ? await installedPalettes(userDir) : [] },
        lines: started?.said() ?? [],
      }
    },
    async restart(by) {
      const started = ours()
      note(`${by} had Node-RED started again`)
      await started.restart()
    },
    async setPalettes(on, name, by) {
      const started = ours()
      if (on && name !== box) throw new Fault('input/invalid', `name: type ${box}, the name of this box, to let palettes of others be installed.`)
      await log.commit([{ type: 'put', key: KEY, value: JSON.stringify({ on, by, at_ms: clock() } satisfies Switch) }])
      note(`${by} switched the installing of palettes ${on ? 'on' : 'off'}`)
      await started.restart()
    },
    async removePalette(name, by) {
      const started = ours()
      note(`${by} removes the palette ${name}`)
      await started.restart(() => removePalette(userDir, name))
    },
  }
}

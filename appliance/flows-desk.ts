/** What people see of Node-RED and do with it; the switch for palettes of others is kept in the log. */
import { HOME } from '../core/access/scope.ts'
import type { Log } from '../core/store/log.ts'
import { Fault } from '../core/contract/fault.ts'
import type { FlowsDesk } from '../core/tasks/flows-desk.ts'
import { NOTHING_HELD, payloadOf, STUCK_MS, subjectOf, type HeldOutcome, type HeldView } from '../core/tasks/held.ts'
import type { Outcomes } from '../core/tasks/outcomes.ts'
import type { Outcome } from '../core/tasks/port.ts'
import { assetsOf } from '../core/tasks/record.ts'
import type { Seat } from '../core/tasks/seat.ts'
import { placeOf } from '../flows/entered.ts'
import { installedPalettes, removePalette } from '../flows/installed.ts'
import type { Palette } from '../flows/palette.ts'
import type { Flows } from '../flows/process.ts'
import type { FlowEntry } from '../flows/red.ts'

/** Our own Node-RED, as far as people steer it. */
export type SteeredFlows = Pick<Flows, 'state' | 'said' | 'restart' | 'resend' | 'dismiss'>

export interface FlowsDeskOptions {
  readonly log: Log
  readonly outcomes: Pick<Outcomes, 'get' | 'dismiss' | 'faults' | 'dismissFaults'>
  readonly box: string
  readonly userDir: string // of Node-RED
  readonly elsewhere: string | null
  readonly flows: () => SteeredFlows | null // null: not started
  readonly seat: Pick<Seat, 'state' | 'resend' | 'dismiss'>
  readonly deployed: () => Promise<readonly FlowEntry[]>
  readonly palette: Palette
  readonly clock: () => number
  readonly note: (what: string) => void
}

interface Switch { readonly on: boolean; readonly by: string | null; readonly at_ms: number | null }

const KEY = 'flows!palettes'

export function openFlowsDesk({ log, outcomes, box, userDir, elsewhere, flows, seat, deployed, palette, clock, note }: FlowsDeskOptions): FlowsDesk & { palettesOn(): boolean } {
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

  const titles = new Map(palette.map(({ type, title }) => [type, title]))
  /** Whoever routes, here or elsewhere; null: nobody does. */
  const routing = (): Pick<Flows, 'resend' | 'dismiss'> | null => (elsewhere !== null ? (seat.state().routes ? seat : null) : flows()?.state().running ? flows() : null)

  return {
    async held() {
      const { stuck, oldest } = elsewhere !== null ? seat.state().held : (flows()?.state().held ?? NOTHING_HELD)
      const flow = await deployed()
      return {
        stuck,
        held: oldest.filter(({ held_ms }) => held_ms >= STUCK_MS).flatMap((one) => {
          const outcome = outcomes.get(one.seq)
          return outcome === null ? [] : [heldView(one, outcome, titles.get(outcome.type) ?? outcome.type, flow, clock())]
        }),
      }
    },
    async resend(seqs, by) {
      const to = routing()
      if (to === null) throw new Fault('flows/unavailable', 'No flow runs now. What is held is sent again by itself when the flow begins.')
      note(`${by} has ${seqs.length} held messages sent again`)
      to.resend(seqs)
    },
    async dismiss(seqs, by) {
      await outcomes.dismiss(seqs, by)
      routing()?.dismiss(seqs)
    },
    async faults() {
      const flow = await deployed()
      return outcomes.faults.list(HOME).map(({ node, name, type, ...fault }) => ({ ...fault, title: titles.get(type) ?? type, node: placeOf(node, flow) ?? { id: node, name, tab: '' } }))
    },
    async dismissFaults(nodes, by) {
      note(`${by} has seen to what ${nodes.length} nodes of the flow could not do`)
      await outcomes.dismissFaults(HOME, nodes)
    },
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

function heldView({ seq, held_ms, last, words, why }: HeldOutcome, { task, message }: Omit<Outcome, 'seq'>, title: string, flow: readonly FlowEntry[], now_ms: number): HeldView {
  return {
    seq, title, task, subject: subjectOf(message), asset: assetsOf({ input: payloadOf(message) })[0] ?? null, since_ms: now_ms - held_ms,
    last: last === '' ? null : placeOf(last.slice(last.lastIndexOf(':') + 1), flow), words, waits: why === 'node not running',
  }
}

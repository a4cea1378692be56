/** An invented Node-RED: how it is, what it said, which palettes it has. What the routes do is really done. */
import { Fault } from '../../core/contract/fault.ts'
import type { Answer, Ask, StatusView } from '../../core/http/api.ts'

type View = Answer<'flows'>
type EngineRoutes = 'flows' | 'heldMessages' | 'resendHeld' | 'dismissHeld' | 'flowFaults' | 'dismissFaults' | 'restartFlows' | 'setPalettes' | 'removePalette'
type Scene = 'runs' | 'let' | 'stalled' | 'left out' | 'elsewhere' | 'starts'

export interface Engine {
  readonly answers: { [R in EngineRoutes]: (query: Ask<R>) => Answer<R> }
  status(): StatusView['flows']
  /** What nodes hold, the oldest first. */
  holds(held: Answer<'heldMessages'>['held']): void
  /** What nodes could not do. */
  fails(faults: Answer<'flowFaults'>['faults']): void
  says(level: View['lines'][number]['level'], text: string): void
  /** It runs; with palettes that somebody let be installed; in safe mode for a loop; without its palettes; elsewhere; not yet. */
  set(scene: Scene): void
}

const BY = 'anna'
const RUNS: StatusView['flows'] = { running: true, trouble: null, held: 0, stuck: 0, faults: 0, elsewhere: null, last: null }
const PALETTES = [{ name: 'node-red-contrib-sun-position', version: '2.2.0' }, { name: '@flowfuse/node-red-dashboard', version: '1.26.0' }]

/** @param box its name, to be typed */
export function engineAt(now_ms: number, box: string): Engine {
  let scene: Scene = 'runs'
  let lines: View['lines'] = []
  let held: Answer<'heldMessages'>['held'] = []
  let faults: Answer<'flowFaults'>['faults'] = []
  let starts = 1
  let palettes: View['palettes'] = { on: false, by: null, at_ms: null, left_out: false, installed: [] }

  const said = (ago_s: number, level: View['lines'][number]['level'], text: string) => ({ at_ms: now_ms - ago_s * 1000, level, text })
  const begin = (ago_s: number) => [said(ago_s, 'info', 'Node-RED version: v5.0.7'), said(ago_s, 'info', 'Loading palette nodes'), said(ago_s - 1, 'info', 'Palette editor disabled'), said(ago_s - 1, 'info', 'Starting flows'), said(ago_s - 1, 'info', 'Started flows')]
  const again = () => {
    starts++
    lines = [...lines, ...begin(1)]
    if (scene !== 'elsewhere') scene = 'runs'
    palettes = { ...palettes, left_out: false }
    return {}
  }

  const release = (seqs: readonly string[]) => {
    held = held.filter(({ seq }) => !seqs.includes(seq))
    return {}
  }

  const engine: Engine = {
    answers: {
      flows: () => ({
        elsewhere: scene === 'elsewhere' ? 'http://nodered.lan:1880' : null, pid: scene === 'elsewhere' ? null : 4711, starts, rss_bytes: scene === 'elsewhere' ? null : 143_000_000,
        safe: scene === 'stalled' || scene === 'left out', palettes, lines: scene === 'elsewhere' || scene === 'starts' ? [] : lines,
      }),
      heldMessages: () => ({ stuck: held.length, held: held }),
      resendHeld: ({ seqs }) => release(seqs),
      dismissHeld: ({ seqs }) => release(seqs),
      flowFaults: () => ({ faults }),
      dismissFaults({ nodes }) {
        faults = faults.filter(({ node }) => !nodes.includes(node.id))
        return {}
      },
      restartFlows: again,
      setPalettes({ on, name }) {
        if (on && name !== box) throw new Fault('input/invalid', `name: type ${box}, the name of this box, to let palettes of others be installed.`)
        palettes = { ...palettes, on, by: BY, at_ms: now_ms }
        return again()
      },
      removePalette({ name }) {
        if (name.startsWith('@flowfuse')) throw new Fault('tool/failed', `npm could not remove ${name}: npm error code ENOSPC`)
        palettes = { ...palettes, installed: palettes.installed.filter((one) => one.name !== name) }
        return again()
      },
    },
    status: () => ({
      runs: { ...RUNS, held: held.length, stuck: held.length, faults: faults.length }, let: RUNS,
      starts: { ...RUNS, running: false },
      stalled: { ...RUNS, running: false, held: 12, trouble: 'A flow kept Node-RED from answering. Node-RED runs in safe mode, without flows: mend the flow in the editor and deploy it.', last: { id: 'count', name: 'Count up', tab: 'Drive' } },
      'left out': { ...RUNS, running: false, held: 12, trouble: 'Node-RED ended or stood still without any flow, too. It runs without the palettes that were installed: remove the one that does it in the settings.' },
      elsewhere: { ...RUNS, elsewhere: 'http://nodered.lan:1880' },
    })[scene],
    holds: (next) => { held = next },
    fails: (next) => { faults = next },
    says: (level, text) => { lines = [...lines, said(0, level, text)] },
    set(next) {
      scene = next
      starts = next === 'stalled' ? 2 : next === 'left out' ? 7 : 1
      palettes = next === 'let' || next === 'left out' ? { on: true, by: BY, at_ms: now_ms - 3 * 86_400_000, left_out: next === 'left out', installed: PALETTES } : { on: false, by: null, at_ms: null, left_out: false, installed: [] }
      lines = [
        ...begin(90_000), said(7_000, 'warn', '[flow-notify:E-mail me] notify/failed: mail.example.org did not answer within 20 s; tried again'), said(3_600, 'error', '[function:Only at night] TypeError: Cannot read properties of undefined (reading \'start_ms\')'),
        ...(next === 'stalled' ? [said(40, 'warn', 'Node-RED stood still for 10 s; started again in 0.1 s, in safe mode (stalled): the editor works, no flow runs until the next deploy'), said(39, 'info', 'Node-RED version: v5.0.7'), said(38, 'info', 'Flows stopped in safe mode. Deploy to start.')] : []),
        ...(next === 'left out' ? Array.from({ length: 6 }, (_, i) => said(60 - 8 * i, 'warn', `Node-RED ended with 1; started again in ${[0.2, 0.4, 0.1, 0.2, 0.4, 0.1][i]} s`)) : []),
      ]
    },
  }
  engine.set('runs')
  return engine
}

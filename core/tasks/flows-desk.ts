/** Node-RED as people see and steer it: what it holds of their messages, what it said, whether it may install palettes of others. */
import type { FlowFaultView } from './flow-faults.ts'
import type { HeldView } from './held.ts'

export interface FlowsView {
  readonly elsewhere: string | null // address of the Node-RED that runs the flows, which keeps its own log and palettes; null: ours does
  readonly pid: number | null
  readonly starts: number // since the appliance started
  readonly rss_bytes: number | null
  readonly safe: boolean // it runs without flows, until the next deploy
  readonly palettes: {
    readonly on: boolean // they may be installed
    readonly by: string | null // who switched it, and when
    readonly at_ms: number | null
    readonly left_out: boolean // what is installed is not loaded: Node-RED did not start with it
    readonly installed: readonly { readonly name: string; readonly version: string | null }[] // version null: it is named, and not there
  }
  readonly lines: readonly { readonly at_ms: number; readonly level: 'info' | 'warn' | 'error'; readonly text: string }[] // oldest first
}

export interface FlowsDesk {
  /** What a node has held for longer than a minute, oldest first, at most 100; `stuck`: how many there are. */
  held(): Promise<{ readonly stuck: number; readonly held: readonly HeldView[] }>
  /** Sent once more, by the wires of now. Throws Fault `flows/unavailable` while no flow runs. */
  resend(seqs: readonly string[], by: string): Promise<void>
  /** They go no further. Durable when it resolves. */
  dismiss(seqs: readonly string[], by: string): Promise<void>
  /** What nodes could not do and nobody caught, the newest first. */
  faults(): Promise<readonly FlowFaultView[]>
  /** Somebody has seen to them. @param nodes Their ids. */
  dismissFaults(nodes: readonly string[], by: string): Promise<void>

  view(): Promise<FlowsView>
  // What follows throws Fault `flows/unavailable` where flows run elsewhere.
  /** Ends safe mode, and loads again what was left out. */
  restart(by: string): Promise<void>
  /** Restarts Node-RED. @param name of the box, typed by whoever switches it on. Throws Fault `input/invalid` for another one. */
  setPalettes(on: boolean, name: string | undefined, by: string): Promise<void>
  /** Restarts Node-RED. Throws Fault `not-found`, or `tool/failed` with what npm said. */
  removePalette(name: string, by: string): Promise<void>
}

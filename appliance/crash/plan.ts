/** What is done to an appliance and its devices, in which order: drawn by a seed, before anything of it happens. */
import { seeded } from './random.ts'

/** Ended by SIGKILL. `power`: every process of a device at once, and nobody hears its connections close. */
export const KILLS = ['core', 'agent', 'stage', 'node-red', 'device', 'power'] as const
export const FAULTS = ['cut', 'slow', 'lossy', 'clock-core', 'clock-device', 'full-device', 'full-volume', 'wipe', 'frozen', 'goodbye'] as const
export type Kill = (typeof KILLS)[number]
export type FaultKind = (typeof FAULTS)[number]

export interface Step {
  readonly wait_ms: number // after the step before
  readonly kind: Kill | FaultKind
  readonly device: number // whose turn it is; some kinds have no use for it
  readonly hold_ms: number // until it is undone
  readonly amount: number // Mbit/s, part of packets, seconds of a clock; 0 where there is nothing to measure
  readonly pick: number // 0 to 1: which of several
}

/** What there is to do it to and to do it with. */
export interface Means { readonly devices: number; readonly net: boolean; readonly clock: boolean; readonly disk: boolean }

type Need = 'devices' | 'net' | 'clock' | 'disk'
interface Kind { readonly weight: number; readonly needs: readonly Need[]; readonly hold_s: readonly [number, number]; readonly amount?: readonly [number, number] }

const MINUTE_S = 60
const DAY_S = 86_400

const TABLE: Record<Kill | FaultKind, Kind> = {
  core: { weight: 2, needs: [], hold_s: [0, 0] },
  agent: { weight: 2, needs: [], hold_s: [0, 0] },
  stage: { weight: 5, needs: [], hold_s: [0, 0] },
  'node-red': { weight: 2, needs: [], hold_s: [0, 0] },
  device: { weight: 3, needs: ['devices'], hold_s: [0, 5] },
  power: { weight: 1.5, needs: ['devices'], hold_s: [1, 40] },
  cut: { weight: 1.5, needs: ['devices', 'net'], hold_s: [1, 40] },
  slow: { weight: 1, needs: ['devices', 'net'], hold_s: [5, 30], amount: [1, 4] },
  lossy: { weight: 1, needs: ['devices', 'net'], hold_s: [5, 30], amount: [0.1, 0.3] },
  'clock-core': { weight: 0.7, needs: ['clock'], hold_s: [0, 0], amount: [2 * MINUTE_S, 3 * DAY_S] },
  'clock-device': { weight: 0.7, needs: ['devices', 'clock'], hold_s: [0, 0], amount: [2 * MINUTE_S, 3 * DAY_S] },
  // A fault costs an attempt, and the fifth one parks: a disk is full for less than three of them.
  'full-device': { weight: 0.7, needs: ['devices', 'disk'], hold_s: [2, 8] },
  'full-volume': { weight: 0.7, needs: ['disk'], hold_s: [2, 8] },
  wipe: { weight: 1, needs: [], hold_s: [0, 0] },
  frozen: { weight: 1.5, needs: ['devices'], hold_s: [2, 40] },
  goodbye: { weight: 1, needs: ['devices'], hold_s: [1, 20] },
}

/** Without end. @param spacing_ms mean time from one step to the next */
export function* plan(seed: number, means: Means, spacing_ms: number): Generator<Step, never> {
  const random = seeded(seed)
  const has = (need: Need) => (need === 'devices' ? means.devices > 0 : means[need])
  const kinds = [...KILLS, ...FAULTS].filter((kind) => TABLE[kind].needs.every(has))
  const total = kinds.reduce((sum, kind) => sum + TABLE[kind].weight, 0)
  for (;;) {
    let at = random.next() * total
    const kind = kinds.find((one) => (at -= TABLE[one].weight) < 0) ?? kinds.at(-1)!
    const { hold_s, amount } = TABLE[kind]
    const size = amount === undefined ? 0 : random.magnitude(...amount)
    const sign = random.next() // of a clock: one in three is true again
    yield {
      kind,
      wait_ms: random.wait(spacing_ms), device: Math.floor(random.next() * means.devices), hold_ms: random.between(...hold_s) * 1000, pick: random.next(),
      amount: !kind.startsWith('clock') ? size : sign < 1 / 3 ? size : sign < 2 / 3 ? -size : 0,
    }
  }
}

/** Takes the whole appliance, or what it cannot work without, down for seconds. */
export const fellsAppliance = (kind: Step['kind']): boolean => ['core', 'agent', 'node-red', 'clock-core'].includes(kind)

export const isKill = (kind: Step['kind']): kind is Kill => (KILLS as readonly string[]).includes(kind)

/** Whether a device is there. Times are of a monotonic clock: setting the wall clock takes nobody away. */

/** What was heard of one device. */
export interface Seen {
  readonly heard_ms: number // its last word, over MQTT or HTTP
  readonly lost_ms: number | null // when its last connection to the broker broke off; null: it holds one, never had one, or spoke since
  readonly connected: boolean // to the broker
  readonly left: boolean // it said goodbye, and nothing since
}

/** `gone`: without a word, so whatever it holds must be offered again. `away`: it holds nothing that anybody waits for. */
export type Verdict = 'here' | 'away' | 'gone'

/** A device that restarts its program, or whose network hiccups, is back within this time. */
export const LOST_MS = 10_000
/** Who holds work renews its leases every 5 s. With this and a look every second a task is offered again well within 30 s. */
export const SILENT_MS = 20_000
/** Who holds nothing says hello once a minute. */
export const IDLE_MS = 90_000

/** @param holds Whether it holds a task. */
export function judge({ heard_ms, lost_ms, connected, left }: Seen, holds: boolean, now_ms: number): Verdict {
  if (left) return 'away'
  const lost = lost_ms !== null && now_ms - lost_ms >= LOST_MS
  if (holds) return lost || now_ms - heard_ms >= SILENT_MS ? 'gone' : 'here'
  return lost || (!connected && now_ms - heard_ms >= IDLE_MS) ? 'away' : 'here'
}

export const LOOK_MS = 1_000
/** A look that comes so much too late says that we were away ourselves: what devices said meanwhile has not been read yet. */
const LATE_MS = 2_000

export interface Presence {
  /** It spoke. */
  heard(device: string): void
  /** It holds a connection to the broker. */
  connected(device: string): void
  /** Its last connection to the broker broke off. */
  lost(device: string): void
  /** It said that it goes. */
  left(device: string): void
  forget(device: string): void
  isHere(device: string): boolean
  /** Looks at everybody; to be called every `LOOK_MS`. */
  look(): void
}

/**
 * @param clock Monotonic, ms.
 * @param holders Devices that hold a task now.
 * @param exempt Devices whose end is told by somebody who knows better: their process's parent. They are never `gone`.
 * @param onChange Told when one comes or goes.
 * @param onGone Told at each look, until it holds nothing any more.
 */
export function watchPresence({ clock, holders, exempt, onChange, onGone }: {
  readonly clock: () => number
  readonly holders: () => ReadonlySet<string>
  readonly exempt: (device: string) => boolean
  readonly onChange: (device: string, here: boolean) => void
  readonly onGone: (device: string) => void
}): Presence {
  const seen = new Map<string, { heard_ms: number; lost_ms: number | null; connected: boolean; left: boolean; here: boolean }>()
  let looked_ms = clock()

  const of = (device: string) => {
    const known = seen.get(device)
    if (known) return known
    const fresh = { heard_ms: clock(), lost_ms: null, connected: false, left: false, here: false }
    seen.set(device, fresh)
    return fresh
  }
  const say = (device: string, here: boolean) => {
    const one = of(device)
    if (one.here === here) return
    one.here = here
    onChange(device, here)
  }
  const speak = (device: string, change: object) => {
    Object.assign(of(device), { heard_ms: clock(), lost_ms: null, left: false, ...change })
    say(device, true)
  }

  function look(): void {
    const now_ms = clock()
    const late_ms = now_ms - looked_ms - LOOK_MS
    looked_ms = now_ms
    if (late_ms > LATE_MS) for (const one of seen.values()) {
      one.heard_ms += late_ms
      if (one.lost_ms !== null) one.lost_ms += late_ms
    }
    const holding = holders()
    for (const [device, one] of seen) {
      const verdict = judge(one, holding.has(device) && !exempt(device), now_ms)
      if (verdict !== 'here') say(device, false) // only a word of its own brings it back
      if (verdict === 'gone') onGone(device)
    }
  }

  return {
    heard: (device) => speak(device, {}),
    connected: (device) => speak(device, { connected: true }),
    lost(device) {
      Object.assign(of(device), { connected: false, lost_ms: clock() })
    },
    left(device) {
      of(device).left = true
      say(device, false)
    },
    forget: (device) => void seen.delete(device),
    isHere: (device) => seen.get(device)?.here ?? false,
    look,
  }
}

/**
 * The appliance, its devices and its cameras as Home Assistant finds them by itself: one retained discovery message and one
 * retained state for each. Format: https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload
 */
import type { Home } from '../access/scope.ts'
import type { Asked } from './broker.ts'
import { messages, type Look } from './discovery.ts'
import { HOME_ASSISTANT_TOPIC, parseTopic } from './topics.ts'

export interface HomeAssistant {
  /** Something may be different. It is looked at once, and no more often than every few seconds. */
  changed(): void
  /** Home Assistant's birth, and what a broker remembers of us; whatever else it is given it leaves alone. */
  asked(asked: Asked): void
  close(): void
}

/** A state is said at most this often. */
export const EVERY_MS = 3_000
/** Disks fill and rates change without anybody saying so. */
const LOOK_MS = 30_000
/** All that a Home Assistant knows asks for attention when it starts: we come somewhere within this time. */
const BIRTH_SPREAD_MS = 2_000

export function openHomeAssistant({ scope, look, say, log, birthSpread_ms = BIRTH_SPREAD_MS, every_ms = EVERY_MS }: {
  readonly scope: Home
  readonly look: () => Promise<Look>
  readonly say: (topic: string, payload: string, retain: boolean) => void
  readonly log: { warn(fields: object, message: string): void }
  readonly birthSpread_ms?: number
  readonly every_ms?: number
}): HomeAssistant {
  let said = new Map<string, string>()
  const remembered = new Set<string>() // topics of ours of which a broker knew something
  let soon: NodeJS.Timeout | null = null
  let birth: NodeJS.Timeout | null = null
  let next_ms = 0 // monotonic
  let telling = Promise.resolve()
  let closed = false

  async function tell(): Promise<void> {
    const now = messages(scope, await look())
    if (closed) return
    for (const [topic, payload] of now) if (said.get(topic) !== payload) say(topic, payload, true)
    for (const topic of new Set([...said.keys(), ...remembered])) if (!now.has(topic)) say(topic, '', true)
    remembered.clear()
    said = now
  }
  function changed(): void {
    if (soon || closed) return
    soon = setTimeout(() => {
      soon = null
      next_ms = performance.now() + every_ms
      telling = telling.then(tell).catch((error: unknown) => log.warn({ err: error }, 'Home Assistant could not be told; it is tried again'))
    }, Math.max(0, next_ms - performance.now()))
    soon.unref()
  }
  const looking = setInterval(changed, LOOK_MS).unref()
  changed()

  return {
    changed,
    asked({ topic, payload, retained }) {
      const about = parseTopic(topic)
      if (topic === HOME_ASSISTANT_TOPIC && String(payload) === 'online' && !retained) {
        birth ??= setTimeout(() => {
          birth = null
          for (const [at, text] of said) say(at, text, true)
        }, Math.random() * birthSpread_ms).unref()
      } else if ((about?.of === 'discovery' || about?.of === 'state' || about?.of === 'camera') && retained && payload.length > 0 && about.org === scope.org && about.site === scope.site && !said.has(topic)) {
        remembered.add(topic)
        changed()
      }
    },
    close() {
      closed = true
      clearInterval(looking)
      if (soon) clearTimeout(soon)
      if (birth) clearTimeout(birth)
    },
  }
}

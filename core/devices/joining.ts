/** Devices at the door, in memory: after a restart of core they knock again. */
import { randomBytes, randomInt } from 'node:crypto'
import { sha256 } from '../access/tokens.ts'
import { Fault } from '../contract/fault.ts'
import type { JoiningView } from '../http/api.ts'
import type { Capability } from './capability.ts'

export interface Waiting extends JoiningView { readonly secret_digest: string }

export interface Joining {
  /** Fault `access/limited` when too many wait. The same name from the same address takes the place of its former try. */
  knock(ask: { name: string; capability: Capability }, address: string): { readonly code: string; readonly secret: string; readonly ends_s: number }
  /** What became of the one with this secret. Null: not known, or its time is over. */
  stateOf(secret_digest: string): 'waiting' | 'refused' | null
  /** Takes it from the door: of two who decide at once one does. Null: nobody waits with this code. */
  take(code: string): Waiting | null
  /** It goes on waiting after all. */
  back(waiting: Waiting): void
  /** Its secret is answered so until its time is over. */
  refuse(waiting: Waiting): void
  list(): readonly JoiningView[]
}

export const JOIN_TTL_MS = 10 * 60_000
const WAITING_MAX = 20
const BY_ADDRESS_MAX = 5
const REFUSED_MAX = 200

/** Without those that look like another one: 0 and O, 1, I and L, 5 and S, U and V. */
const ALPHABET = '2346789ABCDEFGHJKMNPQRTVWXYZ'

/** @param clock Epoch, ms. */
export function openJoining(clock: () => number): Joining {
  const waiting = new Map<string, Waiting>() // by code
  const refused = new Map<string, number>() // digest → ends_ms

  function drop(): void {
    const now_ms = clock()
    // A clock that was set back must not keep the door full for hours.
    for (const [code, { ends_ms }] of waiting) if (ends_ms <= now_ms || ends_ms > now_ms + JOIN_TTL_MS) waiting.delete(code)
    for (const [digest, ends_ms] of refused) if (ends_ms <= now_ms || refused.size > REFUSED_MAX) refused.delete(digest)
  }

  return {
    knock({ name, capability }, address) {
      drop()
      const same = [...waiting.values()].find((one) => one.name === name && one.address === address)
      if (same) waiting.delete(same.code)
      const here = [...waiting.values()].filter((one) => one.address === address).length
      if (here >= BY_ADDRESS_MAX) throw new Fault('access/limited', `${here} devices at ${address} wait to be accepted already. Accept or refuse them, or try again in ten minutes.`)
      if (waiting.size >= WAITING_MAX) throw new Fault('access/limited', `${waiting.size} devices wait to be accepted already. Accept or refuse some of them, or try again in ten minutes.`)
      let code = newCode()
      while (waiting.has(code)) code = newCode()
      const secret = randomBytes(24).toString('base64url')
      waiting.set(code, { code, name, address, capability, ends_ms: clock() + JOIN_TTL_MS, secret_digest: digestOf(secret) })
      return { code, secret, ends_s: JOIN_TTL_MS / 1000 }
    },
    stateOf(digest) {
      drop()
      if (refused.has(digest)) return 'refused'
      return [...waiting.values()].some((one) => one.secret_digest === digest) ? 'waiting' : null
    },
    take(code) {
      drop()
      const found = waiting.get(code) ?? null
      waiting.delete(code)
      return found
    },
    back: (one) => void waiting.set(one.code, one),
    refuse: ({ secret_digest, ends_ms }) => void refused.set(secret_digest, ends_ms),
    list() {
      drop()
      return [...waiting.values()].map(({ code, name, address, capability, ends_ms }) => ({ code, name, address, capability, ends_ms }))
    },
  }
}

/** How a secret is found again: the secret itself is kept nowhere. */
export const digestOf = (secret: string): string => sha256(secret).toString('hex')

function newCode(): string {
  const letters = Array.from({ length: 6 }, () => ALPHABET[randomInt(ALPHABET.length)]!)
  return `${letters.slice(0, 3).join('')}-${letters.slice(3).join('')}`
}

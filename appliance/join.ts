/** How a machine comes to be a device: it shows a code, and somebody at the appliance says yes. */
import { setTimeout as wait } from 'node:timers/promises'
import { Fault } from '../core/contract/fault.ts'
import type { Capability } from '../core/devices/capability.ts'
import type { Answer } from '../core/http/api.ts'
import type { Device } from './agent-folder.ts'
import { askCore } from './core-request.ts'

const ASK_EVERY_MS = 2_000

export interface JoinParts {
  readonly address: string // of the appliance: `http://nas:8080`
  readonly name: string
  readonly capability: Capability
  readonly say: (text: string) => void
  readonly signal: AbortSignal
}

/**
 * Waits until it is accepted; an appliance that does not answer is waited for, a code that ran out is replaced.
 * Throws Fault `access/denied` when somebody refused it, and whatever the appliance has against its name.
 */
export async function join({ address, name, capability, say, signal }: JoinParts): Promise<Device> {
  const ask = patient(address, say, signal)
  for (;;) {
    const { code, secret, ends_s } = await ask<Answer<'join'>>('/api/join', { name, capability })
    say(`\n      ${code.split('').join(' ')}\n\n  ${name} wants to join ${address}. Compare this code there and accept it:\n\n    ${address}/devices      or, on the appliance,      npx viewshed devices accept ${code}\n\n  It holds for ${Math.round(ends_s / 60)} minutes.\n`)
    const answer = await decided(() => ask<Answer<'joinState'>>('/api/join/state', { secret }), signal)
    if (answer.state === 'accepted') return { address, device: answer.device, token: answer.token, org: answer.org, site: answer.site }
    if (answer.state === 'refused') throw new Fault('access/denied', `${address} refused ${name}. If that was a mistake, start this again for a new code.`)
    say('  Nobody accepted it in time. Here is a new code.')
  }
}

async function decided(ask: () => Promise<Answer<'joinState'>>, signal: AbortSignal): Promise<Answer<'joinState'>> {
  for (;;) {
    const answer = await ask()
    if (answer.state !== 'waiting') return answer
    await wait(ASK_EVERY_MS, undefined, { signal })
  }
}

/** Asks without a token until there is an answer; says once that it waits, and once that it goes on. */
function patient(address: string, say: (text: string) => void, signal: AbortSignal): <T>(path: string, body: unknown) => Promise<T> {
  let waits = false
  return async (path, body) => {
    for (;;) {
      try {
        const answer = await askCore<never>({ baseUrl: address, token: '' }, 'POST', path, body, signal)
        if (waits) say('  It answers again.')
        waits = false
        return answer
      } catch (e) {
        if (signal.aborted || !(e instanceof Fault && (e.code === 'core/unreachable' || e.code === 'access/limited'))) throw e
        if (!waits) say(`  ${e.message}. It is tried again every ${ASK_EVERY_MS / 1000} s; Ctrl-C ends that.`)
        waits = true
        await wait(ASK_EVERY_MS, undefined, { signal })
      }
    }
  }
}

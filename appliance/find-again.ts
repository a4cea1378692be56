/** An appliance that has another address than it had: found by multicast DNS, and by what it can prove. */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { proofOf } from '../core/access/proof.ts'
import { Fault } from '../core/contract/fault.ts'
import type { Answer, Ask } from '../core/http/api.ts'
import type { Device } from './agent-folder.ts'
import { askCore } from './core-request.ts'
import type { Found } from './discover.ts'

const PATIENCE_MS = 5_000

/** The address of the one that gave the device its token; null: it is none of these. Whoever cannot prove it is not shown the token. */
export async function foundAgain({ token }: Pick<Device, 'token'>, found: readonly Found[], signal: AbortSignal): Promise<string | null> {
  const mark = token.lastIndexOf('.')
  const [claims, signature] = [token.slice(0, mark), Buffer.from(token.slice(mark + 1), 'base64url')]
  for (const { address } of found) {
    const nonce = randomBytes(24).toString('base64url')
    try {
      const { proof } = await askCore<Answer<'prove'>>({ baseUrl: address, token: '' }, 'POST', '/api/join/proof', { claims, nonce } satisfies Ask<'prove'>, AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]))
      if (isSame(String(proof), proofOf(signature, nonce))) return address
    } catch (e) {
      if (signal.aborted || !(e instanceof Fault || e instanceof SyntaxError || (e instanceof Error && e.name === 'TimeoutError'))) throw e
      // It is another one, or of another version, and says so in its own way.
    }
  }
  return null
}

const isSame = (a: string, b: string): boolean => a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b))

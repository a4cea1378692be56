import type { IncomingMessage } from 'node:http'
import { Fault } from '../contract/fault.ts'

const PATIENCE_MS = 30_000

/**
 * The JSON a request carries; `{}` for an empty body.
 * @throws Fault `input/too-large` as soon as `max_bytes` are passed, `input/invalid` when it is not JSON.
 */
export async function readJson(req: IncomingMessage, max_bytes: number): Promise<unknown> {
  const tooLarge = () => new Fault('input/too-large', `The body is larger than ${max_bytes} bytes.`)
  if (Number(req.headers['content-length'] ?? 0) > max_bytes) throw tooLarge()
  const type = req.headers['content-type']
  // A form of another site can send a body without asking first, but not as JSON.
  if (type !== undefined && !/^application\/([\w.-]+\+)?json\b/i.test(type)) throw new Fault('input/invalid', `The body must be application/json, not ${type.slice(0, 80)}.`)
  const chunks: Buffer[] = []
  // Whoever drips a body in byte by byte would hold it for ever.
  const impatience = setTimeout(() => req.destroy(new Fault('input/invalid', `The body did not arrive within ${PATIENCE_MS / 1000} s.`)), PATIENCE_MS)
  let bytes = 0
  try {
    // What is left of a refused body must not take the connection with it, or the refusal never arrives.
    for await (const chunk of req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > max_bytes) throw tooLarge()
      chunks.push(chunk)
    }
  } finally {
    clearTimeout(impatience)
  }
  if (bytes === 0) return {}
  try {
    return JSON.parse(Buffer.concat(chunks).toString())
  } catch (cause) {
    throw new Fault('input/invalid', 'The body is not JSON.', { cause })
  }
}

/**
 * Tells Node-RED who is asking: signed by core on every proxied request, checked in the node-red process.
 * Imports nothing but Node, so that both sides can hold it.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'

/** What the editor may know of a person. `access`: admins change flows, everybody else looks. */
export interface FlowUser {
  readonly name: string
  readonly access: 'write' | 'read'
}

/** Long enough for a slow page, short enough that a leaked one is worthless by the time it is found. */
const FLOW_TOKEN_TTL_MS = 60_000

/** The header it travels in; whatever a client sends under this name is dropped by the proxy. */
export const FLOW_TOKEN_HEADER = 'x-viewshed-flow'

/** @param secret Shared between core and node-red, handed over at start. */
export function signFlowToken(secret: string, user: FlowUser, now_ms: number): string {
  const body = Buffer.from(JSON.stringify({ name: user.name, access: user.access, until_ms: now_ms + FLOW_TOKEN_TTL_MS })).toString('base64url')
  return `${body}.${seal(secret, body).toString('base64url')}`
}

/** Null: not signed with this secret, or too old. */
export function verifyFlowToken(secret: string, token: string, now_ms: number): FlowUser | null {
  const [body, mark, more] = token.split('.')
  if (!body || !mark || more !== undefined) return null
  const given = Buffer.from(mark, 'base64url')
  const wanted = seal(secret, body)
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return null
  // The seal is ours, so the content is what signFlowToken wrote.
  const { name, access, until_ms } = JSON.parse(Buffer.from(body, 'base64url').toString()) as FlowUser & { until_ms: number }
  return until_ms > now_ms ? { name, access } : null
}

const seal = (secret: string, body: string) => createHmac('sha256', secret).update(`flow:${body}`).digest()

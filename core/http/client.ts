/** A typed method for every route of the table. Needs only `fetch`: the same in a browser, a script and a test. */
import { routes, type Answer, type Ask, type Routes } from './api.ts'

export type Client = {
  readonly [R in keyof Routes]: Record<string, never> extends Ask<R>
    ? (ask?: Ask<R>, options?: CallOptions) => Promise<Answer<R>>
    : (ask: Ask<R>, options?: CallOptions) => Promise<Answer<R>>
}
export interface CallOptions { readonly signal?: AbortSignal }

/** What the appliance refused, as it said it. `core/unreachable` when nobody answered. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly code: string
  readonly status: number // 0: nobody answered

  constructor(code: string, message: string, status: number, options?: { cause?: unknown }) {
    super(message, options)
    this.code = code
    this.status = status
  }
}

export interface ClientOptions {
  readonly baseUrl?: string // none: the page's own origin
  readonly fetch?: typeof globalThis.fetch
  readonly headers?: Readonly<Record<string, string>>
}

export function client({ baseUrl = '', fetch = globalThis.fetch, headers = {} }: ClientOptions = {}): Client {
  const call = (name: keyof Routes) => async (ask: Record<string, unknown> = {}, { signal }: CallOptions = {}) => {
    const { method, path } = routes[name]
    const rest = { ...ask }
    const filled = path.replaceAll(/:(\w+)/g, (_, field: string) => {
      const value = String(rest[field])
      delete rest[field]
      return encodeURIComponent(value)
    })
    const query = method === 'GET' ? queryOf(rest) : ''
    const body = method === 'POST' ? JSON.stringify(rest) : undefined
    let response: Response
    try {
      // Called as a bare function: a browser's fetch refuses to be anybody's method.
      response = await fetch(baseUrl.replace(/\/$/, '') + filled + query, {
        method, body, signal: signal ?? null, credentials: 'same-origin',
        headers: { accept: 'application/json', ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      })
    } catch (cause) {
      if (signal?.aborted) throw cause
      throw new ApiError('core/unreachable', 'The appliance does not answer.', 0, { cause })
    }
    const text = await response.text()
    const answer = asJson(text)
    if (response.ok && answer !== undefined) return answer
    const { code, message } = (answer ?? {}) as { code?: string; message?: string }
    throw new ApiError(code ?? 'internal', message ?? `The appliance answered ${response.status} without a word.`, response.status)
  }
  return Object.fromEntries((Object.keys(routes) as (keyof Routes)[]).map((name) => [name, call(name)])) as unknown as Client
}

function queryOf(ask: Record<string, unknown>): string {
  const given = Object.entries(ask).filter(([, value]) => value !== undefined && value !== null)
  return given.length === 0 ? '' : `?${new URLSearchParams(given.map(([field, value]): [string, string] => [field, String(value)]))}`
}

/** undefined: not JSON, as from a proxy in between. */
function asJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

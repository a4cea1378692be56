/** The appliance over HTTP, typed by core's table of routes. Only types come from core, so no schema library is loaded here. */
import type { Answer, Ask, Routes } from '../../core/http/api.ts'

/** Method and path of each route that a page asks. A route that is missing here does not compile; the fixture serves core's own table, so a wrong path fails there. */
const WIRE = {
  health: 'GET /healthz',
  setupState: 'GET /api/setup',
  setup: 'POST /api/setup',
  session: 'GET /api/session',
  signIn: 'POST /api/session',
  signOut: 'DELETE /api/session',
  status: 'GET /api/status',
  drives: 'GET /api/drives',
  drive: 'GET /api/drives/:id',
  assets: 'GET /api/assets',
  asset: 'GET /api/assets/:id',
  plates: 'GET /api/plates',
  plate: 'GET /api/plates/:id',
  view: 'GET /api/view',
  histogram: 'GET /api/histogram',
  refusals: 'GET /api/refusals',
  work: 'GET /api/work',
  tasks: 'GET /api/tasks',
  task: 'GET /api/tasks/:id',
  retry: 'POST /api/tasks/retry',
  cancel: 'POST /api/tasks/cancel',
  rerun: 'POST /api/tasks/rerun',
  reviews: 'GET /api/reviews',
  review: 'POST /api/reviews/:id',
  devices: 'GET /api/devices',
  device: 'GET /api/devices/:id',
  acceptDevice: 'POST /api/joining/accept',
  refuseDevice: 'POST /api/joining/refuse',
  steerDevice: 'POST /api/devices/:id/mode',
  setDevice: 'POST /api/devices/:id',
  revokeDevice: 'DELETE /api/devices/:id',
  cameras: 'GET /api/cameras',
  camera: 'GET /api/cameras/:id',
  steerCamera: 'POST /api/cameras/:id/mode',
  skipClips: 'POST /api/cameras/:id/skip',
  retryClips: 'POST /api/cameras/:id/retry',
  cameraHere: 'POST /api/cameras/:id/here',
  cameraClock: 'GET /api/cameras/:id/clock',
  correctClock: 'POST /api/cameras/:id/clock',
  undoClock: 'POST /api/cameras/:id/clock/undo',
  retention: 'GET /api/retention',
  runRetention: 'POST /api/retention/run',
  undoRetention: 'POST /api/retention/undo',
  setRetention: 'POST /api/retention/settings',
  flows: 'GET /api/flows',
  heldMessages: 'GET /api/flows/held',
  resendHeld: 'POST /api/flows/held/resend',
  dismissHeld: 'POST /api/flows/held/dismiss',
  flowFaults: 'GET /api/flows/faults',
  dismissFaults: 'POST /api/flows/faults/dismiss',
  restartFlows: 'POST /api/flows/restart',
  setPalettes: 'POST /api/flows/palettes',
  removePalette: 'POST /api/flows/palettes/remove',
  events: 'GET /api/events',
  edit: 'POST /api/edits',
} as const satisfies Record<Exclude<keyof Routes, 'join' | 'joinState' | 'hello' | 'goodbye' | 'renewToken' | 'sayCameras' | 'clipArchived' | 'clipCame' | 'lockClip' | 'knownFile' | 'prove'>, string> // those are an agent's
export type Asked = keyof typeof WIRE

/** What went wrong, as the server said it; `offline` when nothing answered. */
export class Trouble extends Error {
  override readonly name = 'Trouble'
  readonly code: string
  readonly status: number

  constructor(code: string, message: string, status: number) {
    super(message)
    this.code = code
    this.status = status
  }
}

const heard = new Set<(trouble: Trouble | null) => void>()
/** Called after every answer: null when the server answered as asked. */
export function onAnswer(listener: (trouble: Trouble | null) => void): () => void {
  heard.add(listener)
  return () => heard.delete(listener)
}

/** Throws Trouble; an aborted call rejects with the signal's reason. */
export async function ask<R extends Asked>(route: R, query: Ask<R>, signal?: AbortSignal): Promise<Answer<R>> {
  try {
    const answer = await send(WIRE[route], query as Record<string, unknown>, signal)
    for (const listener of heard) listener(null)
    return answer as Answer<R>
  } catch (error) {
    if (error instanceof Trouble) for (const listener of heard) listener(error)
    throw error
  }
}

async function send(wire: string, query: Record<string, unknown>, signal: AbortSignal | undefined): Promise<unknown> {
  const [method, pattern] = wire.split(' ') as [string, string]
  const rest = new Map(Object.entries(query).filter(([, value]) => value !== undefined))
  const path = pattern.replace(/:(\w+)/g, (_, name: string) => {
    const value = String(rest.get(name))
    rest.delete(name)
    return encodeURIComponent(value)
  })
  const inUrl = method === 'GET' && rest.size > 0 ? `?${new URLSearchParams([...rest].map(([key, value]) => [key, String(value)]))}` : ''
  const body = method === 'POST' ? JSON.stringify(Object.fromEntries(rest)) : null
  let response: Response
  try {
    response = await fetch(path + inUrl, { method, body, signal: signal ?? null, credentials: 'same-origin', headers: body === null ? {} : { 'content-type': 'application/json' } })
  } catch (error) {
    if (!(error instanceof TypeError)) throw error // aborted
    throw new Trouble('offline', 'The box did not answer.', 0)
  }
  const text = await response.text()
  if (!response.ok) throw troubleOf(response.status, text)
  return text === '' ? {} : JSON.parse(text)
}

function troubleOf(status: number, text: string): Trouble {
  try {
    const { code, message } = JSON.parse(text) as { code?: unknown; message?: unknown }
    if (typeof code === 'string' && typeof message === 'string') return new Trouble(code, message, status)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error // a proxy's page instead of an answer
  }
  return new Trouble('offline', `The box answered ${status} without a reason.`, status)
}

/** Where the bytes of a file are, with Range. @param asset whose file it is: when its volume is away, the same bytes come from another one */
export const mediaUrl = (ref: { volume: string; path: string }, asset?: string) => `/media/${encodeURIComponent(ref.volume)}/${ref.path.split('/').map(encodeURIComponent).join('/')}${asset === undefined ? '' : `?asset=${asset}`}`
/** The same for `volume/path`, as drives carry it. */
export const pathUrl = (path: string) => `/media/${path.split('/').map(encodeURIComponent).join('/')}`

/**
 * Failures that were foreseen. Everything else is a bug and keeps its stack.
 *
 * One table says for each code what HTTP answers and whether the board tries the task again:
 * - false: not; its task is parked at the first fault, for the same bytes would fail the same way.
 * - true: a few times, a little later each time.
 * - 'interrupted': somebody got in the way of the work; like a lease that was lost.
 * - 'mended': for as long as it takes. The place is to blame, and the work goes on when that was seen to.
 */
export const FAULTS = {
  'access/unauthenticated': { status: 401, retry: false },
  'access/denied': { status: 403, retry: false },
  'access/limited': { status: 429, retry: true },
  'input/invalid': { status: 400, retry: false },
  'input/too-large': { status: 413, retry: false },
  'output/invalid': { status: 500, retry: false },
  'device/unheard': { status: 409, retry: true }, // core does not know what it can do: it says so again, then goes on
  'not-found': { status: 404, retry: false },
  'task/unknown': { status: 404, retry: false },
  'task/stale': { status: 409, retry: false }, // the lease belongs to somebody else by now
  'task/cancelled': { status: 409, retry: true },
  'stage/unknown': { status: 400, retry: false },
  'stage/crashed': { status: 500, retry: true },
  'stage/failed': { status: 500, retry: true }, // the stage threw something that nobody foresaw
  'stage/killed': { status: 500, retry: 'interrupted' }, // from outside
  'stage/scratch': { status: 500, retry: 'interrupted' }, // its folder was cleared away while it was at work
  'stage/memory': { status: 500, retry: true },
  'stage/stalled': { status: 500, retry: true },
  'tool/missing': { status: 500, retry: true },
  'tool/failed': { status: 500, retry: true },
  'model/missing': { status: 500, retry: true },
  'model/invalid': { status: 500, retry: false },
  'media/missing': { status: 404, retry: true },
  'media/digest': { status: 409, retry: true },
  'media/conflict': { status: 409, retry: false },
  'media/full': { status: 507, retry: 'mended' },
  'media/unmounted': { status: 503, retry: 'mended' },
  'media/host-key': { status: 503, retry: 'mended' }, // another machine answers in a volume's place, or it was set up anew: a person decides
  'media/outside': { status: 400, retry: false }, // a path or symlink that leaves its folder
  'media/unreadable': { status: 422, retry: true }, // the disk or the permissions, not the content
  'media/changed': { status: 409, retry: true }, // the file changed while it was being read
  'media/range': { status: 416, retry: false },
  'media/offset': { status: 409, retry: true }, // an upload goes on from another byte than this; the answer says from which
  'media/busy': { status: 423, retry: true }, // another connection is still sending this very file
  'camera/unreachable': { status: 503, retry: true },
  'camera/invalid': { status: 502, retry: true }, // it answers, but not as such a camera does
  'clip/empty': { status: 422, retry: false },
  'clip/truncated': { status: 422, retry: false },
  'clip/unreadable': { status: 422, retry: false },
  'clip/unsupported': { status: 415, retry: false },
  'image/unreadable': { status: 422, retry: false },
  'image/bomb': { status: 422, retry: false },
  'track/unreadable': { status: 422, retry: false },
  'config/invalid': { status: 400, retry: false },
  'log/held': { status: 503, retry: true }, // another process has the log open
  'log/failed': { status: 503, retry: true }, // its disk answered with an error
  'core/unreachable': { status: 503, retry: true },
  'notify/failed': { status: 502, retry: true }, // whoever should be told did not take it
  'notify/unreachable': { status: 503, retry: 'mended' }, // nobody heard it: they are away, and may be for a night
  'command/failed': { status: 422, retry: true }, // the user's own script said no
  'flows/unavailable': { status: 503, retry: true },
  'flows/taken': { status: 409, retry: true }, // another Node-RED routes
} as const satisfies Record<string, { readonly status: number; readonly retry: Retry }>

export type Retry = boolean | 'interrupted' | 'mended'

export type FaultCode = keyof typeof FAULTS

export class Fault extends Error {
  override readonly name = 'Fault'
  readonly code: FaultCode

  /** @param message A sentence for the person who can do something about it: what is so, and what to do. */
  constructor(code: FaultCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.code = code
  }

  toJSON(): FaultReport {
    return { code: this.code, message: this.message }
  }
}

/** How a fault travels: over HTTP, from a child, into a task's history. */
export interface FaultReport {
  readonly code: FaultCode
  readonly message: string
}

export const isFaultCode = (code: string): code is FaultCode => Object.hasOwn(FAULTS, code)

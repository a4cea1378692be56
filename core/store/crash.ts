import { appendFileSync } from 'node:fs'

/**
 * Every place where a crash would leave the stores between two durable steps, in the order of a clip's way.
 * A harness kills a process at each of them once and compares what is there after the restart.
 */
export const CRASH_POINTS = [
  'log.before-sync', // callers wait, nothing is written yet
  'log.synced', // written; nobody was told
  'event.committed', // event, key and unrouted outcome are one batch
  'board.publish.before-commit',
  'board.publish.committed',
  'board.complete.before-commit',
  'board.complete.committed', // without files: outcomes and projection are visible
  'board.journal.written', // with files: the answer counts, the files are still staged
  'board.files.placed', // where they belong, the journal still names them
  'board.journal.dropped', // outcomes and projection are visible
  'board.fault.committed',
  'board.interrupt.committed',
  'outcome.acknowledged',
  'volume.staged', // copied, not synced
  'volume.synced', // synced under its staging name
  'volume.placed', // renamed to where it belongs
  'projection.applied', // in the catalogue, still in the log
  'projection.dropped',
  'retention.planned', // the journal says what leaves; nothing has moved
  'retention.moved', // in the trash; the journal still says that it may be
  'retention.trashed', // the journal and the catalogue know
  'retention.ending', // the journal says that its bytes may be gone
  'retention.unlinked', // they are
  'retention.gone', // the journal has forgotten it, the catalogue knows
  'retention.returned', // back at its place; the journal still has it in the trash
  'index.batch', // a batch of the changes feed was written to the index
] as const

export type CrashPoint = (typeof CRASH_POINTS)[number]

/** Deliberately broken builds; each must make a test fail. */
export type Break = 'no-sync' | 'no-lease-check' | 'ack-early'

/** `VIEWSHED_BREAK=<what>`: this process was started to be caught. */
export const isBroken = (what: Break): boolean => broken === what

const broken = process.env['VIEWSHED_BREAK']

/**
 * With `VIEWSHED_CRASH_AT=<name>:<n>` the process is gone at the n-th hit of that name, as if the power had left it.
 * With `VIEWSHED_CRASH_SEEN=<file>` each name that was hit stands in the file once, a line each.
 */
export function crashPoint(name: CrashPoint): void {
  if (seenFile !== undefined && !seen.has(name)) {
    seen.add(name)
    appendFileSync(seenFile, `${name}\n`)
  }
  if (name === crashAt.name && ++hits === crashAt.nth) process.kill(process.pid, 'SIGKILL')
}

const seenFile = process.env['VIEWSHED_CRASH_SEEN']
const seen = new Set<CrashPoint>()
const crashAt = parse(process.env['VIEWSHED_CRASH_AT'])
let hits = 0

function parse(wish: string | undefined): { name: CrashPoint | null; nth: number } {
  if (wish === undefined || wish === '') return { name: null, nth: 0 }
  const [word, count = '1'] = wish.split(':')
  const name = CRASH_POINTS.find((point) => point === word)
  const nth = Number(count)
  if (name === undefined || !Number.isInteger(nth) || nth < 1) throw new Error(`VIEWSHED_CRASH_AT=${wish}: not a crash point and a count from 1, such as board.files.placed:2`)
  return { name, nth }
}

import { watch as chokidar } from 'chokidar'
import { apart } from './apart.ts'
import { keepReadingCards } from './cards.ts'
import { Look, LOOK_MS, takeAll, type Ctx } from './look.ts'
import { isOnNetwork } from './mounts.ts'
import { rest } from './rest.ts'

type Inbox = Ctx['config']['inboxes'][number]

const POLL_MS = 10_000
/** A burst of changes is one look; while a card is copied in, looking takes a fifth of the time at most. */
const SETTLE_MS = 300
const SETTLE_LOOKS = 4

/** Ends when every inbox is to be taken once and was, and no card is waited for; else stays until the signal. */
export async function run(ctx: Ctx): Promise<void> {
  const { inboxes, cards } = ctx.config
  await Promise.all([
    ...inboxes.map((inbox) => (inbox.once ? takeAll(new Look({ ...inbox, atRest: true, waits: false }, ctx), ctx.signal) : apart(inbox.path, () => keepWatch(inbox, ctx), ctx))),
    ...cards.map((folder) => apart(folder, () => keepReadingCards(folder, ctx), ctx)),
  ])
}

async function keepWatch(inbox: Inbox, ctx: Ctx): Promise<void> {
  const look = new Look({ ...inbox, atRest: false, waits: true }, ctx)
  const polls = inbox.poll ?? (await isOnNetwork(inbox.path))
  let wake = () => {}
  const watcher = chokidar(inbox.path, { ignoreInitial: true, followSymlinks: false, usePolling: polls, interval: POLL_MS, binaryInterval: POLL_MS, ignorePermissionErrors: true })
  let changed = false
  watcher.on('all', () => {
    changed = true
    wake()
  })
  watcher.on('error', () => { // the system hears no more, as when its watches are used up: the regular look still finds all
    changed = true
    wake()
  })
  try {
    while (!ctx.signal.aborted) {
      changed = false
      const begun_ms = performance.now()
      const again_ms = await look.sweep()
      const settle_ms = Math.max(SETTLE_MS, SETTLE_LOOKS * (performance.now() - begun_ms))
      if (changed) {
        await rest(Math.min(settle_ms, LOOK_MS), ctx.signal)
        continue
      }
      const stop = new AbortController()
      wake = () => stop.abort()
      await rest(again_ms ?? LOOK_MS, AbortSignal.any([ctx.signal, stop.signal]))
      await rest(SETTLE_MS, ctx.signal)
    }
  } finally {
    await watcher.close()
  }
}

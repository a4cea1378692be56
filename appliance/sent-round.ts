import type { Scope } from '../core/access/scope.ts'
import type { AssetDoc } from '../core/contract/records.ts'
import type { Catalogue } from '../core/store/port.ts'
import { openSent, type Sent } from '../core/store/sent.ts'
import { reread } from '../core/store/volume/reread.ts'
import type { Volumes } from '../core/store/volumes.ts'

const EVERY_MS = 600_000

export interface SentRounds {
  readonly sent: Sent
  close(): Promise<void>
}

/** What browsers sent is cleared from the inbox a while after it came in. */
export function startSentRounds({ inbox, scope, catalogue, volumes, warn }: {
  readonly inbox: string
  readonly scope: Scope
  readonly catalogue: Pick<Catalogue, 'reader'>
  readonly volumes: Pick<Volumes, 'resolve'>
  readonly warn: (error: unknown, message: string) => void
}): SentRounds {
  const sent = openSent(inbox, {
    original: async (sha256) => (await catalogue.reader(scope).get<AssetDoc>(`asset:${sha256}`))?.media ?? null,
    readBack: async ({ volume, path }) => (await reread(await volumes.resolve(volume, path))).sha256,
  })
  const stop = new AbortController()
  let round: Promise<void> | null = null
  const timer = setInterval(() => {
    round ??= sent.letGo(Date.now(), stop.signal).catch((e: unknown) => warn(e, 'what browsers sent is cleared from the inbox later')).finally(() => { round = null })
  }, EVERY_MS)
  return {
    sent,
    async close() {
      clearInterval(timer)
      stop.abort()
      await round
    },
  }
}

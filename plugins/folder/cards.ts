/** Memory cards and sticks: each that appears is read, and told of when it may be pulled out. It is never written to. */
import { createHash } from 'node:crypto'
import { readdir, realpath, stat } from 'node:fs/promises'
import { basename, join, sep } from 'node:path'
import { AWAY } from '../../core/contract/media.ts'
import { isCard } from './layout.ts'
import { Look, takeAll, type Ctx } from './look.ts'
import { mountsOf, mountTable } from './mounts.ts'
import { rest } from './rest.ts'

/** The system says nothing of a new mount. */
export const APPEAR_MS = 3_000

interface Card { readonly id: string; readonly path: string }

/** Until the signal comes. @param folder Below which cards are mounted. */
export async function keepReadingCards(folder: string, ctx: Ctx): Promise<void> {
  const failed = new AbortController()
  const signal = AbortSignal.any([ctx.signal, failed.signal])
  const reading = new Map<string, { readonly pulled: AbortController; readonly ended: Promise<void> }>()
  while (!signal.aborted) {
    const cards = await cardsBelow(folder)
    for (const [id, { pulled }] of reading) {
      if (cards.some((card) => card.id === id)) continue
      pulled.abort()
      reading.delete(id)
    }
    for (const card of cards) {
      if (reading.has(card.id)) continue
      const pulled = new AbortController()
      const ended = readCard(card, folder, { ...ctx, signal: AbortSignal.any([signal, pulled.signal]) })
      reading.set(card.id, { pulled, ended: ended.catch((cause: unknown) => failed.abort(cause)) })
    }
    await rest(APPEAR_MS, signal)
  }
  await Promise.all([...reading.values()].map(({ ended }) => ended))
  failed.signal.throwIfAborted()
}

async function readCard({ id, path }: Card, folder: string, ctx: Ctx): Promise<void> {
  const isThere = async () => (await cardsBelow(folder)).some((card) => card.id === id)
  const look = new Look({ path, atRest: true, waits: true, isThere }, ctx)
  await takeAll(look, ctx.signal)
  if (ctx.signal.aborted || !(await isThere())) return
  const key = createHash('sha256').update([path, ...look.keys].join('\n')).digest('hex')
  if (!(await ctx.known('card', key))) await ctx.emit('card', key, { path, name: basename(path), ...look.found })
}

/** What is mounted below a folder and looks like a card; where the system has no table of mounts, its subfolders. */
export async function cardsBelow(folder: string): Promise<readonly Card[]> {
  const root = await realpath(folder).catch(away)
  if (root === null) return []
  const table = await mountTable()
  const places = table === ''
    ? (await readdir(root)).map((name) => ({ id: null, path: join(root, name) }))
    : mountsOf(table).filter(({ point }) => point.startsWith(root + sep)).map(({ id, point }) => ({ id, path: point }))
  const cards: Card[] = []
  for (const { id, path } of places) {
    const top = await readdir(path, { withFileTypes: true }).catch(away)
    if (top === null || !isCard(top.filter((entry) => entry.isDirectory()).map(({ name }) => name))) continue
    cards.push({ path, id: id ?? `${path} ${(await stat(path)).dev}` })
  }
  return cards
}

/** What cannot be looked into now, as a card that is being pulled out, is no card now. */
function away(cause: NodeJS.ErrnoException): null {
  const code = cause.code ?? ''
  if (AWAY.has(code) || ['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'EIO', 'ENXIO', 'ESTALE'].includes(code)) return null
  throw cause
}

import { expect, test } from 'vitest'
import type { AssetView } from '../../../core/store/port.ts'
import { originalOf, sourcesOf } from './held.ts'

const SHA = 'a'.repeat(64)
const ref = (volume: string, path: string, sha256 = SHA) => ({ volume, path, bytes: 9, sha256 })
const copy = (role: string, media: ReturnType<typeof ref>) => ({ _id: `copy:${SHA}:${role}`, kind: 'copy' as const, asset: SHA, role, media, verified_ms: 1, checks: {} })
const ARCHIVE = copy('archive', ref('archive', `${SHA}/video_original.mp4`))
const [P1080, P540] = ['1080p', '540p'].map((role) => copy(role, ref('media', `derived/${role}.mp4`, role[0]!.repeat(64)))) as [ReturnType<typeof copy>, ReturnType<typeof copy>]
const view = (copies: readonly ReturnType<typeof copy>[], removed: readonly string[] = [], playable = true) => ({
  asset: { sha256: SHA, media_kind: 'video', media: ref('media', 'raw/a.MP4'), playable }, copies, removed: removed.map((role) => ({ role, state: 'trash' })),
}) as unknown as AssetView
const names = (of: AssetView) => sourcesOf(of).map(({ name, path }) => `${name} ${path.volume}`)

test('the original plays first, then each smaller copy, largest first', () => {
  expect(names(view([P540, ARCHIVE, P1080]))).toEqual(['Original media', '1080p media', '540p media'])
})

test('once it left its place its second copy plays, and without one the largest that is left', () => {
  expect(names(view([ARCHIVE, P540], ['original']))).toEqual(['Original archive', '540p media'])
  expect(names(view([P540], ['original']))).toEqual(['540p media'])
  expect(names(view([], ['original']))).toEqual([])
  expect([originalOf(view([ARCHIVE], ['original']))?.volume, originalOf(view([P540], ['original'])), originalOf(view([], ['720p']))?.volume]).toEqual(['archive', null, 'media'])
})

test('a second copy of a small size plays where the first is gone, and is no choice of its own beside it', () => {
  const second = copy('archive-540p', ref('archive', `${SHA}/video_540p.mp4`, P540.media.sha256))
  expect([names(view([second, P540])), names(view([second], ['original', '540p']))]).toEqual([['Original media', '540p media'], ['540p archive']])
})

test('what a browser cannot play plays as a copy or not at all, wherever it lies', () => {
  expect([names(view([ARCHIVE], [], false)), names(view([P1080], [], false))]).toEqual([[], ['1080p media']])
})

/** Where the door finds a file: at its own place, or, when that is away, wherever else the same bytes lie. */
import { Fault } from '../core/contract/fault.ts'
import type { MediaRef } from '../core/contract/media.ts'
import type { MediaSource } from '../core/http/media.ts'
import type { FarFile } from '../core/http/send.ts'
import type { Index } from '../core/store/port.ts'
import type { Scope } from '../core/access/scope.ts'
import type { Volumes } from '../core/store/volumes.ts'

type Place = Pick<MediaRef, 'volume' | 'path'>
const AWAY: readonly string[] = ['media/unmounted', 'media/host-key', 'media/missing', 'media/unreadable']

export function openPlayable(volumes: Volumes, index: (scope: Scope) => Pick<Index, 'asset'>): MediaSource {
  async function at(scope: Scope, { volume, path }: Place): Promise<string | FarFile> {
    if (volumes.orgOf(volume) !== scope.org) throw new Fault('media/missing', `there is no volume ${volume}`)
    if (!volumes.far.has(volume)) return volumes.resolve(volume, path)
    const far = await volumes.far.lately(volume)
    const state = await far.stat(path)
    if (state === null) throw new Fault('media/missing', `${path} is not on volume ${volume}`)
    return { ...state, read: (start, end, signal) => far.read(path, { start, end }, signal) }
  }

  return {
    async open(scope, volume, path, asset) {
      const asked = { volume, path }
      const places = asset === null ? [asked] : ordered(asked, await copies(scope, asked, asset), volumes.far.has)
      const why: Fault[] = []
      for (const place of places) {
        try {
          return await at(scope, place)
        } catch (e) {
          if (!(e instanceof Fault && AWAY.includes(e.code))) throw e
          why.push(e)
        }
      }
      throw why.find(({ code }) => code !== 'media/missing') ?? why[0]!
    },
  }

  /** Where else the bytes of a file of this asset lie. */
  async function copies(scope: Scope, asked: Place, asset: string): Promise<readonly MediaRef[]> {
    const view = await index(scope).asset(asset)
    const all = view ? [view.asset.media, ...view.copies.map(({ media }) => media)] : []
    const own = all.find((media) => isSame(media, asked))
    return own ? all.filter((media) => media.sha256 === own.sha256) : []
  }
}

const isSame = (a: Place, b: Place) => a.volume === b.volume && a.path === b.path

/** What lies here comes first, then what was asked for. */
export function ordered(asked: Place, copies: readonly Place[], isFar: (volume: string) => boolean): Place[] {
  const others = copies.filter((copy) => !isSame(copy, asked))
  return [asked, ...others].sort((a, b) => Number(isFar(a.volume)) - Number(isFar(b.volume)))
}

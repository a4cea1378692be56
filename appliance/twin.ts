/** A file that comes in once more: by radio and on the card, from two inboxes, from a card that was read last year. */
import { Fault } from '../core/contract/fault.ts'
import type { MediaRef } from '../core/contract/media.ts'
import { errno } from '../core/store/durable.ts'
import { reread } from '../core/store/volume/reread.ts'
import type { TwinOf, Volumes } from '../core/store/volumes.ts'

/**
 * Where its bytes were read back from just now. Whoever cannot tell, since core or the disk is away, takes the file in a second time.
 * @param known the original that the library has of these bytes
 */
export function twinsOn(volumes: Pick<Volumes, 'resolve'>, known: (sha256: string) => Promise<MediaRef | null>): TwinOf {
  return async ({ volume, path, sha256 }) => {
    try {
      const there = await known(sha256)
      if (there === null || there.volume !== volume || there.path === path) return null
      return (await reread(await volumes.resolve(volume, there.path))).sha256 === sha256 ? there.path : null
    } catch (e) {
      if (e instanceof Fault || errno(e) !== '') return null
      throw e
    }
  }
}

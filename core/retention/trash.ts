/** `.viewshed/trash/<day>/<id>/<path>` on the file's own volume: out of the way by a rename, and back by one. */
import { lstat, rename, rmdir, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Fault } from '../contract/fault.ts'
import { crashPoint } from '../store/crash.ts'
import { errno, makeFolders, syncFolder, writeFault } from '../store/durable.ts'
import { moveWithoutOverwrite } from '../store/volumes.ts'
import { safeParts } from '../store/volume/path.ts'
import type { Leaving } from './journal.ts'

const TRASH = ['.viewshed', 'trash']

export const trashPath = (id: string, path: string, now_ms: number): string => [...TRASH, new Date(now_ms).toISOString().slice(0, 10), id, ...safeParts(path)].join('/')

export interface Places { readonly own: string; readonly trash: string }
export const placesOf = (root: string, { media, trash }: Pick<Leaving, 'media' | 'trash'>): Places => ({ own: join(root, ...safeParts(media.path)), trash: join(root, ...trash.split('/')) })

/** Where the file is; both false: at neither place. */
export async function whereIs({ own, trash }: Places): Promise<{ own: boolean; trash: boolean }> {
  return { own: await isFile(own), trash: await isFile(trash) }
}

/** Throws Fault `media/conflict` when something lies in the trash under this name already, `media/unmounted`. */
export async function discard({ own, trash }: Places): Promise<void> {
  await makeFolders(dirname(trash))
  if (await isThere(trash)) throw new Fault('media/conflict', `${trash} is there already`)
  await rename(own, trash).catch((e: unknown) => {
    if (errno(e) === 'EXDEV') throw new Fault('media/conflict', `${own} lies on another disk than the trash of its volume`, { cause: e })
    throw writeFault(e, own)
  })
  await syncFolder(dirname(trash)) // first where it is now: a power cut in between leaves it at two places, never at none
  await syncFolder(dirname(own))
  crashPoint('retention.moved')
}

/** Back to its place. Throws `media/conflict` when other bytes lie there now: they are kept, and so is what is in the trash. */
export async function putBack(places: Places, entry: Leaving): Promise<void> {
  await moveWithoutOverwrite(places.trash, places.own, entry.media)
  await syncFolder(dirname(places.trash))
  crashPoint('retention.returned')
  await tidy(places)
}

export async function destroy(places: Places): Promise<void> {
  await unlink(places.trash).catch((e: unknown) => { throw writeFault(e, places.trash) })
  await syncFolder(dirname(places.trash))
  crashPoint('retention.unlinked')
  await tidy(places)
}

/** Empty folders of the trash, up to the trash itself. */
async function tidy({ trash }: Places): Promise<void> {
  const base = trash.slice(0, trash.indexOf(join(...TRASH)) + join(...TRASH).length)
  for (let at = dirname(trash); at.length > base.length; at = dirname(at)) {
    try {
      await rmdir(at)
    } catch (e) {
      if (['ENOTEMPTY', 'EEXIST', 'ENOENT', 'EBUSY', 'EACCES', 'EPERM'].includes(errno(e))) return // it is no more than an empty folder
      throw e
    }
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path)
    return true
  } catch (e) {
    if (['ENOENT', 'ENOTDIR'].includes(errno(e))) return false
    throw e
  }
}

async function isFile(path: string): Promise<boolean> {
  return (await isThere(path)) && (await lstat(path)).isFile()
}

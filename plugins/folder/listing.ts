import { lstat, open, readdir, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, relative, sep } from 'node:path'
import type { FaultCode } from '../../core/contract/fault.ts'
import { AWAY } from '../../core/contract/media.ts'
import type { Entry } from './classify.ts'
import { contentByName, contentOf, type Content } from './content.ts'

export interface Odd { readonly path: string; readonly code: FaultCode; readonly message: string } // absolute path

export interface Listing {
  readonly root: string // absolute; entries are relative to it
  readonly entries: readonly Entry[]
  readonly odd: readonly Odd[] // what cannot be taken, whatever it is
}

const HEAD_BYTES = 4096

/** What files' heads said before, by path, size and time: an inbox is listed again and again. */
export type Heads = Map<string, Content>

/** All files below a folder, or the one file that the path names (with its neighbours of the same name, which may be its side-cars). */
export async function list(path: string, heads: Heads): Promise<Listing> {
  let top
  try {
    top = await stat(path)
  } catch (cause) {
    return { root: path, entries: [], odd: [missing(path, cause)] }
  }
  const odd: Odd[] = []
  const entries: Entry[] = []
  const root = await realpath(top.isDirectory() ? path : dirname(path))
  const stem = top.isDirectory() ? null : basename(path).replace(/\.[^.]*$/, '')
  await walk(root, async (file) => {
    const name = relative(root, file).split(sep).join('/')
    const byName = contentByName(name)
    if (byName === 'ignored') return
    try {
      const info = await lstat(file)
      if (info.isSymbolicLink()) {
        const found = await linkOf(file, root)
        if (found) odd.push(found)
      } else if (info.isFile()) {
        entries.push({ path: name, bytes: info.size, mtime_ms: Math.floor(info.mtimeMs), content: await look(file, name, byName, info, heads) })
      }
    } catch (cause) {
      const found = unreadable(file, cause)
      if (found) odd.push(found)
    }
  }, odd, stem)
  // Of a single file's neighbours only those count that may be its side-cars.
  return { root, entries: stem === null ? entries : entries.filter((e) => e.path === basename(path) || (e.content !== 'media' && e.content !== 'unknown')), odd }
}

async function walk(folder: string, visit: (file: string) => Promise<void>, odd: Odd[], stem: string | null): Promise<void> {
  let names
  try {
    names = await readdir(folder, { withFileTypes: true })
  } catch (cause) {
    const found = unreadable(folder, cause)
    if (found) odd.push(found)
    return
  }
  for (const entry of names.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.isDirectory()) {
      if (stem === null && contentByName(`${entry.name}/x`) !== 'ignored') await walk(join(folder, entry.name), visit, odd, null)
    } else if (stem === null || entry.name.replace(/\.[^.]*$/, '') === stem) await visit(join(folder, entry.name))
  }
}

async function look(file: string, name: string, byName: 'media' | 'look', info: { size: number; mtimeMs: number }, heads: Heads): Promise<Content> {
  if (byName === 'media' || info.size === 0) return 'media'
  const key = `${file}|${info.size}|${info.mtimeMs}`
  let content = heads.get(key)
  if (content === undefined) {
    const opened = await open(file)
    try {
      const head = Buffer.alloc(HEAD_BYTES)
      content = contentOf(name, head.subarray(0, (await opened.read(head, 0, HEAD_BYTES, 0)).bytesRead))
    } finally {
      await opened.close()
    }
    heads.set(key, content)
  }
  return content
}

/** A link within the inbox is passed over, for what it leads to is taken anyway. */
async function linkOf(file: string, root: string): Promise<Odd | null> {
  let target
  try {
    target = await realpath(file)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT' && (cause as NodeJS.ErrnoException).code !== 'ELOOP') throw cause
    return { path: file, code: 'media/unreadable', message: 'The link leads nowhere. Put the file itself there.' }
  }
  if (target === root || target.startsWith(root + sep)) return null
  return { path: file, code: 'media/outside', message: 'The link leads out of the folder, and is not followed. Put the file itself there.' }
}

function missing(path: string, cause: unknown): Odd {
  const { code } = cause as NodeJS.ErrnoException
  if (code === 'ENOENT' || code === 'ENOTDIR' || AWAY.has(code ?? '')) return { path, code: 'media/missing', message: 'There is no such file or folder. Check the path, and whether the share or card is mounted.' }
  const found = unreadable(path, cause)
  if (found) return found
  throw cause
}

/** Null: it went away meanwhile, which is nobody's fault. */
function unreadable(path: string, cause: unknown): Odd | null {
  const { code } = cause as NodeJS.ErrnoException
  if (code === 'ENOENT') return null
  if (code === 'EACCES' || code === 'EPERM') return { path, code: 'media/unreadable', message: 'It may not be read. Give the appliance permission to read it.' }
  if (AWAY.has(code ?? '')) return { path, code: 'media/missing', message: `The share or card that it lies on went away (${code}). Check whether it is on, and mounted.` }
  if (code === 'EIO' || code === 'ESTALE' || code === 'ENXIO' || code === 'EBADMSG') return { path, code: 'media/unreadable', message: `The disk or card cannot read it (${code}). Try another reader; the card may be failing.` }
  throw cause
}

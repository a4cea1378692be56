/** Volumes as plain folders: as much of them as the board needs. */
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import { Fault } from '../../contract/fault.ts'
import type { MediaRef } from '../../contract/media.ts'
import type { StagedFiles } from '../staged.ts'

export interface Folder extends StagedFiles {
  /** What a device does: stages a file for its task. */
  stage(task: string, token: string, path: string, content: string): Promise<MediaRef>
  /** Path → content of everything that lies at its place. */
  files(): Promise<Record<string, string>>
  /** Everything that is still staged. */
  staged(): Promise<readonly string[]>
  /** While true, nothing can be reached. */
  away: boolean
}

export function folder(root: string): Folder {
  const staging = (task: string, token: string) => join(root, 'staging', task, token)
  const place = (path: string) => join(root, 'media', path)
  const size = (path: string) => stat(path).then(({ size }) => size, (error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  const list = async (dir: string) => (await readdir(dir, { recursive: true, withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const self: Folder = {
    away: false,
    async stage(task, token, path, content) {
      const at = join(staging(task, token), path)
      await mkdir(dirname(at), { recursive: true })
      await writeFile(at, content)
      return { volume: 'media', path, bytes: Buffer.byteLength(content), sha256: createHash('sha256').update(content).digest('hex') }
    },
    async verify(task, token, files) {
      mounted()
      for (const ref of files) {
        const there = await readFile(place(ref.path)).catch((error: NodeJS.ErrnoException) => {
          if (error.code === 'ENOENT') return null
          throw error
        })
        if (there !== null && createHash('sha256').update(there).digest('hex') !== ref.sha256) throw new Fault('media/conflict', `other bytes lie at ${ref.path}`)
        if (there === null && await size(join(staging(task, token), ref.path)) !== ref.bytes) throw new Fault('media/missing', `${ref.path} is not staged`)
      }
    },
    async place(task, token, files) {
      mounted()
      for (const { path } of files) {
        if (await size(join(staging(task, token), path)) === null) {
          if (await size(place(path)) === null) throw new Fault('media/missing', `${path} is neither staged nor placed`)
          continue
        }
        await mkdir(dirname(place(path)), { recursive: true })
        await rename(join(staging(task, token), path), place(path))
      }
    },
    async drop(task, token) {
      mounted()
      await rm(token === null ? join(root, 'staging', task) : staging(task, token), { recursive: true, force: true })
    },
    async tasks() {
      return self.away ? [] : [...new Set((await list(join(root, 'staging'))).map((path) => relative(join(root, 'staging'), path).split(sep)[0]!))]
    },
    async files() {
      const media = join(root, 'media')
      return Object.fromEntries(await Promise.all((await list(media)).sort().map(async (path) => [path.slice(media.length + 1), await readFile(path, 'utf8')])))
    },
    staged: () => list(join(root, 'staging')),
  }
  const mounted = () => {
    if (self.away) throw new Fault('media/unmounted', 'the volume is not there')
  }
  return self
}

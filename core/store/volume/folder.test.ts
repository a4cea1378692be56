import { createReadStream } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll } from 'vitest'
import { openFolder } from './folder.ts'
import { volumeContract } from './volume.contract.ts'

const made: string[] = []
afterAll(() => Promise.all(made.map((folder) => rm(folder, { recursive: true, force: true }))))

volumeContract('a folder', () => {
  const lay = async (path: string, content: Buffer | AsyncIterable<Buffer>) => {
    const to = join(made.at(-1)!, path)
    await mkdir(dirname(to), { recursive: true })
    await writeFile(to, content)
  }
  return {
    async open() {
      made.push(await mkdtemp(join(tmpdir(), 'viewshed-folder-')))
      return openFolder(made.at(-1)!)
    },
    lay,
    begun: (_volume, path, from, bytes) => lay(path, createReadStream(from.path, { end: bytes - 1 })),
  }
})

import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { reread } from './reread.ts'

let folder: string
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'viewshed-reread-')) })
afterAll(() => rm(folder, { recursive: true }))

test.each([0, 1, 4095, 4096, 65_536, 4 << 20, (4 << 20) + 1, (8 << 20) + 4096, 9_000_001])('a file of %i bytes has the same digest past the cache', async (bytes) => {
  const content = Buffer.alloc(bytes, 0xa5)
  const path = join(folder, 'file')
  await writeFile(path, content)
  expect(await reread(path)).toEqual({ sha256: createHash('sha256').update(content).digest('hex'), bytes, from: expect.stringMatching(/^(disk|cache)$/) })
})

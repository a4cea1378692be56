/** Killed in the middle of a large re-run, some of it is asked for and the rest is not; asking again does the rest, once. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CHUNK } from './which.ts'

const CHILD = join(import.meta.dirname, 'testing', 'rerun-child.ts')
const COUNT = 300

interface End { readonly changed: number; readonly runs: readonly string[]; readonly outcomes: readonly string[]; readonly audited: number | string; readonly waiting: number }

let root: string
beforeAll(async () => { root = await mkdtemp(join(tmpdir(), 'viewshed-rerun-')) })
afterAll(() => rm(root, { recursive: true, force: true }))

const life = (name: string, env: Record<string, string> = {}) => new Promise<{ said: string; signal: string | null; error: string }>((ended) => {
  execFile(process.execPath, [CHILD, join(root, name)], { env: { ...process.env, ...env }, maxBuffer: 1 << 24 }, (failure, said, error) => ended({ said, signal: failure?.signal ?? null, error }))
})

// The first hit is the work's own publication; then one for each batch of the re-run.
test.each([
  ['before its first batch', 'board.publish.before-commit:2', 0],
  ['after its first batch', 'board.publish.committed:2', 1],
  ['before its fourth batch', 'board.publish.before-commit:5', 3],
  ['after its last', `board.publish.committed:${2 + Math.floor(COUNT / CHUNK)}`, COUNT / CHUNK],
])('%s', { timeout: 120_000 }, async (name, at, batches) => {
  expect(await life(name, { VIEWSHED_CRASH_AT: at })).toMatchObject({ signal: 'SIGKILL', said: '' })
  const { said, error } = await life(name)
  expect(error).toBe('')
  const end = JSON.parse(said) as End
  expect(end.changed).toBe(COUNT - batches * CHUNK)
  expect(end.runs).toHaveLength(2 * COUNT)
  expect(end.runs.filter((run) => !run.endsWith(' complete'))).toEqual([])
  expect(new Set(end.runs).size).toBe(2 * COUNT)
  expect(end.outcomes).toHaveLength(COUNT)
  expect(new Set(end.outcomes).size).toBe(COUNT)
  expect(end).toMatchObject({ audited: COUNT, waiting: 0 })
})

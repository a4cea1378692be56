/** A process that works is killed at every named write point once; started again it must end as if nothing had been. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CRASH_POINTS } from '../store/crash.ts'

const CHILD = join(import.meta.dirname, 'testing', 'crash-child.ts')
/** Volumes, projector and index have theirs beside them. */
const POINTS = CRASH_POINTS.filter((name) => /^(log|board|event|outcome)\./.test(name))

let root: string
let undisturbed: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'viewshed-crash-'))
  undisturbed = (await box('undisturbed')).said
})
afterAll(() => rm(root, { recursive: true, force: true }))

/** One life of the box in a folder of its own. */
function box(name: string, env: Record<string, string> = {}): Promise<{ said: string; signal: string | null; code: number | string | null; error: string }> {
  return new Promise((ended) => {
    execFile(process.execPath, [CHILD, join(root, name)], { env: { ...process.env, VIEWSHED_CRASH_SEEN: join(root, 'seen'), ...env }, maxBuffer: 1 << 26 }, (failure, stdout, stderr) =>
      ended({ said: stdout.trim().split('\n').at(-1) ?? '', signal: failure?.signal ?? null, code: failure?.code ?? 0, error: stderr }))
  })
}

test('undisturbed, the box does all its work', () => {
  const end = JSON.parse(undisturbed) as { wrong: string[]; tasks: string[]; answered: string[]; files: string[]; staged: string[]; catalogue: string[]; journal: unknown[]; events: string[] }
  expect(end.wrong).toEqual([])
  expect(end.tasks).toHaveLength(24) // six clips, four stages
  expect(end.tasks.filter((task) => !task.includes(' complete '))).toEqual([])
  expect(end.answered).toHaveLength(36) // and the second node that waits for plates, and the event
  expect(end).toMatchObject({ staged: [], journal: [] })
  expect([end.files.length, end.catalogue.length, end.events.length]).toEqual([12, 12, 6])
})

describe('killed', () => {
  test.concurrent.for(POINTS)('at %s', { timeout: 300_000 }, async (at) => {
    const killed = await box(at, { VIEWSHED_CRASH_AT: `${at}:2` })
    expect(killed).toMatchObject({ signal: 'SIGKILL', said: '' })
    const { said, error } = await box(at)
    expect(error).toBe('')
    expect(JSON.parse(said)).toEqual(JSON.parse(undisturbed))
  })

  test('again and again, and again while it mends', { timeout: 300_000 }, async () => {
    for (const at of ['event.committed:2', 'board.publish.committed:1', 'board.journal.written:1', 'board.files.placed:1', 'board.journal.dropped:1', 'outcome.acknowledged:1']) {
      expect(await box('often', { VIEWSHED_CRASH_AT: at })).toMatchObject({ signal: 'SIGKILL' })
    }
    expect(JSON.parse((await box('often')).said)).toEqual(JSON.parse(undisturbed))
  })

  test('every point of log and board was hit', async () => {
    const seen = new Set((await readFile(join(root, 'seen'), 'utf8')).trim().split('\n'))
    expect(POINTS.filter((name) => !seen.has(name))).toEqual([])
  })
})

test('a board that asks nobody for the lease is caught', async () => {
  const { said, code, error } = await box('no-lease-check', { VIEWSHED_BREAK: 'no-lease-check' })
  const caught = code !== 0 ? error : (JSON.parse(said) as { wrong: string[] }).wrong.join('\n')
  expect(caught).toMatch(/heard another|is not what its task|media\/conflict|other bytes/)
})

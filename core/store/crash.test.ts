import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CRASH_POINTS } from './crash.ts'

const run = (env: Record<string, string>, names: string[]) => new Promise<{ said: string; signal: string | null; error: string }>((ended) => {
  const script = `import { crashPoint } from ${JSON.stringify(join(import.meta.dirname, 'crash.ts'))}\nfor (const name of ${JSON.stringify(names)}) { crashPoint(name); process.stdout.write('.') }`
  execFile(process.execPath, ['--input-type=module-typescript', '-e', script], { env: { ...process.env, ...env } }, (failure, said, error) => ended({ said, signal: failure?.signal ?? null, error }))
})

test('the process is gone at the n-th hit of the named point, and only there', async () => {
  const names = ['volume.synced', 'log.synced', 'volume.synced', 'volume.synced']
  expect(await run({ VIEWSHED_CRASH_AT: 'volume.synced:2' }, names)).toMatchObject({ signal: 'SIGKILL', said: '..' })
  expect(await run({ VIEWSHED_CRASH_AT: 'volume.synced' }, names)).toMatchObject({ signal: 'SIGKILL', said: '' })
  expect(await run({ VIEWSHED_CRASH_AT: 'volume.synced:9' }, names)).toMatchObject({ signal: null, said: '....' })
})

test('a wish that no point can fulfil is refused at the start', async () => {
  for (const wish of ['no.such:1', 'log.synced:0', 'log.synced:x']) expect((await run({ VIEWSHED_CRASH_AT: wish }, ['log.synced'])).error).toContain(`VIEWSHED_CRASH_AT=${wish}`)
})

test('what was hit is noted once', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'viewshed-seen-'))
  await run({ VIEWSHED_CRASH_SEEN: join(dir, 'seen') }, ['log.synced', 'index.batch', 'log.synced'])
  await run({ VIEWSHED_CRASH_SEEN: join(dir, 'seen') }, ['volume.placed'])
  expect(await readFile(join(dir, 'seen'), 'utf8')).toBe('log.synced\nindex.batch\nvolume.placed\n')
  await rm(dir, { recursive: true })
})

test('no point has the name of another', () => {
  expect(new Set(CRASH_POINTS).size).toBe(CRASH_POINTS.length)
})

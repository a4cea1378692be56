import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { cp, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'

const exec = promisify(execFile)
const ROOT = fileURLToPath(new URL('..', import.meta.url))
let folder: string

/** The code of CONTRIBUTING.md, in files of their names, beside a `core` that is the real one. */
beforeAll(async () => {
  await mkdir(join(ROOT, '.viewshed'), { recursive: true })
  folder = await mkdtemp(join(ROOT, '.viewshed', 'contributing-'))
  await symlink(join(ROOT, 'core'), join(folder, 'core'))
  const text = await readFile(join(ROOT, 'CONTRIBUTING.md'), 'utf8')
  for (const [, path, code] of text.matchAll(/```ts file=(\S+)\n(.*?)```/gs)) {
    await mkdir(dirname(join(folder, path!)), { recursive: true })
    await writeFile(join(folder, path!), code!)
  }
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('the example of CONTRIBUTING.md compiles as it stands', async () => {
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ extends: '../../tsconfig.json', include: ['plugins'] }))
  const { stdout } = await exec(join(ROOT, 'node_modules/.bin/tsc'), ['-p', folder]).catch((e: { stdout: string }) => e)
  expect(stdout).toBe('')
}, 180_000)

test('it takes whole clips once, leaves half ones for later, and outlives a camera that is off', async () => {
  let clips = [{ name: '20260412143000.MP4', bytes: 5 }, { name: '20260412143100.MP4', bytes: 9 }]
  const camera = createServer((request, answer) => answer.end(request.url === '/clips' ? JSON.stringify(clips) : 'bytes')).listen(0, '127.0.0.1')
  await once(camera, 'listening')
  const url = `http://127.0.0.1:${(camera.address() as AddressInfo).port}`

  const events: { key: string; payload: unknown }[] = []
  const stop = new AbortController()
  const some = Promise.withResolvers<void>()
  const { run } = (await import(pathToFileURL(join(folder, 'plugins/camera-shed/watch.ts')).href)) as { run: (ctx: unknown) => Promise<void> }
  const running = run({
    config: { cameras: [{ name: 'off', url: 'http://127.0.0.1:1' }, { name: 'shed', url }], every_s: 0.1 },
    signal: stop.signal,
    known: async (_: string, key: string) => events.some((e) => e.key === key),
    emit: async (_: string, key: string, payload: unknown) => {
      events.push({ key, payload })
      if (events.length === 1) clips = [...clips, { name: '20260412143200.MP4', bytes: 5 }]
      else some.resolve()
    },
    media: {
      write: async (volume: string, path: string, from: string) => {
        await mkdir(dirname(join(folder, volume, path)), { recursive: true })
        await cp(from, join(folder, volume, path))
        return { volume, path, bytes: (await stat(from)).size, sha256: 'e'.repeat(64) }
      },
    },
  })
  await some.promise
  stop.abort()
  await running
  camera.close()

  const ref = (name: string) => ({ volume: 'media', path: `raw/shed/20260412/${name}`, bytes: 5, sha256: 'e'.repeat(64) })
  expect(events).toEqual(['20260412143000.MP4', '20260412143200.MP4'].map((name) => ({
    key: `shed/${name}/5`, payload: { media: ref(name), name, camera: 'shed', channel: 'front', event: 'normal', sidecars: [] },
  })))
  expect(await readFile(join(folder, 'media/raw/shed/20260412/20260412143000.MP4'), 'utf8')).toBe('bytes')
})

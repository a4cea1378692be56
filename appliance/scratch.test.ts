import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { KEPT, openScratch } from './scratch.ts'

let dir: string
beforeEach(async () => { dir = await mkdtemp(join(tmpdir(), 'scratch-')) })
afterEach(() => rm(dir, { recursive: true, force: true }))

test('what the last owner left is wiped', async () => {
  await mkdir(join(dir, 't1-lease'), { recursive: true })
  await writeFile(join(dir, 't1-lease/frame.jpg'), 'x')
  const scratch = await openScratch(dir)
  expect((await readdir(dir, { recursive: true })).filter((name) => name !== 'lock')).toEqual([KEPT])
  await scratch.close()
})

test('a live owner is never wiped under', async () => {
  const scratch = await openScratch(dir)
  await mkdir(join(scratch.root, 't1-lease'))
  await expect(openScratch(dir)).rejects.toMatchObject({ code: 'config/invalid' })
  expect(await readdir(dir)).toContain('t1-lease')
  await scratch.close()
})

test('an owner that was killed leaves no lock', async () => {
  const hold = `require('net').createServer().listen(${JSON.stringify(join(dir, 'lock'))}, () => console.log('up'))`
  const holder = spawn(process.execPath, ['-e', hold], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(holder.stdout, 'data')
  await expect(openScratch(dir)).rejects.toMatchObject({ code: 'config/invalid' })
  holder.kill('SIGKILL')
  await once(holder, 'exit')
  const scratch = await openScratch(dir)
  await scratch.close()
})

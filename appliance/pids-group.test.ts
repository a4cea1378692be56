import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { groupsFolder, openPidsGroup } from './pids-group.ts'

test.each([
  ['8:pids:/docker/abc\n4:memory:/\n0::/\n', '/sys/fs/cgroup/pids/docker/abc'],
  ['3:cpu,pids:/box\n', '/sys/fs/cgroup/cpu,pids/box'],
  ['0::/system.slice/viewshed-agent.service/agent\n', '/sys/fs/cgroup/system.slice/viewshed-agent.service'],
  ['0::/system.slice/viewshed-agent.service\n', null], // not given to us: systemd keeps the slice
  ['0::/user.slice/user-1000.slice/session-2.scope\n', null],
  ['0::/\n', null], // a container
  ['', null],
])('in %j groups are made in %s', (cgroups, folder) => {
  expect(groupsFolder(cgroups, '/sys')).toBe(folder)
})

test('a folder that is none of the kernel\'s gives no group', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'pids-'))
  expect(openPidsGroup(join(dir, 'nothing'), 'a', 5)).toBeNull()
  await rm(dir, { recursive: true })
})

const folder = process.platform === 'linux' ? groupsFolder(readFileSync('/proc/self/cgroup', 'utf8'), '/sys') : null
const group = folder === null ? null : openPidsGroup(folder, `test-${process.pid}`, 5)

test.runIf(group)('beyond its number nothing more is started in it, and it is gone when all in it have ended', async () => {
  const shell = spawn('bash', ['-c', 'read go; for i in 1 2 3 4 5 6 7 8; do sleep 30 & done 2>&1; wait'], { stdio: ['pipe', 'pipe', 'pipe'] })
  group!.take(shell.pid!)
  expect(group!.full()).toBe(false)
  let said = ''
  for (const stream of [shell.stdout, shell.stderr]) stream.on('data', (part: Buffer) => { said += String(part) })
  shell.stdin.end('go\n')
  await vi.waitFor(() => expect(said).toMatch(/fork/i), { timeout: 20_000 })
  expect(group!.pids().length).toBe(5)
  expect(group!.remove()).toBe(false)
  expect(group!.full()).toBe(true)
  for (const pid of group!.pids()) process.kill(pid, 'SIGKILL')
  await once(shell, 'exit')
  expect(group!.full()).toBe(true) // also when few are left
  await vi.waitFor(() => expect(group!.remove()).toBe(true), { timeout: 10_000 })
})

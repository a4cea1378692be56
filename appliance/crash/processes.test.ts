import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { descendants, openWake, send } from './processes.ts'

test.runIf(process.platform === 'linux')('what ends with its parent is no orphan, what goes on without it is', async () => {
  const parent = spawn('sh', ['-c', 'sleep 600 & setsid sleep 0.5 & echo up; read -r line'], { stdio: ['pipe', 'pipe', 'inherit'] })
  await once(createInterface(parent.stdout), 'line')
  const beneath = await descendants(parent.pid!)
  const wake = openWake(3_000)
  send(parent.pid!, 'SIGKILL')
  wake.mourn(beneath, 'its shell')
  const left = await wake.orphans()
  for (const { pid } of beneath) send(pid, 'SIGKILL')
  expect(left).toEqual([expect.stringMatching(/^outlived its shell: /)])
})

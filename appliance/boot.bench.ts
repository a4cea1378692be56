/** How long until the appliance answers, and what core holds in memory when nothing happens. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openStack } from './crash/stack.ts'
import { median, type Figure } from './figure.ts'

const TIMES = 3
const IDLE_MS = 10_000
const LIMIT_MS = 60_000
const LOOK_MS = 20

export async function* bench(): AsyncGenerator<Figure> {
  const ready_s: number[] = []
  const again_s: number[] = []
  const rss_mb: number[] = []
  for (let i = 0; i < TIMES; i++) {
    const home = await mkdtemp(join(tmpdir(), 'viewshed-boot-'))
    const stack = await openStack(home)
    try {
      ready_s.push(await readyIn_s(stack))
      await new Promise((done) => setTimeout(done, IDLE_MS))
      rss_mb.push(await residentMemory_mb((await stack.pids('core'))[0]!))
      await stack.stop()
      again_s.push(await readyIn_s(stack))
    } finally {
      await stack.stop()
      await rm(home, { recursive: true, force: true })
    }
  }
  yield { name: 'boot.ready', value: median(ready_s), unit: 's from spawn to the first page, on an empty folder', peer: null, peer_value: null, ratio: null }
  yield { name: 'boot.again', value: median(again_s), unit: 's, with stores that are there', peer: null, peer_value: null, ratio: null }
  yield { name: 'boot.core-rss', value: median(rss_mb), unit: 'MB of core after 10 s idle', peer: null, peer_value: null, ratio: null }
}

/** Ready is when health and the page itself are answered. */
async function readyIn_s(stack: Awaited<ReturnType<typeof openStack>>): Promise<number> {
  const from_ms = performance.now()
  stack.start()
  for (const path of ['/healthz', '/']) {
    for (;;) {
      if (await answers(`${stack.url}${path}`)) break
      if (!stack.alive()) throw new Error('the appliance ended while it started; VIEWSHED_CRASH_VERBOSE=1 shows why')
      if (performance.now() - from_ms > LIMIT_MS) throw new Error(`${path} did not answer within ${LIMIT_MS / 1000} s`)
      await new Promise((done) => setTimeout(done, LOOK_MS))
    }
  }
  return (performance.now() - from_ms) / 1000
}

const answers = (url: string): Promise<boolean> => fetch(url).then(async (answer) => {
  await answer.arrayBuffer()
  return answer.ok
}, () => false) // nobody listens yet

/** Of one process, from /proc; Linux only. */
async function residentMemory_mb(pid: number): Promise<number> {
  const kib = /^VmRSS:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, 'latin1'))?.[1]
  if (kib === undefined) throw new Error(`/proc/${pid}/status has no VmRSS`)
  return (Number(kib) * 1024) / 1e6
}

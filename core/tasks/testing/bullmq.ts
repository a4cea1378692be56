/**
 * BullMQ on a Redis that syncs every write (`appendonly yes`, `appendfsync always`), as its manual has it used: a `Queue`, a `Worker` with the
 * concurrency asked for, and a second `Queue` for what comes next. Redis listens on a unix socket in a folder on the disk of the log, and one
 * process of Node has all of BullMQ, as it has all of the board. The worker adds the successor before it ends the job: BullMQ has no
 * transaction over both, and the other way round a crash would lose it. That a job is complete is heard from the worker itself, which is the
 * shortest way. Jobs that are complete stay, as complete tasks do.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Queue, Worker } from 'bullmq'

export interface Redis {
  /** A round adds a job and ends when it is complete and its successor added. `close` when none is under way. */
  rounds(concurrency: number, text: string): Promise<{ round: () => Promise<void>; close: () => Promise<void> }>
  close(): Promise<void>
}

/** Null when there is no `redis-server` on this machine. */
export async function openRedis(): Promise<Redis | null> {
  if (spawnSync('redis-server', ['--version']).status !== 0) return null
  const dir = await mkdtemp(join(tmpdir(), 'viewshed-redis-'))
  const path = join(dir, 'socket')
  const server = spawn('redis-server', ['--port', '0', '--unixsocket', path, '--dir', dir, '--appendonly', 'yes', '--appendfsync', 'always', '--save', ''], { stdio: ['ignore', 'pipe', 'inherit'] })
  await isReady(server)
  const connection = { path, maxRetriesPerRequest: null }
  let opened = 0
  return {
    async rounds(concurrency, text) {
      const name = `round-${opened++}`
      const queue = new Queue<{ clip: string }>(name, { connection })
      const next = new Queue<{ clip: string }>(`${name}-next`, { connection })
      const done = new Map<string, () => void>()
      const worker = new Worker<{ clip: string }>(name, async (job) => {
        await next.add('next', job.data, { jobId: `next-${job.id}` })
        return { text }
      }, { connection, concurrency })
      worker.on('completed', ({ id }) => done.get(id!)?.())
      await Promise.all([queue.waitUntilReady(), next.waitUntilReady(), worker.waitUntilReady()])
      let jobs = 0
      return {
        async round() {
          const jobId = `job-${jobs++}`
          const { promise, resolve } = Promise.withResolvers<void>()
          done.set(jobId, resolve)
          await queue.add('copy', { clip: jobId + text }, { jobId })
          await promise
          done.delete(jobId)
        },
        async close() {
          await Promise.all([worker.close(), queue.close(), next.close()])
        },
      }
    },
    async close() {
      const gone = once(server, 'exit')
      server.kill('SIGTERM')
      await gone
      await rm(dir, { recursive: true, force: true })
    },
  }
}

async function isReady(server: ChildProcess): Promise<void> {
  let said = ''
  for await (const chunk of server.stdout!.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    said += chunk.toString()
    if (!/ready to accept connections/i.test(said)) continue // with a socket only, or with a port: the words differ
    server.stdout!.resume()
    return
  }
  throw new Error(`redis-server did not start: ${said}`)
}

import { spawn } from 'node:child_process'
import { Fault } from '../../core/contract/fault.ts'

export interface Ended {
  readonly code: number | null // null: ended by a signal
  readonly stdout: Buffer
  readonly stderr: string // its last 16 kB
}

const MOST_STDOUT_BYTES = 64 * 2 ** 20
const MOST_STDERR_CHARS = 16_384

/**
 * Runs a tool to its end. What it says of its input is for the caller to judge; what says nothing of it is thrown: Faults `tool/missing`,
 * `media/full` when it could not write, `stage/killed` when somebody else ended it, and the signal's reason when the task was given up. It is killed at the limit, for a malformed
 * file must hold nobody up; that is Fault `tool/failed`, for a machine that swaps or a share that stalls is as slow with a good one.
 */
export async function command(tool: string, args: readonly string[], limits: { limit_ms: number; signal: AbortSignal; onStderr?: (text: string) => void }): Promise<Ended> {
  const { limit_ms, signal, onStderr } = limits
  signal.throwIfAborted()
  return new Promise((resolve, reject) => {
    const child = spawn(tool, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    const out: Buffer[] = []
    let bytes = 0
    let stderr = ''
    let timedOut = false
    let killed = false // by us
    const kill = () => { killed = child.kill('SIGKILL') || killed }
    const timer = setTimeout(() => {
      timedOut = true
      kill()
    }, limit_ms)
    signal.addEventListener('abort', kill, { once: true })
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > MOST_STDOUT_BYTES) kill()
      else out.push(chunk)
    })
    child.stderr.on('data', (chunk: Buffer) => {
      const text = chunk.toString()
      stderr = (stderr + text).slice(-MOST_STDERR_CHARS)
      onStderr?.(text)
    })
    const settle = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', kill)
    }
    child.on('error', (cause: NodeJS.ErrnoException) => {
      settle()
      reject(cause.code === 'ENOENT' ? new Fault('tool/missing', `${tool} is not installed on this machine. Install ffmpeg; ffprobe comes with it.`, { cause }) : cause)
    })
    child.on('close', (code, by) => {
      settle()
      if (signal.aborted) reject(signal.reason as Error)
      else if (timedOut) reject(new Fault('tool/failed', `${tool} was not done after ${Math.round(limit_ms / 1000)} s: the machine or the disk that the file lies on is too slow just now, or the file is damaged`))
      else if (/No space left on device/.test(stderr)) reject(new Fault('media/full', `no room left for what ${tool} writes: free some space, the work goes on by itself`))
      else if ((by === 'SIGKILL' || by === 'SIGTERM') && !killed) reject(new Fault('stage/killed', `${tool} was killed from outside`))
      else resolve({ code, stdout: Buffer.concat(out), stderr })
    })
  })
}

/** Names of files are data: without a scheme `-i` would take `concat:…` or a leading dash for something else. */
export const fileUrl = (path: string) => `file:${path}`

/** Of ffmpeg's stderr, the last line that says something, for a person. */
export const lastWord = (stderr: string) => stderr.trim().split('\n').at(-1)?.replace(/^\[[^\]]*\] */, '').slice(0, 200) ?? ''

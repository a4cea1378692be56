import { execFile } from 'node:child_process'

/** What a tool printed; null when it is not there, failed, was silent for `timeout_ms`, or printed without end: whoever asks can do without it. */
export function ask(tool: string, args: readonly string[], timeout_ms: number): Promise<string | null> {
  return new Promise((done) => {
    // SIGKILL: a tool that hangs in a driver hears nothing less, and now and then not even that; it is not waited for.
    const child = execFile(tool, args, { timeout: timeout_ms, killSignal: 'SIGKILL', maxBuffer: MOST_BYTES, windowsHide: true }, (e, stdout) => done(e ? null : stdout))
    child.stdin?.end()
    setTimeout(() => { child.unref(); done(null) }, timeout_ms + GRACE_MS).unref()
  })
}

const MOST_BYTES = 1 << 20
const GRACE_MS = 500

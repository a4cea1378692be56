/** An agent's scratch: one folder a stage process, in it one a task, all wiped when the next owner starts, but for what killed tasks go on from. A socket inside says that its owner is alive. */
import { createHash } from 'node:crypto'
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Fault } from '../core/contract/fault.ts'
import { errno } from '../core/store/durable.ts'

/** Below an agent's scratch: what tasks that were killed go on from. */
export const KEPT = 'kept'
const KEPT_DAYS = 7

const LONGEST_SOCKET_PATH = 100 // the kernel's limit is 107

export interface Scratch {
  readonly root: string // absolute
  close(): Promise<void>
}

/** Throws Fault `config/invalid` when another live agent works in it. */
export async function openScratch(folder: string): Promise<Scratch> {
  const root = resolve(folder)
  await mkdir(root, { recursive: true })
  const server = await lock(root)
  for (const name of await readdir(root)) if (name !== 'lock' && name !== KEPT) await rm(join(root, name), { recursive: true, force: true })
  await forgetOld(join(root, KEPT), Date.now())
  return { root, close: () => new Promise((done) => server.close(() => done())) }
}

/** Tasks that went elsewhere, or were given up. */
async function forgetOld(folder: string, now_ms: number): Promise<void> {
  await mkdir(folder, { recursive: true })
  for (const name of await readdir(folder)) {
    const path = join(folder, name)
    if (now_ms - (await stat(path)).mtimeMs > KEPT_DAYS * 86_400_000) await rm(path, { recursive: true, force: true })
  }
}

async function lock(root: string) {
  const inside = join(root, 'lock')
  const path = process.platform === 'win32' ? `\\\\.\\pipe\\viewshed-${digest(root)}`
    : inside.length <= LONGEST_SOCKET_PATH ? inside : join(tmpdir(), `viewshed-${digest(root)}.lock`)
  for (let tries = 0; ; tries++) {
    const server = createServer((socket) => socket.end())
    const taken = await new Promise<boolean>((done, fail) => {
      server.once('error', (e) => (errno(e) === 'EADDRINUSE' ? done(true) : fail(e)))
      server.listen(path, () => done(false))
    })
    if (!taken) return server.unref()
    if (tries > 0 || (await answers(path))) throw new Fault('config/invalid', `another agent works in ${root}: stop it, or give this one a scratch folder of its own`)
    await rm(path, { force: true }) // left by an owner that was killed
  }
}

const answers = (path: string) => new Promise<boolean>((done) => {
  const socket = connect(path).once('connect', () => { socket.destroy(); done(true) }).once('error', () => done(false))
})

const digest = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 16)

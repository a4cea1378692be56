import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { constants, createReadStream } from 'node:fs'
import { access, mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { Fault } from '../../core/contract/fault.ts'
import type { MediaRef } from '../../core/contract/media.ts'
import type { StageContext } from '../../core/contract/plugin.ts'
import type { CommandConfig, CommandInput, CommandOptions, CommandOutput } from './plugin.ts'

const MOST_SAID_BYTES = 1 << 20
const MOST_FILES = 1_000
const ALIVE_EVERY_MS = 30_000

/** Exit 0: done. Anything else, and too late: a fault with the last that it wrote on standard error; it is tried again like any other work.
 *  What it leaves in $OUT besides plain files is not: it would leave the same again. */
export async function run(input: CommandInput, ctx: StageContext<CommandConfig, CommandOptions>): Promise<CommandOutput> {
  const { config, options, media, scratch } = ctx
  const script = join(config.scripts, options.script)
  await access(script, constants.X_OK).catch((cause: unknown) => {
    throw new Fault('tool/missing', `There is no executable ${script} on this machine: put it there and chmod +x it.`, { cause })
  })
  const out = join(scratch, 'out')
  await mkdir(out)
  const path = input.media === undefined ? '' : await media.read(input.media)
  const said = await spoken(script, input, { MEDIA: path, OUT: out }, ctx)
  const made: MediaRef[] = []
  for (const name of await filesIn(out, options.script)) made.push(await media.write('media', await place(input, options.script, out, name), join(out, name)))
  return { result: resultOf(said), made }
}

async function filesIn(out: string, script: string): Promise<string[]> {
  const entries = await readdir(out, { withFileTypes: true })
  const odd = entries.find((entry) => !entry.isFile())
  if (odd) throw new Fault('output/invalid', `${script} left ${odd.name} in $OUT, which is ${odd.isDirectory() ? 'a folder' : 'no plain file'}: only files that lie in $OUT itself are kept. Pack a folder into one file, or put its files there.`)
  return entries.map(({ name }) => name).sort()
}

/** Another run may make other bytes, and nothing is written over: the digest is part of the name. */
async function place({ sha256 }: CommandInput, script: string, folder: string, name: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(join(folder, name)), hash)
  const digest = hash.digest('hex').slice(0, 8)
  return sha256 === undefined ? `derived/command/${script}/${digest}-${name}` : `derived/${sha256.slice(0, 2)}/${sha256}/${script}/${digest}-${name}`
}

async function spoken(script: string, input: CommandInput, places: { MEDIA: string; OUT: string }, { options, scratch, signal, progress }: StageContext<CommandConfig, CommandOptions>): Promise<string> {
  signal.throwIfAborted()
  const { PATH, HOME, LANG, TZ } = process.env
  // `ulimit` binds all that the script starts, too. The stage's own process has a cap of data, which would go on to the script: the script has its own limit instead.
  const child = spawn('/bin/sh', ['-c', `ulimit -S -d "$(ulimit -H -d)"; ulimit -v ${options.memory_mib * 1024}; exec "$0" "$@"`, script, ...options.args], {
    cwd: scratch, env: { PATH, HOME, LANG, TZ, ...places }, stdio: ['pipe', 'pipe', 'pipe'], detached: true,
  })
  let late = false
  const stop = () => { if (child.pid !== undefined) killGroup(child.pid) }
  const timer = setTimeout(() => {
    late = true
    stop()
  }, options.most_s * 1_000)
  const alive = setInterval(() => progress(0, `${options.script} runs`), ALIVE_EVERY_MS)
  signal.addEventListener('abort', stop)
  try {
    const out: Buffer[] = []
    let bytes = 0
    let complaint = ''
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > MOST_SAID_BYTES) stop()
      else out.push(chunk)
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => { complaint = (complaint + text).slice(-4_000) })
    child.stdin.on('error', () => undefined) // it need not read
    child.stdin.end(JSON.stringify(input))
    const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
    signal.throwIfAborted()
    if (late) throw new Fault('command/failed', `${options.script} was not done after ${options.most_s} s. ${lastOf(complaint)}`)
    if (bytes > MOST_SAID_BYTES) throw new Fault('command/failed', `${options.script} printed more than ${MOST_SAID_BYTES} bytes; what is larger belongs into a file in $OUT.`)
    if (code !== 0) throw new Fault('command/failed', `${options.script} ended with ${code ?? 'a signal'}. ${lastOf(complaint)}`)
    if ((await readdir(places.OUT)).length > MOST_FILES) throw new Fault('command/failed', `${options.script} left more than ${MOST_FILES} files.`)
    return Buffer.concat(out).toString('utf8')
  } finally {
    clearTimeout(timer)
    clearInterval(alive)
    signal.removeEventListener('abort', stop)
    stop() // what it left running
  }
}

export function resultOf(said: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(said)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  return said.trim() === '' ? {} : { said: said.trim() }
}

const lastOf = (complaint: string) => complaint.trim().split('\n').slice(-3).join(' · ').slice(0, 500)

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error // it is gone, and all that it had started
  }
}

/** A warm stage process: models stay loaded between tasks. Its agent gives it one task at a time. */
import { mkdir } from 'node:fs/promises'
import type { StageMedia } from '../core/contract/media.ts'
import { Fault, isFaultCode } from '../core/contract/fault.ts'
import { checked } from '../core/plugins/registry.ts'
import type { Remotes } from '../core/store/volume/remotes.ts'
import { openVolumes } from '../core/store/volumes.ts'
import type { AnyPlugin, AnyStage, Run, StageContext } from '../core/contract/plugin.ts'
import { openCache } from './cache.ts'
import type { FromChild, RunOrder, ToChild } from './child-protocol.ts'
import { openFar, type FarOrder } from './far-volumes.ts'
import { taskMedia, type TaskMedia } from './media.ts'

const PROGRESS_EVERY_MS = 250
const ALIVE_EVERY_MS = 60_000
const MOST_OUTPUT_BYTES = 3 << 20 // core takes 4 MiB a request

/** Which plugins: a module whose default export lists them. */
const { default: plugins } = (await import(process.argv[2] ?? '../plugins/index.ts')) as { default: readonly AnyPlugin[] }

const running = new Map<string, AbortController>()
const loaded = new Map<string, Run<never, never, StageContext<unknown>>>()

/** Ours alone: a stage has no word to its agent but the one it ends with. */
const send = process.send?.bind(process)
delete process.send

process.on('message', (message: ToChild) => {
  if (message.kind === 'abort') running.get(message.task)?.abort(new Fault('task/cancelled', 'the lease was lost or the host is stopping'))
  else void run(message)
})
process.on('disconnect', () => process.exit(0)) // its agent is gone
say({ kind: 'ready' })

async function run(order: RunOrder): Promise<void> {
  const abort = new AbortController()
  running.set(order.task, abort)
  let media: TaskMedia | null = null
  try {
    const stage = stageOf(order.stage)
    const input = checked(stage.input, order.input, 'input/invalid', `input of ${order.stage}`)
    const handler = await load(order.stage, stage)
    await mkdir(order.scratch, { recursive: true })
    media = taskMedia({ mounted: await openVolumes(order.mounts, null, farOf(order.far)), cache: openCache(order.cache), core: order.core, lease: order, scratch: order.scratch, signal: abort.signal })
    let said_ms = 0
    const output = await handler.run(input as never, {
      config: order.config, options: order.options as never, media: patient(media, order.task), scratch: order.scratch, kept: order.kept, attempt: order.attempt, signal: abort.signal,
      progress(done, what) {
        const now_ms = Date.now()
        if (now_ms - said_ms < PROGRESS_EVERY_MS && done < 1) return
        said_ms = now_ms
        say({ kind: 'progress', task: order.task, done: Math.min(1, Math.max(0, done)), what: what ?? null })
      },
    })
    await media.settled()
    const fitting = checked(stage.output, output, 'output/invalid', `output of ${order.stage}`) as Record<string, unknown>
    const bytes = Buffer.byteLength(JSON.stringify(fitting))
    if (bytes > MOST_OUTPUT_BYTES) throw new Fault('output/invalid', `the output of ${order.stage} has ${bytes} bytes; what is larger than ${MOST_OUTPUT_BYTES} belongs into a file`)
    say({ kind: 'done', task: order.task, output: fitting, files: media.files })
  } catch (e) {
    const fault = await blamed(asFault(e), media)
    say({ kind: 'fault', task: order.task, report: fault.toJSON(), log: e instanceof Error ? (e.stack ?? null) : String(e) })
  } finally {
    running.delete(order.task)
  }
}

/** Connections stay from task to task. */
let far: { readonly order: string; readonly remotes: Remotes } | null = null
function farOf(order: FarOrder): Remotes {
  const text = JSON.stringify(order)
  if (far?.order !== text) {
    far?.remotes.close() // one task at a time: nobody uses it
    far = { order: text, remotes: openFar(order) }
  }
  return far.remotes
}

function stageOf(name: string): AnyStage {
  const dot = name.indexOf('.')
  const stage = plugins.find((p) => p.name === name.slice(0, dot))?.stages?.[name.slice(dot + 1)]
  if (!stage) throw new Fault('stage/unknown', `this machine has no stage ${name}: its version differs from the appliance's`)
  return stage as AnyStage
}

async function load(name: string, stage: AnyStage): Promise<Run<never, never, StageContext<unknown>>> {
  const there = loaded.get(name)
  if (there) return there
  const fresh = (await stage.load()) as Run<never, never, StageContext<unknown>>
  loaded.set(name, fresh)
  return fresh
}

/** A file may take hours to come over a slow link: as long as it is waited for, the stage has not stalled. */
function patient(media: StageMedia, task: string): StageMedia {
  const awaited = async <T>(file: Promise<T>): Promise<T> => {
    const timer = setInterval(() => say({ kind: 'alive', task }), ALIVE_EVERY_MS)
    try {
      return await file
    } finally {
      clearInterval(timer)
    }
  }
  return { read: (ref) => awaited(media.read(ref)), write: (volume, path, localPath) => awaited(media.write(volume, path, localPath)), reread: (ref) => awaited(media.reread(ref)) }
}

/** A tool that found its file gone, or its disk full, may have called the content bad. */
async function blamed(fault: Fault, media: TaskMedia | null): Promise<Fault> {
  if (media === null || fault.code === 'task/cancelled') return fault
  return media.settled().then(() => fault, (e: unknown) => (e instanceof Fault ? e : fault))
}

function asFault(e: unknown): Fault {
  if (e instanceof Fault) return e
  if (e instanceof Error && /allocation failed|Failed to allocate memory|Cannot create a Buffer larger/i.test(e.message)) return new Fault('stage/memory', `the stage was refused memory: ${e.message}`, { cause: e })
  if (e instanceof Error && /No space left on device/.test(e.message)) return new Fault('media/full', `no room left: ${e.message}`, { cause: e })
  if (e instanceof Error && 'code' in e && typeof e.code === 'string') {
    if (isFaultCode(e.code)) return new Fault(e.code, e.message, { cause: e })
    if (e.code === 'ERR_ACCESS_DENIED' && 'permission' in e && e.permission === 'FileSystemWrite') return new Fault('media/outside', `the stage may write in its scratch folder only, and tried ${'resource' in e ? String(e.resource) : 'elsewhere'}`, { cause: e })
    if (e.code === 'ENOSPC') return new Fault('media/full', `no room left: ${e.message}`, { cause: e })
    if (e.code === 'ENOENT' && 'syscall' in e && String(e.syscall).startsWith('spawn')) return new Fault('tool/missing', `${e.message}: install it on this machine`, { cause: e })
  }
  return new Fault('stage/failed', e instanceof Error ? e.message : String(e), { cause: e })
}

function say(message: FromChild): void {
  if (process.connected) send?.(message)
}

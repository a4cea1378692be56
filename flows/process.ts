/**
 * Keeps the Node-RED process: started again when it ends, killed when it stands still, begun in safe mode (editor, no flows)
 * when it stood still or crashes again and again, so that the flow that did it can be mended. When it does so without flows, too, palettes
 * that somebody installed are left out.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { NOTHING_HELD, without, type Held, type NodePlace } from '../core/tasks/held.ts'
import type { StageCount } from '../core/tasks/port.ts'
import { takeEntered } from './entered.ts'
import { credentialKey, installFlow } from './install.ts'
import { installedPalettes, npmEnvironment } from './installed.ts'
import type { FromChild, ToChild } from './ipc.ts'
import type { Palette } from './palette.ts'
import type { FlowEntry } from './red.ts'
import { remember, type Logger, type Said } from './said.ts'
import type { Pipeline } from './shipped.ts'
import { openVersions } from './versions.ts'

export interface FlowsOptions {
  readonly userDir: string // flows.json, Node-RED's settings, the generated palette
  readonly socketPath: string // where Node-RED listens; at most 107 bytes on Linux
  readonly credentialKeyPath: string // made when it is not there
  readonly credentialKeyOutside?: string | null // a file that has it instead, outside of what is backed up
  readonly coreSocket: string // where core answers the board's HTTP port
  readonly token: string // by which core knows it
  readonly secret: string // of signFlowToken
  readonly palette: Palette
  readonly defaultFlow: readonly FlowEntry[]
  readonly pipelines?: readonly Pipeline[] // that can be restored one by one
  readonly palettes?: () => boolean // whether palettes of others may be installed; asked at each start
  readonly logger: Logger
  readonly onChange?: () => void // it runs, or does not, for another reason; more or less is held that people see
  readonly onReady?: (state: FlowsState) => void // the editor answers; after every start
  readonly onExit?: (why: string) => void
  readonly maxHeap_mib?: number
  readonly hang_ms?: number // silence after which its event loop counts as standing still
  readonly nodePath?: string
  readonly entry?: string // of the process, where its work is not asked of core
}

export interface FlowsState {
  readonly ready: boolean // the editor answers
  readonly running: boolean // flows are deployed and started
  readonly stopped: string | null // why they are not, where Node-RED says so: node types that nobody installed
  readonly aside: string | null // flows.json was no flow; it is kept under this name until the next deploy says what is right
  readonly safe: { readonly since_ms: number; readonly why: 'stalled' | 'crashing' | 'broken flow file'; readonly last: NodePlace | null } | null // for the banner; over with the next deploy
  readonly leftOut: boolean // palettes that were installed are not loaded, until `restart`
  readonly starts: number
  readonly pid: number | null
  readonly rss_bytes: number | null
  readonly held: Held
}

export interface Flows {
  ready(): boolean
  readonly safeMode: boolean
  state(): FlowsState
  held(): Held
  /** Shown beneath the stages in the editor. */
  count(counts: readonly StageCount[]): void
  /** Stages that no device can do the work of, and why: said on their nodes. */
  setUnable(why: Readonly<Record<string, string>>): void
  /** What is held is sent once more, by the wires of now. */
  resend(seqs: readonly string[]): void
  /** A person says that it has ended. */
  dismiss(seqs: readonly string[]): void
  /** What Node-RED said, oldest first. */
  said(): readonly Said[]
  /** Ends safe mode, too, and tries again what was left out. @param meanwhile Done while Node-RED is down; it starts again also when that fails. */
  restart(meanwhile?: () => Promise<void>): Promise<void>
  stop(): Promise<void>
}

/** Loading a few hundred modules from a slow disk that others use, too; a start that is only slow must not end in safe mode. */
const LOAD_MS = 60_000
const STOP_MS = 5_000
/** So many crashes within so long: it is the flows. The longer one is for those that run a while before they end it. */
const TOO_MANY = [{ crashes: 3, within_ms: 60_000 }, { crashes: 10, within_ms: 3_600_000 }] as const
const BACKOFF_MS = 100
const BACKOFF_MAX_MS = 30_000
const SETPRIV = '/usr/bin/setpriv'

export async function startFlows(options: FlowsOptions): Promise<Flows> {
  const { hang_ms = 10_000 } = options
  const logger = remember(options.logger, Date.now)
  const enteredPath = `${options.socketPath}.entered`
  const key = await credentialKey(options.credentialKeyPath, options.credentialKeyOutside ?? null, options.userDir, logger.warn)
  let child: ChildProcess | null = null
  const look_ms = Math.min(1_000, hang_ms / 4)
  let silent_ms = 0 // in looks of the watchdog: while this process itself stands still (paused, suspended) it is nobody's silence
  let patience_ms = LOAD_MS
  let loaded = false // what was in the file: what is started after that was deployed
  let stalled = false
  let stopping = false // what ends now ends because it was told to
  let over = false
  let life = 0 // each start, and each end, makes what was being started before nobody's
  let crashes: number[] = [] // UTC epoch, ms; within the last hour
  let again: NodeJS.Timeout | undefined
  let turn = Promise.resolve() // of those who want it restarted
  let foreign = 0 // palettes that were installed, at the last start
  let counts: readonly StageCount[] = []
  let unable: Readonly<Record<string, string>> = {}
  let state: FlowsState = { ready: false, running: false, stopped: null, aside: null, safe: null, leftOut: false, starts: 0, pid: null, rss_bytes: null, held: NOTHING_HELD }
  const set = (change: Partial<FlowsState>) => {
    const before = state
    state = { ...state, ...change }
    if ((['running', 'stopped', 'aside', 'safe', 'leftOut'] as const).some((of) => state[of] !== before[of]) || state.held.stuck !== before.held.stuck) options.onChange?.()
  }

  async function start(): Promise<void> {
    const mine = ++life
    if (state.safe?.why !== 'broken flow file') await install()
    foreign = (await installedPalettes(options.userDir)).length
    if (mine !== life) return
    const started = launch(options)
    child = started
    silent_ms = 0
    patience_ms = LOAD_MS
    loaded = state.safe !== null
    set({ starts: state.starts + 1, pid: started.pid ?? null, ready: false, running: false, stopped: null })
    lines(started, logger)
    started.on('message', (message: FromChild) => hear(message))
    started.once('error', (error) => logger.error(`Node-RED could not be started: ${error.message}`))
    started.once('close', (code, signal) => closed(code, signal))
    tell({
      kind: 'begin', userDir: options.userDir, socketPath: options.socketPath, coreSocket: options.coreSocket,
      token: options.token, secret: options.secret, credentialKey: key, palette: options.palette, pipelines: options.pipelines ?? [], safeMode: state.safe !== null,
      enteredPath, palettes: state.leftOut ? 'left out' : options.palettes?.() ? 'on' : 'off',
    })
  }

  async function install(): Promise<void> {
    const file = await installFlow(options.userDir, options.defaultFlow, async () => (await openVersions(join(options.userDir, 'versions')).list())[0]?.flow ?? null, Date.now())
    if (!('aside' in file)) return
    set({ aside: file.aside })
    if (file.found === 'restored') return logger.warn(`flows.json was no flow: it is kept as ${file.aside}, and what was deployed before runs`)
    logger.error(`flows.json is no flow, and no deploy before it is known: it is kept as ${file.aside}, and nothing is routed until flows are deployed`)
    set({ safe: { since_ms: Date.now(), why: 'broken flow file', last: null } })
  }

  function hear(message: FromChild): void {
    silent_ms = 0
    switch (message.kind) {
      case 'ready':
        patience_ms = hang_ms
        set({ ready: true })
        tell({ kind: 'counts', counts })
        tell({ kind: 'unable', why: unable })
        return options.onReady?.(state)
      case 'flows': // in safe mode nothing starts until somebody deployed
        if (message.running) patience_ms = hang_ms
        set({ running: message.running, stopped: message.why, ...(message.running ? { safe: null, ...(loaded ? { aside: null } : {}) } : {}) })
        loaded ||= message.running || message.why !== null
        return
      case 'beat':
        return set({ rss_bytes: message.rss_bytes, held: message.held })
      case 'log':
        return logger[message.level](message.text)
    }
  }

  function closed(code: number | null, signal: NodeJS.Signals | null): void {
    child = null
    set({ ready: false, running: false, stopped: null, pid: null, rss_bytes: null, held: NOTHING_HELD })
    const why = stalled ? `stood still for ${hang_ms / 1000} s` : signal ? `ended by ${signal}` : `ended with ${code}`
    options.onExit?.(why)
    if (stopping) return
    const now_ms = Date.now()
    // Killed from outside says nothing against the flows; out of heap is SIGABRT.
    if (!stalled && signal !== 'SIGKILL' && signal !== 'SIGTERM') crashes = [...crashes.filter((at_ms) => at_ms > now_ms - TOO_MANY[1].within_ms), now_ms]
    const last = takeEntered(enteredPath, options.userDir)
    const failed = stalled ? 'stalled' : areTooMany(crashes, now_ms) ? 'crashing' : null
    if (failed !== null && state.safe === null) {
      set({ safe: { since_ms: now_ms, why: failed, last } })
      crashes = []
    } else if (failed !== null && foreign > 0 && !state.leftOut) {
      set({ leftOut: true }) // no flow ran
      crashes = []
    }
    const wait_ms = Math.min(BACKOFF_MS * 2 ** crashes.length, BACKOFF_MAX_MS)
    stalled = false
    logger.warn(`Node-RED ${why}; started again in ${wait_ms / 1000} s${state.safe ? `, in safe mode (${state.safe.why}): the editor works, no flow runs until the next deploy` : ''}${state.leftOut ? '; palettes that were installed are left out' : ''}`)
    startIn(wait_ms)
  }

  function startIn(wait_ms: number): void {
    if (over) return
    again = setTimeout(() => {
      start().catch((error: unknown) => {
        logger.error(`Node-RED could not be started, tried again in ${BACKOFF_MAX_MS / 1000} s: ${String(error)}`)
        startIn(BACKOFF_MAX_MS)
      })
    }, wait_ms)
  }

  const watchdog = setInterval(() => {
    if (!child || stalled) return
    silent_ms += look_ms
    if (silent_ms < patience_ms) return
    stalled = true
    child.kill('SIGKILL')
  }, look_ms)
  watchdog.unref()

  const tell = (message: ToChild) => {
    if (child?.connected) child.send(message, (error) => { if (error) logger.warn(`Node-RED did not hear “${message.kind}”: ${error.message}`) })
  }

  async function end(): Promise<void> {
    clearTimeout(again)
    life++
    const ending = child
    if (!ending) return
    const closed = new Promise<void>((resolve) => ending.once('close', () => resolve()))
    ending.kill('SIGTERM')
    const late = setTimeout(() => ending.kill('SIGKILL'), STOP_MS)
    await closed
    clearTimeout(late)
  }

  await start()
  return {
    ready: () => state.ready,
    get safeMode() { return state.safe !== null },
    state: () => state,
    held: () => state.held,
    count(next) {
      counts = next
      tell({ kind: 'counts', counts })
    },
    setUnable(why) {
      if (JSON.stringify(why) === JSON.stringify(unable)) return
      unable = why
      tell({ kind: 'unable', why })
    },
    resend(seqs) {
      set({ held: without(state.held, seqs) })
      tell({ kind: 'resend', seqs })
    },
    dismiss(seqs) {
      set({ held: without(state.held, seqs) })
      tell({ kind: 'dismiss', seqs })
    },
    said: logger.lines,
    restart(meanwhile) {
      const mine = turn.then(async () => {
        stopping = true
        await end()
        try {
          await meanwhile?.()
        } finally {
          stopping = over
          crashes = []
          set({ safe: null, leftOut: false })
          if (!over) await start().catch((error: unknown) => {
            startIn(BACKOFF_MAX_MS)
            throw error
          })
        }
      })
      turn = mine.catch(() => undefined)
      return mine
    },
    async stop() {
      stopping = over = true
      clearInterval(watchdog)
      await end()
    },
  }
}

/** @param crashes When they were, UTC epoch, ms. */
export const areTooMany = (crashes: readonly number[], now_ms: number): boolean =>
  TOO_MANY.some((most) => crashes.filter((at_ms) => at_ms > now_ms - most.within_ms).length >= most.crashes)

/** Secrets go over the pipe, never into arguments or environment. Where the kernel can, it kills the child with us; else the closed pipe tells it. */
function launch({ userDir, maxHeap_mib = 256, nodePath = process.execPath, entry = fileURLToPath(new URL('./child.ts', import.meta.url)) }: FlowsOptions): ChildProcess {
  // Small new space: 28 MB less at rest, and messages are few.
  const command = [nodePath, `--max-old-space-size=${maxHeap_mib}`, '--max-semi-space-size=2', '--disable-warning=ExperimentalWarning', entry]
  const bound = process.platform === 'linux' && existsSync(SETPRIV) ? [SETPRIV, '--pdeathsig', 'KILL', '--', ...command] : command
  const { TZ, LANG, VIEWSHED_BREAK } = process.env
  return spawn(bound[0]!, bound.slice(1), { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], env: { ...npmEnvironment(userDir), TZ, LANG, VIEWSHED_BREAK } })
}

function lines(child: ChildProcess, logger: Logger): void {
  createInterface({ input: child.stdout! }).on('line', (line) => logger.info(line))
  createInterface({ input: child.stderr! }).on('line', (line) => logger.warn(line))
}

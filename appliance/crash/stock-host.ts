/**
 * A Node-RED as people have it: installed from npm into an empty folder, together with the packed palette, started by its own command,
 * set up and deployed through its own doors.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { AnyPlugin } from '../../core/contract/plugin.ts'
import { freePort } from '../../core/http/free-port.ts'
import type { FlowEntry } from '../../flows/red.ts'
import manifest from '../../package.json' with { type: 'json' }
import { pack } from '../palette.ts'
import { deploy, type FlowHost } from './flow-host.ts'

const REGISTRY = 'https://registry.npmjs.org'
const AGAIN_MS = 200
/** A first start on a slow disk. */
const PATIENCE_MS = 90_000

/** Why no stock Node-RED can be had here; null: it can. */
export async function whyNoStock(): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)('npm', ['view', `node-red@${manifest.dependencies['node-red']}`, 'version', '--prefer-offline', '--fetch-retries=0', '--fetch-timeout=15000'], { timeout: 30_000 })
    return stdout.trim() === '' ? `${REGISTRY} knows no Node-RED ${manifest.dependencies['node-red']}` : null
  } catch {
    return `npm does not reach its registry`
  }
}

/** Packs the palette and installs it with Node-RED into `folder`, which is empty. */
export async function installStock(folder: string, plugins: readonly AnyPlugin[]): Promise<void> {
  await mkdir(folder, { recursive: true })
  const packed = await pack(join(folder, '..', 'packed'), plugins)
  await promisify(execFile)('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error', `node-red@${manifest.dependencies['node-red']}`, packed], { cwd: folder, timeout: 300_000 })
}

export interface StockHost extends FlowHost {
  readonly port: number
  /** Until its editor answers. */
  answers(): Promise<void>
}

/** @param folder Where `installStock` was. @param userDir Flows, settings. Started again whenever it ends, as by systemd. */
export async function startStock(folder: string, userDir: string, say: (line: string) => void = () => undefined): Promise<StockHost> {
  const port = await freePort()
  let child: ChildProcess | null = null
  let stopping = false

  function start(): void {
    if (stopping) return
    const started = spawn(process.execPath, ['node_modules/node-red/red.js', '-u', userDir, '-p', String(port), '-D', 'uiHost=127.0.0.1', '--no-telemetry'], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] })
    child = started
    started.stdout!.setEncoding('utf8').on('data', (text: string) => { for (const line of text.split('\n')) if (/\[(warn|error)\]/.test(line)) say(`node-red: ${line}`) })
    started.once('exit', () => {
      child = null
      setTimeout(start, AGAIN_MS)
    })
  }

  start()
  const host: StockHost = {
    port,
    pid: () => child?.pid ?? null,
    held: () => 0, // core is told
    trouble: () => null,
    deploy: (flow) => deploy({ port, path: '/flows' }, flow),
    async answers() {
      const until_ms = performance.now() + PATIENCE_MS
      while (!(await fetch(`http://127.0.0.1:${port}/settings`).then(({ ok }) => ok, () => false))) {
        if (performance.now() > until_ms) throw new Error('Node-RED does not answer')
        await wait(AGAIN_MS)
      }
    },
    async stop() {
      stopping = true
      if (!child) return
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      const late = setTimeout(() => child?.kill('SIGKILL'), 5_000)
      await ended
      clearTimeout(late)
    },
  }
  await host.answers()
  return host
}

/** The node in which somebody said where their appliance is. */
export const applianceNode = (address: string, key?: string): FlowEntry => ({ id: 'appliance', type: 'viewshed', name: '', address, ...(key === undefined ? {} : { credentials: { key } }) })

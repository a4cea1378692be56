/**
 * `npm run demo`: the whole appliance on embedded defaults, over the bundled sample or somebody's own files.
 * Sources are only read. What it makes lies in a folder of its own; with `--once` that folder goes when it ends.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises'
import { isAbsolute, join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { Fault } from '../core/contract/fault.ts'
import { client, type Client } from '../core/http/client.ts'
import type { StatusView } from '../core/http/api.ts'
import type { Config } from './config.ts'
import { progressBar } from './progress-bar.ts'
import { readResult } from './result.ts'

import { ensureSample } from './sample/sample.ts'
import { serve, type Appliance } from './serve.ts'

const POLL_MS = 200

export async function demo(args: readonly string[]): Promise<void> {
  process.env.VIEWSHED_LOG ??= 'error' // its own words are enough
  const { values, positionals } = parseArgs({
    args: [...args], allowPositionals: true,
    options: { once: { type: 'boolean', default: false }, json: { type: 'boolean', default: false }, port: { type: 'string' } },
  })
  const cwd = process.env.INIT_CWD ?? process.cwd()
  const started_ms = Date.now()
  const home = values.once ? await onceFolder() : await demoFolder()
  const given = positionals.length > 0 ? positionals : [await ensureSample(join(home, 'sample'))]
  const inboxes = await Promise.all(given.map(async (path) => ({ path: await whereIs(resolve(cwd, path)), once: true })))

  const appliance = await startAt(values.port === undefined ? null : Number(values.port), values.once, (port) => demoConfig(home, port, inboxes))
  const stop = async (code: number) => {
    await appliance.close()
    if (values.once) await rm(home, { recursive: true, force: true })
    process.exit(code)
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop(130))

  const { api, enter } = await signIn(appliance)
  const bar = progressBar(process.stderr)
  const last = await untilSettled(api, (status) => bar.show(status))
  bar.end(`${last.totals.assets} files, ${last.totals.drives} drives, ${last.totals.plates} plates in ${Math.round((Date.now() - started_ms) / 1000)} s`)

  const asGiven = (absolute: string): string => {
    for (const [i, { path }] of inboxes.entries()) {
      if (absolute === path) return given[i]!
      const inside = relative(path, absolute)
      if (inside !== '' && !inside.startsWith('..') && !isAbsolute(inside)) return join(given[i]!, inside)
    }
    return absolute
  }
  const result = await readResult(api, asGiven, (Date.now() - started_ms) / 1000)
  if (values.json) process.stdout.write(JSON.stringify(result) + '\n')
  else {
    for (const { path, code, message } of result.refused) process.stderr.write(`  not taken: ${path}: ${message} (${code})\n`)
    for (const { plate, at_s, confidence } of result.sightings) process.stderr.write(`  ${plate.padEnd(9)} at ${at_s.toFixed(1).padStart(6)} s, ${Math.round(confidence * 100)} %\n`)
  }
  if (values.once) return stop(0)
  process.stderr.write(`\n  Open ${enter}\n  It signs you in once. Ctrl-C ends the demo.\n\n`)
}

/** Where a path leads, links followed: files are named by that, and told to the person as they gave it. */
async function whereIs(path: string): Promise<string> {
  return realpath(path).catch((e: unknown) => { throw new Fault('media/missing', `${path} is not there: give files or folders that exist`, { cause: e }) })
}

async function onceFolder(): Promise<string> {
  const base = resolve('.viewshed')
  await mkdir(base, { recursive: true })
  return mkdtemp(join(base, 'once-'))
}

async function demoFolder(): Promise<string> {
  const home = resolve('.viewshed/demo')
  await rm(home, { recursive: true, force: true })
  await mkdir(home, { recursive: true })
  return home
}

const demoConfig = (home: string, port: number, inboxes: readonly { path: string; once: boolean }[]): Config => ({
  name: 'demo', folder: join(home, 'config'), host: '127.0.0.1', port, mqttPort: 0, mqtt: null, trustProxy: false, tiles: null,
  volumes: { media: process.env.VIEWSHED_MEDIA ?? join(home, 'media'), archive: join(home, 'archive') }, inbox: inboxes[0]!.path,
  plugins: { folder: { inboxes }, inference: { models: join(home, 'config', 'models') }, archive: { enabled: true } },
})

/** On 8080 when it is free, so that the address is easy to say. */
async function startAt(port: number | null, once: boolean, config: (port: number) => Config): Promise<Appliance> {
  if (port !== null || once) return serve(config(port ?? 0))
  try {
    return await serve(config(8080))
  } catch (e) {
    if (!(e instanceof Error && 'code' in e && e.code === 'EADDRINUSE')) throw e
    return serve(config(0))
  }
}

/** Sets the appliance up as its first person would, by the setup link. */
async function signIn(appliance: Appliance): Promise<{ api: Client; enter: string }> {
  const token = await appliance.access.setupToken()
  const answer = await fetch(`${appliance.url}/api/setup`, {
    method: 'POST', headers: { 'content-type': 'application/json', origin: appliance.url },
    body: JSON.stringify({ token, name: 'demo', password: randomBytes(12).toString('base64url') }),
  })
  if (!answer.ok) throw new Error(`the setup link was refused: ${await answer.text()}`)
  const cookie = answer.headers.get('set-cookie')!.split(';')[0]!
  return { api: client({ baseUrl: appliance.url, headers: { cookie, origin: appliance.url } }), enter: appliance.enterLink(cookie) }
}

/** Nothing is under way any more: every file was looked at, every task ended, every record is in the index. */
async function untilSettled(api: Client, show: (status: StatusView) => void): Promise<StatusView> {
  for (;;) {
    const status = await api.status({})
    show(status)
    if (!status.settling && status.tasks.pending === 0 && status.tasks.running === 0) return status
    await new Promise((done) => setTimeout(done, POLL_MS))
  }
}

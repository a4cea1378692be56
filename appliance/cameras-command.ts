/** `viewshed cameras …`: asks the running appliance, by the token in its own folder. */
import { parseArgs } from 'node:util'
import { Fault } from '../core/contract/fault.ts'
import type { Answer, CameraDetail, CameraView } from '../core/http/api.ts'
import { askCore } from './core-request.ts'
import { columns } from './devices.ts'
import { running } from './door.ts'
import { size } from './retention.ts'

const USAGE = 'viewshed cameras [list | NAME] [--json] | pause NAME | resume NAME | hint NAME | skip NAME CLIP… | retry NAME [CLIP…]'

export async function cameras(args: readonly string[]): Promise<void> {
  const { words, json } = given(args)
  const [verb = 'list', name, ...clips] = words
  const core = await running()
  const say = (line: string) => void process.stdout.write(`${line}\n`)
  const post = <T>(what: string, body: object = {}) => askCore<T>(core, 'POST', `/api/cameras/${encodeURIComponent(name!)}/${what}`, body)
  const wants = (fits: boolean) => { if (!fits) throw new Fault('input/invalid', `Usage: ${USAGE}`) }
  if (verb === 'list') {
    wants(name === undefined)
    const answer = await askCore<Answer<'cameras'>>(core, 'GET', '/api/cameras')
    say(json ? JSON.stringify(answer) : table(answer.cameras, Date.now()))
  } else if (verb === 'pause' || verb === 'resume') {
    wants(name !== undefined && clips.length === 0)
    await post('mode', { mode: verb === 'pause' ? 'paused' : 'working' })
    say(verb === 'pause' ? `${name} is paused: it is left alone until you resume it.` : `${name} is emptied while it is in reach.`)
  } else if (verb === 'hint') {
    wants(name !== undefined && clips.length === 0)
    await post('here')
    say(`${name} is asked now.`)
  } else if (verb === 'skip' || verb === 'retry') {
    wants(name !== undefined && (verb === 'retry' || clips.length > 0))
    const { changed } = await post<{ changed: number }>(verb, clips.length > 0 ? { clips } : {})
    say(verb === 'skip' ? `${changed} stay on the camera.` : `${changed} are tried now.`)
  } else {
    wants(words.length === 1)
    const camera = await askCore<CameraDetail>(core, 'GET', `/api/cameras/${encodeURIComponent(verb)}`)
    say(json ? JSON.stringify(camera) : detail(camera, Date.now()))
  }
}

function given(args: readonly string[]): { words: string[]; json: boolean } {
  try {
    const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options: { json: { type: 'boolean' } } })
    return { words: positionals, json: values.json ?? false }
  } catch (e) {
    if (e instanceof TypeError) throw new Fault('input/invalid', `${e.message}. Usage: ${USAGE}`, { cause: e })
    throw e
  }
}

/** Columns of words, for a person. */
export function table(all: readonly CameraView[], now_ms: number): string {
  if (all.length === 0) return 'No camera is watched. Name one in viewshed.yaml; the README says how.'
  return columns(all.map((camera) => {
    const { waiting, failed, skipped, in: arrived } = camera.counts
    return [camera.id, camera.maker, stateOf(camera, now_ms), `${arrived} in`, `${waiting} waiting${camera.waiting_bytes > 0 ? ` (${size(camera.waiting_bytes)})` : ''}`, `${failed} failed`, `${skipped} skipped`]
  })).join('\n')
}

export function detail(camera: CameraDetail, now_ms: number): string {
  return [
    table([camera], now_ms), ...camera.rules.map((rule) => `  ${rule}`), '',
    ...columns(camera.clips.map(({ name, channel, event, bytes, state, why, again_ms }) =>
      [name, channel, event, bytes === null ? '' : size(bytes), state, `${why ?? ''}${again_ms === null ? '' : `; again in ${Math.max(0, Math.round((again_ms - now_ms) / 1000))} s`}`])),
    ...(camera.more > 0 ? [`and ${camera.more} more`] : []),
  ].join('\n')
}

export function stateOf(camera: CameraView, now_ms: number): string {
  if (camera.paused_by !== null) return camera.paused_by === 'person' ? 'paused' : 'paused in viewshed.yaml'
  if (!camera.watched) return 'not watched now'
  if (camera.trouble !== null) return camera.trouble
  const [first] = camera.fetching
  if (first) return `fetches ${first.name}${first.bytes ? `, ${Math.floor((100 * first.done_bytes) / first.bytes)} %` : ''}`
  if (camera.address !== null) return `there, at ${camera.address}`
  return camera.seen_ms === null ? 'not seen yet' : `away for ${span(now_ms - camera.seen_ms)}`
}

function span(ms: number): string {
  const minutes = Math.max(0, Math.round(ms / 60_000))
  return minutes < 120 ? `${minutes} min` : minutes < 2 * 24 * 60 ? `${Math.round(minutes / 60)} h` : `${Math.round(minutes / 60 / 24)} days`
}

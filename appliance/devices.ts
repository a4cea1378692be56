/** `viewshed devices …`: asks the running appliance, by the token in its own folder. */
import { parseArgs } from 'node:util'
import { Fault } from '../core/contract/fault.ts'
import type { Answer, DeviceView, JoiningView } from '../core/http/api.ts'
import type { Mode } from '../core/devices/settings.ts'
import { requestCore, type CoreAddress } from './core-request.ts'
import { running } from './door.ts'

const MODES: Readonly<Record<string, Mode>> = { pause: 'paused', resume: 'working', drain: 'draining' }
const USAGE = 'viewshed devices [--json] | accept CODE [--name NAME] [--stages a,b] | refuse CODE | pause NAME | resume NAME | drain NAME | revoke NAME'

export async function devices(args: readonly string[]): Promise<void> {
  const { words, json, name, stages } = given(args)
  const [verb, of, more] = words
  if (more !== undefined || (verb === undefined) !== (of === undefined)) throw new Fault('input/invalid', USAGE)
  const core = await running()
  const say = (line: string) => process.stdout.write(`${line}\n`)
  if (verb === undefined) {
    const answer = await ask<Answer<'devices'>>(core, 'GET', '/api/devices')
    say(json ? JSON.stringify(answer) : table(answer.devices, answer.joining, Date.now()))
  } else if (verb === 'accept') {
    const { device } = await ask<Answer<'acceptDevice'>>(core, 'POST', '/api/joining/accept', { code: codeOf(of!), ...(name === undefined ? {} : { name }), ...(stages === undefined ? {} : { stages: stages.split(',') }) })
    say(`${device} joined. It may run ${stages === undefined ? 'all that it can' : stages.split(',').join(', ')}.`)
  } else if (verb === 'refuse') {
    await ask(core, 'POST', '/api/joining/refuse', { code: codeOf(of!) })
    say('Refused.')
  } else if (verb === 'revoke') {
    await ask(core, 'DELETE', `/api/devices/${encodeURIComponent(of!)}`)
    say(`${of} is revoked: its token is void, and its work is offered again.`)
  } else if (Object.hasOwn(MODES, verb)) {
    await ask(core, 'POST', `/api/devices/${encodeURIComponent(of!)}/mode`, { mode: MODES[verb] })
    say(`${of} is ${MODES[verb]}.`)
  } else throw new Fault('input/invalid', USAGE)
}

function given(args: readonly string[]): { words: string[]; json: boolean; name: string | undefined; stages: string | undefined } {
  try {
    const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options: { json: { type: 'boolean' }, name: { type: 'string' }, stages: { type: 'string' } } })
    return { words: positionals, json: values.json ?? false, name: values.name, stages: values.stages }
  } catch (e) {
    if (e instanceof TypeError) throw new Fault('input/invalid', `${e.message}. ${USAGE}`, { cause: e })
    throw e
  }
}

/** As somebody types it who reads it off another screen. */
export const codeOf = (typed: string): string => typed.toUpperCase().replaceAll(/[^0-9A-Z]/g, '').replace(/^(.{3})(.+)$/, '$1-$2')

/** Columns of words, for a person. */
export function table(devices: readonly DeviceView[], joining: readonly JoiningView[], now_ms: number): string {
  const rows = devices.map((device) => [device.id, stateOf(device, now_ms), machineOf(device.capability), `${device.running.length} running`, `${device.done} done`, `${device.failed} failed`, device.waiting > 0 ? `${device.waiting} wait for it` : ''])
  const doors = joining.map(({ code, name, address, ends_ms }) => `${code}  ${name} at ${address}, for another ${Math.max(1, Math.ceil((ends_ms - now_ms) / 60_000))} min`)
  return [...columns(rows), ...(doors.length > 0 ? ['', 'Wait to be accepted:', ...doors] : [])].join('\n')
}

function stateOf({ online, rests, last_seen_ms }: DeviceView, now_ms: number): string {
  if (online) return rests ?? 'works'
  if (last_seen_ms === null) return 'not seen yet'
  const minutes = Math.max(0, Math.round((now_ms - last_seen_ms) / 60_000))
  return `away for ${minutes < 120 ? `${minutes} min` : minutes < 2 * 24 * 60 ? `${Math.round(minutes / 60)} h` : `${Math.round(minutes / 60 / 24)} days`}`
}

function machineOf(capability: DeviceView['capability']): string {
  if (capability === null) return '-'
  const { cores, memory_mib, gpus } = capability
  return [`${cores} cores`, `${Math.round(memory_mib / 1024)} GB`, ...gpus.map(({ name }) => name)].join(', ')
}

export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows.reduce<number[]>((wide, row) => row.map((cell, i) => Math.max(wide[i] ?? 0, cell.length)), [])
  return rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i]!)).join('  ').trimEnd())
}

async function ask<T>(core: CoreAddress, method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<T> {
  const answer = await requestCore(core, { method, path, ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }) })
  let text = ''
  for await (const part of answer.setEncoding('utf8')) text += part as string
  return JSON.parse(text) as T
}

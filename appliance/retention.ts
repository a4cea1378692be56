/** `viewshed retention …`: asks the running appliance, by the token in its own folder. */
import { Fault } from '../core/contract/fault.ts'
import type { Answer } from '../core/http/api.ts'
import type { RetentionView } from '../core/retention/desk.ts'
import { askCore } from './core-request.ts'
import { running } from './door.ts'

const USAGE = 'viewshed retention [report [REASON] | run | undo ID… | undo all | on NAME | off]'

export async function retention(args: readonly string[]): Promise<void> {
  const [verb = 'report', ...rest] = args
  const core = await running()
  const say = (line: string) => void process.stdout.write(`${line}\n`)
  const wants = (count: number) => { if (rest.length !== count) throw new Fault('input/invalid', `Usage: ${USAGE}`) }
  if (verb === 'report') {
    if (rest.length > 1) wants(1)
    const reason = rest[0] === undefined ? '' : `&reason=${encodeURIComponent(rest[0])}`
    say(report(await askCore<RetentionView>(core, 'GET', `/api/retention?limit=1000${reason}`), rest[0] !== undefined))
  } else if (verb === 'run') {
    wants(0)
    const note = await askCore<Answer<'runRetention'>>(core, 'POST', '/api/retention/run', {})
    say(`${note.moved} files to the trash (${size(note.moved_bytes)}), ${note.freed} gone for good (${size(note.freed_bytes)}), ${note.asked} smaller copies asked for.`)
    for (const { name, why } of note.refused) say(`  stays: ${name}: ${why}`)
  } else if (verb === 'undo') {
    if (rest.length === 0) throw new Fault('input/invalid', `Which? 'viewshed retention' lists the trash. Usage: ${USAGE}`)
    const { back, refused } = await askCore<Answer<'undoRetention'>>(core, 'POST', '/api/retention/undo', rest[0] === 'all' ? {} : { ids: rest })
    say(`${back} back at ${back === 1 ? 'its place, and marked keep' : 'their places, and marked keep'}.`)
    for (const { name, why } of refused) say(`  not back: ${name}: ${why}`)
  } else if (verb === 'on' || verb === 'off') {
    wants(verb === 'on' ? 1 : 0)
    await askCore(core, 'POST', '/api/retention/settings', verb === 'on' ? { on: true, name: rest[0] } : { on: false })
    say(verb === 'on' ? 'Retention is on. Files go to the trash first; viewshed retention undo brings them back.' : 'Retention is off: it only reports.')
  } else throw new Fault('input/invalid', `Usage: ${USAGE}`)
}

/** For a person: sums first, then what is in the trash; with `lines` every file and its reason. */
export function report(view: RetentionView, lines: boolean): string {
  const wins = view.groups.reduce((sum, group) => sum + group.wins_bytes, 0)
  const going = view.groups.filter((group) => group.goes).reduce((sum, { files }) => sum + files, 0)
  return [
    `Retention is ${view.on ? `on; it runs at ${view.next}` : 'off: this is a report only'}. ${going} files would go (${size(wins)}), ${view.makes} smaller copies are yet to be made.`,
    ...view.says.map((rule) => `  ${rule}`), '',
    ...view.groups.map(({ reason, goes, files, bytes }) => `${goes ? 'goes ' : 'stays'}  ${reason.padEnd(13)} ${String(files).padStart(7)} files  ${size(bytes).padStart(9)}`),
    ...(lines ? ['', ...view.lines.map(({ goes, role, name, media, why }) => `${goes ? 'goes ' : 'stays'}  ${role.padEnd(9)} ${name}  ${size(media.bytes)}  ${why}`)] : []),
    ...(view.trash.length === 0 ? [] : ['', 'In the trash:', ...view.trash.map(({ id, name, role, bytes, ends_ms }) => `${id}  ${name}, ${role}, ${size(bytes)}, until ${new Date(ends_ms).toISOString().slice(0, 10)}`)]),
  ].join('\n')
}

export function size(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  const step = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3))
  return `${(bytes / 1000 ** step).toFixed(step === 0 ? 0 : 1)} ${units[step]}`
}

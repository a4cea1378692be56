/** `viewshed volumes`: where files lie, whether they are there, and which machines are believed. */
import { Fault } from '../core/contract/fault.ts'
import { askCore } from './core-request.ts'
import { columns } from './devices.ts'
import { running } from './door.ts'
import type { VolumeLine } from './volume-routes.ts'

const USAGE = 'viewshed volumes [--json] | trust NAME'

export async function volumes(args: readonly string[]): Promise<void> {
  const [what, name, ...more] = args
  const say = (line: string) => void process.stdout.write(`${line}\n`)
  if (what === 'trust' && name !== undefined && more.length === 0) {
    const { volume } = await askCore<{ volume: VolumeLine }>(await running(), 'POST', '/api/door/volumes/trust', { name })
    if (!volume.mounted) throw new Fault('media/unmounted', `${name} is not there: ${volume.why}`)
    return say(`${name} is there. Its host key ${volume.host_key} is believed from now on.`)
  }
  if (args.length > 1 || (what !== undefined && what !== '--json')) throw new Fault('input/invalid', `Usage: ${USAGE}`)
  const answer = await askCore<{ volumes: readonly VolumeLine[] }>(await running(), 'GET', '/api/door/volumes')
  say(what === '--json' ? JSON.stringify(answer) : table(answer.volumes))
}

/** Columns of words, for a person; beneath a volume what there is to say of it. */
export function table(all: readonly VolumeLine[]): string {
  const rows = columns(all.map(({ name, kind, mounted, bytes_free, bytes_total, where }) => [
    name, kind, mounted ? 'there' : 'away', bytes_free === null ? '' : `${gb(bytes_free)}${bytes_total === null ? '' : ` of ${gb(bytes_total)}`} free`, where,
  ]))
  return all.flatMap(({ why, host_key, refused_key, name }, i) => [
    rows[i]!,
    ...(host_key === null ? [] : [`    host key ${host_key}`]),
    ...(refused_key === null ? [] : [`    refused  ${refused_key}; if that machine was set up anew: viewshed volumes trust ${name}`]),
    ...(why === null ? [] : [`    ${why}`]),
  ]).join('\n')
}

const gb = (bytes: number): string => `${(bytes / 1e9).toFixed(bytes < 1e10 ? 1 : 0)} GB`

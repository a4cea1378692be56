/** `viewshed volumes`: where files lie, whether they are there, and which machines are believed. */
import { Fault } from '../core/contract/fault.ts'
import { askCore } from './core-request.ts'
import { columns } from './devices.ts'
import { running } from './door.ts'
import type { Adoption, VolumeLine } from './volume-routes.ts'

const USAGE = 'viewshed volumes [--json] | trust NAME | adopt NAME [--yes]'

export async function volumes(args: readonly string[]): Promise<void> {
  const [what, name, ...more] = args
  const say = (line: string) => void process.stdout.write(`${line}\n`)
  if (what === 'trust' && name !== undefined && more.length === 0) {
    const { volume } = await askCore<{ volume: VolumeLine }>(await running(), 'POST', '/api/door/volumes/trust', { name })
    if (!volume.mounted) throw new Fault('media/unmounted', `${name} is not there: ${volume.why}`)
    return say(`${name} is there. Its host key ${volume.host_key} is believed from now on.`)
  }
  if (what === 'adopt' && name !== undefined && (more.length === 0 || (more.length === 1 && more[0] === '--yes'))) {
    const sure = more.length === 1
    const adoption = await askCore<Adoption>(await running(), 'POST', '/api/door/volumes/adopt', { name, sure })
    if (sure && !adoption.state.mounted) throw new Fault('media/unmounted', `${name} is not there: ${adoption.state.why}`)
    return say(sure ? adopted(name, adoption) : meaning(name, adoption))
  }
  if (args.length > 1 || (what !== undefined && what !== '--json')) throw new Fault('input/invalid', `Usage: ${USAGE}`)
  const answer = await askCore<{ volumes: readonly VolumeLine[] }>(await running(), 'GET', '/api/door/volumes')
  say(what === '--json' ? JSON.stringify(answer) : table(answer.volumes))
}

/** What adopting means, for whoever has not said yes yet. */
export function meaning(name: string, { copies, empty, marked }: Adoption): string {
  return [
    `What lies in the place of ${name} is not what was there before: ${marked ? 'it has a marker of that name, made elsewhere' : empty ? 'it is empty' : 'it has no marker, and files lie on it'}.`,
    `Adopt it when that disk, share or bucket was replaced. When it is only away, or another one is mounted there by mistake, do not: mount the right one.`,
    `Adopted, it is ${name} from now on. ${known(copies)}. Nothing is deleted or written over, there or here.`,
    `To do it: viewshed volumes adopt ${name} --yes`,
  ].join('\n')
}

const known = (copies: number): string => copies === 0 ? 'No copy is known on it' : copies === 1 ? 'One copy is known on it; it counts for nothing until viewshed verify has read it, or written it anew'
  : `${copies} copies are known on it; they count for nothing until viewshed verify has read them, or written them anew`

function adopted(name: string, { copies, state: { beside } }: Adoption): string {
  return [
    `${name} is there.${copies === 0 ? '' : ` To write there what belongs there: viewshed verify --volume ${name}`}`,
    ...(beside.length === 0 ? [] : [`${besides(beside)} Is the right disk mounted?`]),
  ].join('\n')
}

const besides = (beside: readonly string[]): string => `It lies on the same disk as ${beside.join(' and ')}: when that disk dies, both are gone.`

/** Columns of words, for a person; beneath a volume what there is to say of it. */
export function table(all: readonly VolumeLine[]): string {
  const rows = columns(all.map(({ name, kind, mounted, bytes_free, bytes_total, where }) => [
    name, kind, mounted ? 'there' : 'away', bytes_free === null ? '' : `${gb(bytes_free)}${bytes_total === null ? '' : ` of ${gb(bytes_total)}`} free`, where,
  ]))
  return all.flatMap(({ why, beside, host_key, refused_key, name }, i) => [
    rows[i]!,
    ...(host_key === null ? [] : [`    host key ${host_key}`]),
    ...(refused_key === null ? [] : [`    refused  ${refused_key}; if that machine was set up anew: viewshed volumes trust ${name}`]),
    ...(why === null ? [] : [`    ${why}`]),
    ...(beside.length === 0 ? [] : [`    ${besides(beside)}`]),
  ]).join('\n')
}

const gb = (bytes: number): string => `${(bytes / 1e9).toFixed(bytes < 1e10 ? 1 : 0)} GB`

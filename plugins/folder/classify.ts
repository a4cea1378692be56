import type { AssetDoc } from '../../core/contract/records.ts'
import type { Content } from './content.ts'
import { cardOf, channelOf, dayOf, eventOf, stemOf } from './layout.ts'

export interface Entry {
  readonly path: string // relative to the inbox, `/` between parts
  readonly bytes: number
  readonly mtime_ms: number
  readonly content: Content
}

export interface Take {
  readonly entry: Entry
  readonly camera: string | null // null: the inbox itself
  readonly channel: AssetDoc['channel']
  readonly event: AssetDoc['event']
  readonly sidecars: readonly { readonly entry: Entry; readonly format: string }[]
}

export interface Refuse { readonly entry: Entry; readonly code: 'clip/empty' | 'clip/unsupported'; readonly message: string }

export interface Decision { readonly takes: readonly Take[]; readonly refusals: readonly Refuse[] }

const LOGS = new Set<Content>(['nmea', 'gpx', '70mai', 'kaiserbaas'])

/**
 * Which files of an inbox are taken, which go beside which clip, which are refused; the rest is passed over. In order of path.
 * A log named as one clip belongs to that clip alone. One for many clips goes beside each of them and is also taken itself.
 */
export function classify(entries: readonly Entry[]): Decision {
  const sorted = entries.filter((e) => e.content !== 'ignored').toSorted((a, b) => (a.path < b.path ? -1 : 1))
  const refusals = sorted.flatMap((entry) => refusalOf(entry) ?? [])
  const fine = sorted.filter((entry) => !refusalOf(entry))
  const clips = fine.filter((e) => e.content === 'media')
  const own = new Map<Entry, Entry[]>() // clip → logs of it alone
  const shared: Entry[] = []
  for (const log of fine.filter((e) => LOGS.has(e.content))) {
    const of = log.content === '70mai' || log.content === 'kaiserbaas' ? [] : clips.filter((clip) => isNamedAlike(clip, log))
    for (const clip of of) own.set(clip, [...(own.get(clip) ?? []), log])
    if (of.length === 0) shared.push(log)
  }
  const take = (entry: Entry, logs: readonly Entry[]): Take => ({
    entry,
    camera: cardOf(entry.path).at(-1) ?? null,
    channel: channelOf(entry.path),
    event: eventOf(entry.path),
    sidecars: logs.map((log) => ({ entry: log, format: log.content })),
  })
  const takes = [
    ...clips.map((clip) => take(clip, own.get(clip) ?? shared.filter((log) => isLogOf(log, clip)))),
    ...shared.map((log) => take(log, [])),
  ]
  return { takes: takes.toSorted((a, b) => (a.entry.path < b.entry.path ? -1 : 1)), refusals }
}

function refusalOf(entry: Entry): Refuse | null {
  if (entry.bytes === 0) return { entry, code: 'clip/empty', message: 'The file is empty. The camera or the copy broke off before anything was written.' }
  if (entry.content === 'unknown') return { entry, code: 'clip/unsupported', message: 'This is no video, picture or GPS log that is known here.' }
  return null
}

const VIDEO = /\.(mp4|mov|m4v|ts|m2ts|mts|avi|mkv|3gp|360|insv)$/i

/** Same folder and same name; BlackVue writes one log for front and rear, named without the channel's letter. */
function isNamedAlike(clip: Entry, log: Entry): boolean {
  if (!VIDEO.test(clip.path)) return false
  const [a, b] = [clip.path, log.path].map((p) => stemOf(p).toLowerCase()) as [string, string]
  return a === b || (/_[a-z][fri]$/.test(a) && a.slice(0, -1) === b)
}

function isLogOf(log: Entry, clip: Entry): boolean {
  if (!VIDEO.test(clip.path) || cardOf(log.path).join('/') !== cardOf(clip.path).join('/')) return false
  const name = nameOf(clip)
  if (log.content === '70mai') return /^[A-Z]{2}\d{8}-\d{6}-\d+[A-Z]?\.[^.]+$/.test(name)
  if (log.content !== 'kaiserbaas') return false
  const [day, clipDay] = [dayOf(nameOf(log)), dayOf(name)]
  return day !== null && day === clipDay
}

const nameOf = (entry: Entry) => entry.path.split('/').at(-1)!

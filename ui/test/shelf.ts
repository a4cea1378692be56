/** Invented volumes, what lies on them, and what retention says of it. What the routes do is really done, so the pages can be seen to follow. */
import { Fault } from '../../core/contract/fault.ts'
import type { PlanLine } from '../../core/contract/retention.ts'
import type { Answer, Ask, StatusView } from '../../core/http/api.ts'
import type { World } from './world.ts'

const DAY_MS = 86_400_000
const GRACE_DAYS = 14
const MOST_PART = 0.05
const STEPS = [{ rung: '1080p', after_days: 30 }, { rung: '720p', after_days: 90 }, { rung: '540p', after_days: 210 }, { rung: 'crops', after_days: 365 }] as const
const BYTES: Record<string, number> = { '1080p': 118_000_000, '720p': 61_000_000, '540p': 33_000_000 }

type View = Answer<'retention'>
type Trashed = View['trash'][number]
type ShelfRoutes = 'retention' | 'runRetention' | 'undoRetention' | 'setRetention'
interface Item { readonly line: PlanLine; readonly trashed: Trashed | null }

export interface Shelf {
  on: boolean
  last: View['last']
  /** Volumes that are not there. */
  readonly away: Set<string>
  oneDisk: boolean // both volumes lie on it
  readonly answers: { [R in ShelfRoutes]: (query: Ask<R>) => Answer<R> }
  volumes(): StatusView['volumes']
  /** A person marked a recording keep, or no longer. */
  keep(sha256: string, on: boolean): void
  /** As it was, report only; on, with a last run and a trash; on, with the archive away; nothing recorded yet. */
  set(scene: 'report' | 'on' | 'away' | 'empty'): void
}

/** @param box its name, to be typed */
export function shelfAt(now_ms: number, world: World, box: string): Shelf {
  let items: readonly Item[] = []
  let by: string | null = null
  let since_ms: number | null = null

  const lines = (): PlanLine[] => bounded(items.flatMap(({ line, trashed }) => (trashed ? [] : [shelf.away.has('archive') ? waiting(line) : line]))).sort((a, b) => Number(b.goes) - Number(a.goes) || b.media.bytes - a.media.bytes)
  const volumes = (): View['volumes'] => SPACE.map(({ name, bytes_free, bytes_total }) => {
    const here = lines().filter(({ media }) => media.volume === name)
    const mounted = !shelf.away.has(name)
    return { name, mounted, files: here.length, there: mounted ? here.length : 0, going: here.filter(({ goes }) => goes).length, why: mounted ? null : `volume ${name} is not mounted at /mnt/${name}: its marker .viewshed/volume.json is missing. Was it replaced? Then viewshed volumes adopt ${name}`, beside: shelf.oneDisk ? SPACE.map((one) => one.name).filter((other) => other !== name) : [], bytes_free: mounted ? bytes_free : null, bytes_total: mounted ? bytes_total : null }
  })

  function groups(all: readonly PlanLine[]): View['groups'] {
    const sums = new Map<string, View['groups'][number]>()
    for (const { reason, goes, media, wins_bytes } of all) {
      const sum = sums.get(reason) ?? { reason, goes, files: 0, bytes: 0, wins_bytes: 0 }
      sums.set(reason, { ...sum, files: sum.files + 1, bytes: sum.bytes + media.bytes, wins_bytes: sum.wins_bytes + wins_bytes })
    }
    return [...sums.values()].sort((a, b) => Number(b.goes) - Number(a.goes) || b.bytes - a.bytes)
  }

  function ages(all: readonly PlanLine[]): View['ages'] {
    const weeks = new Map<number, Record<string, number>>()
    for (const { role, media, start_ms } of all) {
      const week = Math.floor((now_ms - start_ms!) / (7 * DAY_MS))
      const sums = weeks.get(week) ?? {}
      sums[role] = (sums[role] ?? 0) + media.bytes
      weeks.set(week, sums)
    }
    return [...weeks].sort(([a], [b]) => a - b).map(([week, bytes]) => ({ week, bytes }))
  }

  /** @param at_ms when it came there */
  function discard(line: PlanLine, n: number, at_ms: number): Item {
    const { sha256, name, role, media, why } = line
    return { line, trashed: { id: `01k${String(n).padStart(23, '0')}`, sha256, name, role, bytes: media.bytes, volume: media.volume, why, left: [line.to, 'archive'], at_ms, ends_ms: at_ms + GRACE_DAYS * DAY_MS } }
  }

  const shelf: Shelf = {
    on: false, last: null, away: new Set(), oneDisk: false,
    keep(sha256, on) { items = items.map((item) => (item.line.sha256 !== sha256 || item.line.media.volume === 'archive' ? item : { ...item, line: on ? stays(item.line, 'kept', 'somebody marked it keep') : stays(item.line, 'young', 'it was kept a moment ago') })) },
    volumes: () => volumes().map(({ name, mounted, why, beside, bytes_free, bytes_total }) => ({ name, mounted, why, beside, bytes_free, bytes_total })),
    set(scene) {
      const all = scene === 'empty' ? [] : [...recent(now_ms, world), ...older(now_ms)]
      shelf.on = scene === 'on' || scene === 'away'
      ;[by, since_ms] = shelf.on ? ['anna', now_ms - 40 * DAY_MS] : [null, null]
      shelf.away.clear()
      if (scene === 'away') shelf.away.add('archive')
      items = all.map((line) => ({ line, trashed: null }))
      if (!shelf.on) { shelf.last = null; return }
      let n = 0
      items = items.map((item) => (item.line.goes && n < 7 ? discard(item.line, n, now_ms - (n++ < 4 ? 11.5 : 2.4) * DAY_MS) : item))
      shelf.last = { at_ms: now_ms - 11.5 * 3_600_000, by: 'its hour', moved: 3, moved_bytes: 912e6, freed: 18, freed_bytes: 5.3e9, asked: 2, refused: [{ name: '20260811_074212_F.MP4', why: 'archive/9f31…/20260811_074212_F.MP4, which would replace it, does not read back as it was written' }] }
    },
    answers: {
      retention: ({ reason, limit }) => {
        const all = lines()
        return {
          on: shelf.on, by, since_ms, at_ms: now_ms, next: '03:00', grace_days: GRACE_DAYS, most_part: MOST_PART, steps: STEPS, last: shelf.last,
          says: [
            'On media: 1080p after 30 days, 720p after 90 days, 540p after 210 days, crops, route and best frames after 365 days.', 'Originals stay at least 14 days; what you marked keep or the camera locked never goes down.',
            'An event never goes below the original, a recording with plates or objects never below 540p.', 'An original goes only when the same bytes lie on another volume as well.', 'A run at 03:00 takes at most 5 % of the files of a volume; they rest in the trash for 14 days.',
          ],
          groups: groups(all), lines: all.filter((line) => reason === undefined || line.reason === reason).slice(0, Number(limit ?? 100)), makes: all.filter((line) => line.reason === 'to-make').length, volumes: volumes(), ages: ages(all),
          trash: items.flatMap(({ trashed }) => trashed ?? []).sort((a, b) => a.at_ms - b.at_ms),
        }
      },
      runRetention: () => {
        if (!shelf.on) throw new Fault('input/invalid', 'Retention only reports: an administrator switches it on first.')
        const going = lines().filter(({ goes }) => goes)
        let n = items.filter(({ trashed }) => trashed).length
        items = items.map((item) => (going.includes(item.line) ? discard(item.line, n++, now_ms) : item))
        return (shelf.last = { at_ms: now_ms, by: 'anna', moved: going.length, moved_bytes: going.reduce((sum, { media }) => sum + media.bytes, 0), freed: 0, freed_bytes: 0, asked: lines().filter((line) => line.reason === 'to-make').length, refused: [] })
      },
      undoRetention: ({ ids }) => {
        const asked = items.filter(({ trashed }) => trashed && (ids?.includes(trashed.id) ?? true))
        const [back, refused] = [asked.filter(({ line }) => !shelf.away.has(line.media.volume)), asked.filter(({ line }) => shelf.away.has(line.media.volume))]
        items = items.map((item) => (back.includes(item) ? { line: stays(item.line, 'kept', 'somebody marked it keep'), trashed: null } : item))
        return { back: back.length, refused: refused.map(({ line }) => ({ name: line.name, why: `${line.media.volume} is not mounted` })) }
      },
      setRetention: ({ on, name }) => {
        if (on && name !== box) throw new Fault('input/invalid', `name: type ${box}, the name of this box, to switch it on.`)
        shelf.on = on
        ;[by, since_ms] = ['anna', now_ms]
        return {}
      },
    },
  }
  shelf.set('report')
  return shelf
}

const SPACE = [{ name: 'media', bytes_free: 0.6e12, bytes_total: 3.6e12 }, { name: 'archive', bytes_free: 5.8e12, bytes_total: 8e12 }] as const

const stays = (line: PlanLine, reason: string, why: string): PlanLine => ({ ...line, goes: false, reason, why, wins_bytes: 0, replaced_by: [] })
/** With the archive away nothing goes that counts on it. */
const waiting = (line: PlanLine): PlanLine => (line.goes && line.role === 'original' ? stays(line, 'away', 'the same on archive: archive is not mounted') : line)

/** One run takes a small part only, the oldest first. */
function bounded(lines: readonly PlanLine[]): PlanLine[] {
  const most = Math.ceil(lines.filter(({ media }) => media.volume === 'media').length * MOST_PART)
  const first = new Set(lines.filter(({ goes }) => goes).sort((a, b) => a.start_ms! - b.start_ms!).slice(0, most))
  return lines.map((line) => (line.goes && !first.has(line) ? stays(line, 'later', 'one run takes at most 5 % of the files of media; its turn comes') : line))
}

/** Of the world's clips: most are too young to go. */
function recent(now_ms: number, { views }: World): PlanLine[] {
  return views.flatMap(({ asset, copies, removed }) => [...(removed.length > 0 ? [] : [{ role: 'original', media: asset.media }]), ...copies].map(({ role, media }): PlanLine => {
    const days = Math.floor((now_ms - asset.start_ms!) / DAY_MS)
    const line = { sha256: asset.sha256, role, name: asset.name, camera: asset.camera, start_ms: asset.start_ms, media, to: days < 30 ? 'original' : '1080p', goes: false, wins_bytes: 0, replaced_by: [] }
    if (media.volume === 'archive') return { ...line, reason: 'other-volume', why: 'the ladder does not hold for archive' }
    if (asset.event === 'locked') return { ...line, to: 'original', reason: 'locked', why: 'it was locked in the camera, or recorded by hand' }
    if (days < 14) return { ...line, reason: 'young', why: `it is ${days} ${days === 1 ? 'day' : 'days'} old; originals stay 14 days` }
    if (days < 30) return { ...line, reason: 'young', why: `it is ${days} days old; 1080p is due at 30 days` }
    if (days % 4 === 0) return { ...line, reason: 'to-make', why: 'its 1080p copy is yet to be made' }
    return { ...line, goes: true, reason: 'steps', why: 'its 1080p copy was read back 9 days ago; the same on archive was read back 33 days ago', wins_bytes: media.bytes, replaced_by: copies.map((copy) => copy.media) }
  }))
}

/** A year and a half before the world's: a dozen clips a week, most of them where the ladder wants them. */
function older(now_ms: number): PlanLine[] {
  const weeks = Array.from({ length: 72 }, (_, i) => i + 7)
  return weeks.flatMap((week) => Array.from({ length: 9 + ((week * 5) % 6) }, (_, n) => oldClip(now_ms, week, n))).flat()
}

function oldClip(now_ms: number, week: number, n: number): PlanLine[] {
  const days = week * 7 + (n % 7) * 0.9
  const start_ms = now_ms - days * DAY_MS
  const name = `${new Date(start_ms).toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '_')}_F.MP4`
  const sha256 = (week * 100 + n).toString(16).padStart(4, '0').repeat(16)
  const seen = (week + n) % 3 !== 0 // plates were read in it
  const due = STEPS.findLast(({ after_days }) => days >= after_days)!.rung
  const to = due === 'crops' && seen ? '540p' : due
  const line = (role: string): PlanLine => {
    const volume = role === 'archive' ? 'archive' : 'media'
    const path = role === 'archive' ? `${sha256}/video_original.mp4` : role === 'original' ? `raw/a229/${name.slice(0, 8)}/${name}` : `derived/${sha256.slice(0, 2)}/${sha256}/video_${role}.mp4`
    return { sha256, role, name, camera: 'a229', start_ms, media: { volume, path, bytes: BYTES[role] ?? 288_000_000 + ((week * 37 + n * 11) % 60) * 1e6, sha256 }, to, goes: false, reason: 'rung', why: `${to} is what stays of it`, wins_bytes: 0, replaced_by: [] }
  }
  const archive = stays(line('archive'), 'other-volume', 'the ladder does not hold for archive')
  const goes = (of: PlanLine, reason: string, why: string): PlanLine => ({ ...of, goes: true, reason, why, wins_bytes: of.media.bytes, replaced_by: [archive.media] })
  if (n === 0 && week % 9 === 0) return [stays(line('original'), 'kept', 'somebody marked it keep'), archive]
  if (n === 1 && week % 8 === 0) return [stays(line('original'), 'event', 'it was recorded as an event: never below the original'), archive]
  if (n === 2 && week % 7 === 0) return [stays(line('original'), 'sole', 'the same bytes are on no other volume')]
  if (to === 'crops') return days < 372 ? [goes(line('540p'), 'goes', 'the same on archive was read back 31 days ago'), archive] : [archive]
  const small = line(to)
  if (due === 'crops') return [stays(small, 'sightings', 'plates or objects were seen in it: never below 540p'), archive]
  const late = days - STEPS.find(({ rung }) => rung === due)!.after_days
  if (late < 14) return [goes(line(due === '720p' ? '1080p' : '720p'), 'steps', `its ${due} copy was read back 2 days ago`), small, archive]
  return [small, archive]
}

/**
 * What a camera says by where it puts a file and how it calls it. Pure.
 *
 * Known layouts: 70mai `Normal|Event|Parking/Front|Back|Interior/NO…F.MP4`; Novatek and VIOFO `DCIM/Movie/[RO|Parking/]…F.MP4`;
 * GoPro `DCIM/100GOPRO/GX010042.MP4`; BlackVue `Record/20260718_060329_NF.mp4`; Thinkware `cont_rec|evt_rec|…/REC_…_F.MP4`;
 * Kaiser Baas `DCIM/100video/20240112181119_180.MP4` with `gps/20240112.dat`.
 */
import type { AssetDoc } from '../../core/contract/records.ts'

type Channel = AssetDoc['channel']
type RecordingEvent = AssetDoc['event']

const CARD_FOLDERS = /^(dcim|\d{3}[a-z_]{2,8}|movie|photo|video|videos|normal|event|events|parking|ro|lock|locked|emr|emergency|record|rec|gps|front|back|rear|interior|inside|f|b|r|i|(cont|evt|manual|parking|motion_timelapse)_?rec|motion_timelapse_rec|private|m4root|clip|carcam|ev|pa|no)$/i

/** What stands at the top of a card that was in a camera or a phone. */
const CARD_TOPS = /^(dcim|normal|movie|record|blackvue|carcam|private|(cont|evt|manual|parking)_?rec)$/i

/** @param names Of the folders at the top of what may be a camera's card. */
export const isCard = (names: readonly string[]): boolean => names.some((name) => CARD_TOPS.test(name))

const FOLDER_CHANNELS: readonly (readonly [RegExp, Channel])[] = [
  [/^(front|f|cam_?front|front_?cam)$/i, 'front'],
  [/^(back|rear|b|r|rear_?cam)$/i, 'rear'],
  [/^(interior|inside|cabin|in|i)$/i, 'interior'],
  [/^(tele|telephoto|t)$/i, 'telephoto'],
]
const LETTER_CHANNELS: Readonly<Record<string, Channel>> = { F: 'front', R: 'rear', B: 'rear', I: 'interior', T: 'telephoto' }

const FOLDER_EVENTS: readonly (readonly [RegExp, RecordingEvent])[] = [
  [/^(ro|lock|locked|protected|emr|emergency)$/i, 'locked'],
  [/^(event|events|evt_?rec|event_?rec|ev|crash)$/i, 'event'],
  [/^(parking|parking_?rec|park|pa|motion_timelapse_?rec)$/i, 'parking'],
  [/^(manual|manual_?rec)$/i, 'manual'],
]
const NAME_EVENTS: readonly (readonly [RegExp, RecordingEvent])[] = [
  [/^EV\d{8}-/, 'event'],
  [/^(PA|LA)\d{8}-/, 'parking'],
  [/^\d{8}_\d{6}_[EI][FRIO]?$/, 'event'],
  [/^\d{8}_\d{6}_P[FRIO]?$/, 'parking'],
  [/^\d{8}_\d{6}_M[FRIO]?$/, 'manual'],
  [/^EVT_/i, 'event'],
  [/^(PARK|MOT)_/i, 'parking'],
  [/\d_?P[FRIT]?$/, 'parking'], // VIOFO marks parking with a P before the channel
]

/** Folders above the first one that a camera makes: the card. Empty: the inbox itself.
 *  @param path Relative to the inbox, `/` between parts. */
export function cardOf(path: string): readonly string[] {
  const folders = path.split('/').slice(0, -1)
  const first = folders.findIndex((f) => CARD_FOLDERS.test(f))
  return first < 0 ? folders : folders.slice(0, first)
}

export function channelOf(path: string): Channel {
  const parts = path.split('/')
  const stem = stemOf(parts.at(-1)!)
  for (const folder of parts.slice(0, -1).reverse()) for (const [pattern, channel] of FOLDER_CHANNELS) if (pattern.test(folder)) return channel
  const word = /[-_](front|back|rear|interior|inside)$/i.exec(stem)
  if (word) return FOLDER_CHANNELS.find(([pattern]) => pattern.test(word[1]!))![1]
  const letter = /(?:\d{4}|\d_[A-Z]?|\d[-_]?P)([FRBIT])$/.exec(stem)
  return letter ? LETTER_CHANNELS[letter[1]!]! : 'unknown'
}

export function eventOf(path: string): RecordingEvent {
  const parts = path.split('/')
  for (const folder of parts.slice(0, -1).reverse()) for (const [pattern, event] of FOLDER_EVENTS) if (pattern.test(folder)) return event
  const stem = stemOf(parts.at(-1)!)
  return NAME_EVENTS.find(([pattern]) => pattern.test(stem))?.[1] ?? 'normal'
}

/** The day that a name tells, `YYYY-MM-DD`, as the camera wrote it; null when it tells none. */
export function dayOf(name: string): string | null {
  for (const [, year, month, day] of name.matchAll(/(?<!\d)((?:19|20)\d\d)[-_.]?(\d\d)[-_.]?(\d\d)(?=\d{6}|\D|$)/g)) if (isDay(year!, month!, day!)) return `${year}-${month}-${day}`
  return null
}

const isDay = (year: string, month: string, day: string) => new Date(Date.UTC(+year, +month - 1, +day)).getUTCDate() === +day && +month >= 1 && +month <= 12

export const stemOf = (name: string) => name.replace(/\.[^.]*$/, '')

/** A name that every file system takes as one folder. */
export function safeFolder(name: string): string {
  const safe = name.normalize('NFC').replaceAll(/[\x00-\x1f\x7f<>:"/\\|?*]/g, '_').replace(/^[.\s]+|[.\s]+$/g, '').slice(0, 64)
  return safe === '' ? 'camera' : safe
}

/** What a BlackVue answers, as values. Pure. */
import { Fault } from '../../core/contract/fault.ts'
import type { Clip } from '../camera/clip.ts'

/** `20260718_060329_NF.mp4`: when it began, kind, lens, and a letter where the cloud has, or is to have it. */
const NAME = /^(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)(\d\d)_([A-Z])([FRIO]?)([LS]?)\.mp4$/

const CHANNELS: Readonly<Record<string, Clip['channel']>> = { F: 'front', R: 'rear', I: 'interior' }

/** Normal, parking (motion), impact in parking, manual; every other letter is something that happened: impact, over-speed,
 *  acceleration, braking, cornering, geofence, the driver. Kept on the card by the camera itself: none, its lock is manual. */
const EVENTS: Readonly<Record<string, Clip['event']>> = { N: 'normal', P: 'parking', M: 'manual' }

/**
 * The reply of `/blackvue_vod.cgi`: a version, then a line for each recording, `n:/Record/20260718_060329_NF.mp4,s:1000000`.
 * The size is always that number. Lenses of one moment share the log of places and that of shocks; each has its own picture.
 * Throws `camera/invalid`.
 */
export function readListing(text: string): readonly Clip[] {
  if (!/^\s*v:\d/.test(text)) throw new Fault('camera/invalid', 'the answer to blackvue_vod.cgi is no list of files: is this a BlackVue?')
  return text.split(/\r?\n/).flatMap((line) => clipOf(/^n:\/?(?:Record\/)?([^,/]+)(?:,|$)/.exec(line.trim())?.[1] ?? '') ?? [])
}

function clipOf(name: string): Clip | null {
  const match = NAME.exec(name)
  if (!match) return null
  const [, year, month, day, hour, minute, second, kind, lens, cloud] = match
  const moment = `${year}${month}${day}_${hour}${minute}${second}_${kind}`
  const beside = (file: string, format: string | null) => ({ name: file, path: `/Record/${file}`, format })
  return {
    name,
    path: `/Record/${name}`,
    bytes: null,
    time: `${year}-${month}-${day}T${hour}:${minute}`,
    channel: CHANNELS[lens!] ?? 'unknown',
    event: EVENTS[kind!] ?? 'event',
    // Logs lie with the front lens; the other lenses' clips are given the same place on the volume.
    beside: [beside(`${moment}${cloud}.gps`, 'nmea'), beside(`${moment}${cloud}.3gf`, null), beside(`${moment}${lens}${cloud}.thm`, null)],
  }
}

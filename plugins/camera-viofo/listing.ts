/** What a VIOFO (or another camera with Novatek's firmware) answers, as values. Pure. */
import { Fault } from '../../core/contract/fault.ts'
import { isPlainName, type Clip } from '../camera/clip.ts'
import { channelOf, eventOf } from '../folder/layout.ts'

const RECORDING = /\.(mp4|mov|ts)$/i
/** The attribute of the card's file system: read-only is what the camera's lock sets. */
const READ_ONLY = 1

/**
 * The reply to `cmd=3015`. `TIMECODE` is not Unix time and is not looked at. What is no recording, or has no name that a file may
 * have, is left out. Throws `camera/invalid` for what is no such list, or one that broke off.
 */
export function readXml(text: string): readonly Clip[] {
  if (!/<LIST\b/i.test(text)) throw new Fault('camera/invalid', 'the answer to cmd=3015 is no list of files: is this a VIOFO?')
  if (!/<\/LIST>\s*$/i.test(text) && !/<LIST\s*\/>\s*$/i.test(text)) throw new Fault('camera/invalid', 'the list of files broke off; it is asked for again')
  return [...text.matchAll(/<File>(.*?)<\/File>/gis)].flatMap(([, file]) => {
    const field = (name: string) => new RegExp(`<${name}>\\s*(.*?)\\s*</${name}>`, 'is').exec(file!)?.[1] ?? ''
    const bytes = Number(field('SIZE'))
    return clipOf(field('FPATH'), field('NAME'), {
      bytes: field('SIZE') !== '' && Number.isSafeInteger(bytes) && bytes >= 0 ? bytes : null,
      time: timeOf(field('TIME')),
      locked: (Number(field('ATTR')) & READ_ONLY) === READ_ONLY,
    }) ?? []
  })
}

/** The index of a folder, for cameras that do not answer `cmd=3015`: sizes are rounded there, and a lock shows by the folder alone. Throws `camera/invalid`. */
export function readHtml(text: string): readonly Clip[] {
  if (!/<html/i.test(text)) throw new Fault('camera/invalid', 'the answer is no index of a folder: is this a VIOFO?')
  return text.split(/<tr\b/i).slice(1).flatMap((row) => {
    const path = /<a\s+href="([^"?#]+)"/i.exec(row)?.[1]
    if (path === undefined) return []
    const cells = row.split(/<td[^>]*>/i).map((cell) => cell.replaceAll(/<[^>]*>/g, '').trim())
    const size = cells.find((cell) => /^\d+$/.test(cell))
    const clip = clipOf(decoded(path), path.slice(path.lastIndexOf('/') + 1), { bytes: size === undefined ? null : Number(size), time: cells.map(timeOf).find((time) => time !== null) ?? null, locked: false })
    return clip === null ? [] : clip.event === 'locked' ? clip : { ...clip, mayBeLocked: true }
  })
}

/** Whether `cmd=3014` says that it records. Commands and their states come one after another, whatever is wrapped around them. Null: it does not say. */
export function readRecording(text: string): boolean | null {
  const state = /<Cmd>\s*2001\s*<\/Cmd>\s*<Status>\s*(\d+)\s*<\/Status>/i.exec(text)?.[1]
  return state === undefined ? null : state !== '0'
}

/** Whether it is the answer to `cmd=3016`. */
export const isHeartbeat = (text: string): boolean => /<Cmd>\s*3016\s*<\/Cmd>/i.test(text)

/** Whether it says that it did this command. */
export const isDone = (text: string, command: number): boolean => new RegExp(`<Cmd>\\s*${command}\\s*</Cmd>\\s*<Status>\\s*0\\s*</Status>`, 'i').test(text)

/** @param where `A:\DCIM\Movie\…` or `/DCIM/Movie/…` */
function clipOf(where: string, name: string, { bytes, time, locked }: { bytes: number | null; time: string | null; locked: boolean }): Clip | null {
  const parts = where.replace(/^[A-Z]:/i, '').split(/[\\/]/).filter((part) => part !== '')
  if (!RECORDING.test(name) || !isPlainName(name) || parts.at(-1) !== name || parts.some((part) => part === '..' || /[^\x20-\x7e]/.test(part))) return null
  const inside = parts.join('/')
  return {
    name, bytes, time,
    path: `/${parts.map(encodeURIComponent).join('/')}`,
    channel: channelOf(inside),
    event: locked ? 'locked' : eventOf(inside),
    beside: [],
  }
}

/** `2026/03/02 07:43:12` or `2026-01-01 12:00`, to the minute: the indexes of some cameras leave out the seconds. */
function timeOf(text: string): string | null {
  const match = /^(\d{4})[/-](\d\d)[/-](\d\d)[ T](\d\d):(\d\d)/.exec(text)
  return match ? `${match[1]}-${match[2]}-${match[3]}T${match[4]}:${match[5]}` : null
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch (e) {
    if (e instanceof URIError) return path
    throw e
  }
}

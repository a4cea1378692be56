import { logFormat, type LogFormat } from './telemetry/logs.ts'

export type Kind =
  | { readonly kind: 'video'; readonly container: 'mp4' | 'ts' | 'other' }
  | { readonly kind: 'image'; readonly format: 'heif' | 'other' }
  | { readonly kind: 'track'; readonly format: LogFormat }
  | { readonly kind: 'unknown' }

const HEIF = new Set(['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'hevm', 'hevs', 'mif1', 'msf1', 'mif2', 'avif', 'avis'])
const BOXES = new Set(['moov', 'mdat', 'free', 'skip', 'wide', 'pnot', 'uuid', 'udta', 'moof', 'sidx', 'styp'])

/** What a file is, by its content. The name has no say: cameras and people rename files.
 *  @param head Its first 64 kB, or all of it. */
export function kindOf(head: Buffer): Kind {
  const ascii = (from: number, to: number) => head.toString('latin1', from, to)
  const starts = (...bytes: number[]) => bytes.every((b, i) => head[i] === b)
  const box = ascii(4, 8)
  if (box === 'ftyp') return isHeif(head) ? { kind: 'image', format: 'heif' } : { kind: 'video', container: 'mp4' }
  if (BOXES.has(box)) return { kind: 'video', container: 'mp4' }
  if (ascii(0, 4) === 'RIFF') return ascii(8, 12) === 'WEBP' ? { kind: 'image', format: 'other' } : { kind: 'video', container: 'other' }
  if (starts(0xff, 0xd8) || ascii(1, 4) === 'PNG' || ascii(0, 4) === 'GIF8') return { kind: 'image', format: 'other' }
  if (ascii(0, 4) === 'II*\0' || ascii(0, 4) === 'MM\0*' || starts(0xff, 0x0a) || ascii(4, 8) === 'JXL ') return { kind: 'image', format: 'other' }
  if (isTransportStream(head)) return { kind: 'video', container: 'ts' }
  if (starts(0x1a, 0x45, 0xdf, 0xa3) || starts(0, 0, 1, 0xba) || starts(0, 0, 1, 0xb3) || starts(0, 0, 0, 1) || starts(0x30, 0x26, 0xb2, 0x75)) return { kind: 'video', container: 'other' }
  if (ascii(0, 3) === 'FLV' || ascii(0, 4) === 'OggS') return { kind: 'video', container: 'other' }
  const format = head.includes(0) ? null : logFormat(head.toString('utf8'))
  return format ? { kind: 'track', format } : { kind: 'unknown' }
}

function isHeif(head: Buffer): boolean {
  const end = Math.min(head.readUInt32BE(0), head.length, 256)
  for (let at = 8; at + 4 <= end; at += at === 8 ? 8 : 4) if (HEIF.has(head.toString('latin1', at, at + 4))) return true
  return false
}

/** Sync bytes at the distance of packets; with a time code of four bytes in front of each (`.m2ts`) they lie 192 apart. */
function isTransportStream(head: Buffer): boolean {
  return [[0, 188], [4, 192]].some(([at, step]) => [0, 1, 2].every((i) => head[at! + i * step!] === 0x47))
}

/** A recording as Novatek cameras write it: GPS blocks among the pictures, one a second, and their places in `moov/gps `. By hand, after the layout in its description. */
import { content, type Content } from './serve.ts'

export interface Place { readonly lat_deg: number; readonly lon_deg: number; readonly knots: number }

const SECOND_BYTES = 40_000
const MAX_BLOCK = 512

/** @param places one a second; null: no fix */
export function gpsClip(seed: number, places: readonly (Place | null)[]): Content & { readonly gps_bytes: number } {
  const ftyp = box('ftyp', Buffer.from('isom\0\0\0\0'))
  const pictures = content(seed, places.length * SECOND_BYTES)
  const body = Buffer.from(pictures.read(0, pictures.bytes))
  const table = Buffer.alloc(8 + places.length * 8)
  table.writeUInt32BE(0x101, 0)
  table.writeUInt32BE(places.length, 4)
  for (const [second, place] of places.entries()) {
    const at = second * SECOND_BYTES + 1000
    gpsBlock(second, place).copy(body, at)
    table.writeUInt32BE(ftyp.length + 8 + at, 8 + second * 8)
    table.writeUInt32BE(MAX_BLOCK, 12 + second * 8)
  }
  const mvhd = Buffer.alloc(100)
  mvhd.writeUInt32BE(1000, 12)
  mvhd.writeUInt32BE(places.length * 1000, 16)
  const whole = Buffer.concat([ftyp, box('mdat', body), box('moov', Buffer.concat([box('mvhd', mvhd), box('trak', Buffer.alloc(5_000)), box('gps ', table)]))])
  return { bytes: whole.length, gps_bytes: places.length * MAX_BLOCK, read: (at, length) => whole.subarray(at, at + length) }
}

/** `free` box, magic, and from the magic on: the time at 44, `A` and hemispheres at 68, ddmm at 72 and 76, knots at 80. */
function gpsBlock(second: number, place: Place | null): Buffer {
  const block = Buffer.alloc(MAX_BLOCK)
  block.writeUInt32BE(MAX_BLOCK, 0)
  block.write('freefreeGPS ', 4, 'latin1')
  const from = 8
  for (const [i, value] of [7, 43, second, 26, 3, 2].entries()) block.writeInt32LE(value, from + 44 + i * 4)
  if (!place) return block
  block.write(`A${place.lat_deg < 0 ? 'S' : 'N'}${place.lon_deg < 0 ? 'W' : 'E'}`, from + 68, 'latin1')
  block.writeFloatLE(ddmm(place.lat_deg), from + 72)
  block.writeFloatLE(ddmm(place.lon_deg), from + 76)
  block.writeFloatLE(place.knots, from + 80)
  return block
}

const ddmm = (deg: number) => Math.trunc(Math.abs(deg)) * 100 + (Math.abs(deg) % 1) * 60

function box(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(8)
  head.writeUInt32BE(body.length + 8, 0)
  head.write(type, 4, 'latin1')
  return Buffer.concat([head, body])
}

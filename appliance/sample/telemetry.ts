/**
 * The GPS track of a VIOFO or another camera with a Novatek chip, put into an MP4 as they do: one `free` atom a second
 * whose content begins with `GPS `, and in `moov` a box `gps ` with the place and size of each.
 * Layout by exiftool's QuickTimeStream.pl; offsets from the beginning of the atom, little-endian:
 * 48 hour minute second year month day (int32) · 72 `A` and the hemispheres · 76 ddmm.mmmm (float32), 80 dddmm.mmmm · 84 knots · 88 course.
 */
export interface Fix {
  readonly at_ms: number // UTC epoch, a whole second
  readonly lat_deg: number
  readonly lon_deg: number
  readonly speed_mps: number
  readonly heading_deg: number
}

const ATOM_BYTES = 256
const INDEX_VERSION = 0x101
const KNOT_MPS = 1852 / 3600

/** @param mp4 With `moov` as its last box, as ffmpeg writes it without faststart: then nothing that it points to moves. */
export function withTrack(mp4: Buffer, fixes: readonly Fix[]): Buffer {
  const boxes = boxesIn(mp4, 0, mp4.length)
  const moov = boxes.at(-1)
  if (moov?.type !== 'moov') throw new Error(`the last box is ${moov?.type}, expected moov`)
  const before = mp4.subarray(0, moov.at)
  const index = Buffer.alloc(16 + 8 * fixes.length)
  index.writeUInt32BE(index.length, 0)
  index.write('gps ', 4, 'latin1')
  index.writeUInt32BE(INDEX_VERSION, 8)
  index.writeUInt32BE(fixes.length, 12)
  fixes.forEach((_, i) => {
    index.writeUInt32BE(before.length + i * ATOM_BYTES, 16 + 8 * i)
    index.writeUInt32BE(ATOM_BYTES, 20 + 8 * i)
  })
  // ffmpeg's empty `udta` goes: exiftool takes the handler inside it for that of whatever follows.
  const kept = boxesIn(mp4, moov.at + 8, mp4.length).filter(({ type }) => type !== 'udta').map(({ at, bytes }) => mp4.subarray(at, at + bytes))
  const grown = Buffer.concat([mp4.subarray(moov.at, moov.at + 8), ...kept, index])
  grown.writeUInt32BE(grown.length, 0)
  return Buffer.concat([before, ...fixes.map(atom), grown])
}

function atom(fix: Fix): Buffer {
  const b = Buffer.alloc(ATOM_BYTES)
  b.writeUInt32BE(ATOM_BYTES, 0)
  b.write('freeGPS ', 4, 'latin1')
  b.writeUInt32LE(ATOM_BYTES - 16, 12)
  const at = new Date(fix.at_ms)
  const date = [at.getUTCHours(), at.getUTCMinutes(), at.getUTCSeconds(), at.getUTCFullYear() - 2000, at.getUTCMonth() + 1, at.getUTCDate()]
  date.forEach((value, i) => b.writeInt32LE(value, 48 + 4 * i))
  b.write(`A${fix.lat_deg < 0 ? 'S' : 'N'}${fix.lon_deg < 0 ? 'W' : 'E'}`, 72, 'latin1')
  b.writeFloatLE(ddmm(fix.lat_deg), 76)
  b.writeFloatLE(ddmm(fix.lon_deg), 80)
  b.writeFloatLE(fix.speed_mps / KNOT_MPS, 84)
  b.writeFloatLE(fix.heading_deg, 88)
  return b
}

/** 47.5 is 4730.0: degrees times a hundred, plus minutes. */
const ddmm = (deg: number) => Math.trunc(Math.abs(deg)) * 100 + (Math.abs(deg) % 1) * 60

function boxesIn(file: Buffer, from: number, to: number): { type: string; at: number; bytes: number }[] {
  const boxes: { type: string; at: number; bytes: number }[] = []
  for (let at = from; at < to;) {
    const bytes = file.readUInt32BE(at)
    if (bytes < 8) throw new Error(`a box of ${bytes} bytes at ${at}`)
    boxes.push({ type: file.toString('latin1', at + 4, at + 8), at, bytes })
    at += bytes
  }
  return boxes
}

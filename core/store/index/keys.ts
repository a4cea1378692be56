/**
 * The keys of the index. One letter names the family; times are inverted, so what is newest comes first.
 *
 * A clip goes by its SHA-256: a number of its own would be shorter, but would depend on the order in which clips came,
 * and an index that was rebuilt should give the same answers in the same order.
 *
 * ```
 * A<clip>                         → the clip's documents and edits, JSON: what it was before can be told from here
 * c<clip>                         → its plates and thumbnail, JSON: what a drive needs of it
 * T<~start><sha256>               → the asset, JSON          time is kept per clip, never per sighting
 * s<clip><i>                      → one sighting, JSON
 * p<plate>\0<~t><clip><i>         → whether it has a crop, confidence
 * P<plate>                        → count, first, last, best, JSON
 * N<~last><plate>                 → (empty)
 * F<folded plate>                 → the plates that read alike, JSON
 * x<rest of a plate>\0<plate>     → (empty)                 every rest of every plate: "contains" is "a rest begins with"
 * v<week><x><y>                   → places, times and confidences in one z11 tile in one week, packed in columns
 * w<week><x><y>                   → whose they are, in the same order
 * H<day>                          → sightings and clips of each hour
 * d<id>                           → a drive's documents and what is told of it, JSON      m<clip><id> → (empty)
 * D<~start><id>                   → end and bounds of its line
 * r<id>                           → a refusal's documents, JSON                           R<name>\0<id> → (empty)
 * !seq  !version  !totals  !longest (drive)  !longest-clip
 * ```
 */

export const VERSION = '1'
export const SEQ = Buffer.from('!seq')
export const FORMAT = Buffer.from('!version')
export const TOTALS = Buffer.from('!totals')

export const CLIP_BYTES = 32
const ALL_ONES = Buffer.alloc(8, 0xff)

export const clipOf = (sha256: string): Buffer => Buffer.from(sha256, 'hex')
export const key = (family: string, ...parts: readonly (string | Buffer)[]): Buffer =>
  Buffer.concat([Buffer.from(family, 'latin1'), ...parts.map((p) => (typeof p === 'string' ? Buffer.from(p) : p))])

/** A number in 8 bytes that sort the other way round; null after all of them. */
export function newestFirst(value: number | null): Buffer {
  if (value === null) return ALL_ONES
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleBE(value === 0 ? 0 : value) // -0 is 0
  // Positive doubles sort as they are once the sign bit is set, negative ones with all bits turned; then the whole is inverted.
  if (bytes[0]! & 0x80) return bytes
  for (let i = 0; i < 8; i++) bytes[i] = ~bytes[i]!
  bytes[0] = bytes[0]! & 0x7f
  return bytes
}

/** What `newestFirst` wrote. */
export function timeIn(bytes: Buffer): number | null {
  if (bytes.subarray(0, 8).equals(ALL_ONES)) return null
  const plain = Buffer.from(bytes.subarray(0, 8))
  if (!(plain[0]! & 0x80)) {
    for (let i = 0; i < 8; i++) plain[i] = ~plain[i]!
    plain[0] = plain[0]! & 0x7f
  }
  return plain.readDoubleBE()
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** Days and weeks may lie before 1970. */
export const epoch32 = (value: number): Buffer => uint32((value + 0x80000000) >>> 0)
export const fromEpoch32 = (bytes: Buffer): number => bytes.readUInt32BE() - 0x80000000

/** The end of the keys that start with `prefix`. */
export function after(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix)
  for (let i = end.length - 1; i >= 0; i--) {
    if (end[i] === 0xff) continue
    end[i] = end[i]! + 1
    return end.subarray(0, i + 1)
  }
  return Buffer.from([0xff])
}

/** Clip and number of a sighting, at the end of `p` keys and as rows of `w`. */
export const REF_BYTES = CLIP_BYTES + 4
export const refOf = (clip: Buffer, i: number): Buffer => Buffer.concat([clip, uint32(i)])

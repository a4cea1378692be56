/** 2 MiB; of a million keys that it never saw it takes 2,000 for seen, of five million a quarter. */
const BITS = 1 << 24
const PROBES = 4

/**
 * Keys that may be there: whatever was added, and by chance a few others. What it denies was never added.
 * A Bloom filter (B. H. Bloom, "Space/time trade-offs in hash coding with allowable errors", 1970) whose probes come from
 * two hashes (A. Kirsch, M. Mitzenmacher, "Less hashing, same performance", 2006).
 */
export class Seen {
  readonly #words = new Uint32Array(BITS / 32)

  add(key: string): void {
    const [first, step] = hashes(key)
    for (let probe = 0, bit = first; probe < PROBES; probe++, bit += step) this.#words[(bit >>> 5) % this.#words.length]! |= 1 << (bit & 31)
  }

  has(key: string): boolean {
    const [first, step] = hashes(key)
    for (let probe = 0, bit = first; probe < PROBES; probe++, bit += step) {
      if ((this.#words[(bit >>> 5) % this.#words.length]! & (1 << (bit & 31))) === 0) return false
    }
    return true
  }
}

/** After FNV-1a, with another prime for the second; the last shifts let every character reach every bit. */
function hashes(key: string): [number, number] {
  let [a, b] = [0x811c9dc5, 0x9747b28c]
  for (let i = 0; i < key.length; i++) {
    const code = key.charCodeAt(i)
    a = Math.imul(a ^ code, 0x01000193)
    b = Math.imul(b ^ code, 0x85ebca6b)
  }
  a ^= a >>> 15
  b ^= b >>> 13
  return [a >>> 0, (b | 1) >>> 0]
}

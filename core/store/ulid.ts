import { randomBytes } from 'node:crypto'

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ' // Crockford's

/** 26 characters that sort by time: 10 of the millisecond, 16 random (https://github.com/ulid/spec). */
export function ulid(at_ms: number): string {
  let time = ''
  for (let rest = Math.floor(at_ms), i = 0; i < 10; i++, rest = Math.floor(rest / 32)) time = ALPHABET[rest % 32] + time
  let chance = ''
  for (const byte of randomBytes(16)) chance += ALPHABET[byte % 32]
  return time + chance
}

/** Receives a file of known bytes, says how many are in, a line for each piece, and places it. Killed anywhere and started again it goes on. */
import { createHash } from 'node:crypto'
import { openReceiving } from '../receiving.ts'
import { openVolumes } from '../volumes.ts'

/** @returns bytes that are told by where they lie */
export function bytesOf(seed: string, from: number, length: number): Buffer {
  const first = from >> 5
  const blocks = Array.from({ length: ((from + length + 31) >> 5) - first }, (_, i) => createHash('sha256').update(`${seed}${first + i}`).digest())
  return Buffer.concat(blocks).subarray(from - (first << 5), from - (first << 5) + length)
}

if (process.argv[2] !== undefined) {
  const { root, bytes } = JSON.parse(process.argv[2]) as { root: string; bytes: number }
  const receive = openReceiving(await openVolumes([{ name: 'media', root, org: 'home' }], null))
  const into = await receive('media', 'raw/car/clip.mp4', 'car|clip.mp4')
  if (!into.placed) await into.says({ bytes, time: '2026-03-02T07:43' })
  process.stdout.write(`has ${into.bytes}\n`)
  while (into.bytes < bytes) {
    await into.append(bytesOf('clip', into.bytes, Math.min(60_000, bytes - into.bytes)))
    process.stdout.write(`took ${into.bytes}\n`)
  }
  process.stdout.write(`placed ${JSON.stringify(await into.place())}\n`)
  process.exit(0)
}

import { Duplex } from 'node:stream'

/** The largest MQTT packet: a payload of 256 KiB with its topic. A larger one is cut off before it is in memory. */
export const MAX_FRAME_BYTES = 256 * 1024 + 4096

/**
 * The same connection, broken off when a packet announces more than `MAX_FRAME_BYTES`. The parser behind it would
 * gather up to 256 MiB for anybody who connects, before it asks for a name.
 */
export function limitFrames(inner: Duplex): Duplex {
  const measure = frameMeter()
  const outer = new Duplex({
    read() {
      inner.resume()
    },
    write: (chunk: Buffer, encoding, done) => void inner.write(chunk, encoding, done),
    final: (done) => void inner.end(done),
    destroy(error, done) {
      inner.destroy()
      done(error)
    },
  })
  inner.on('data', (chunk: Buffer) => {
    if (measure(chunk) > MAX_FRAME_BYTES) return void outer.destroy(new Error('packet too large'))
    if (!outer.push(chunk)) inner.pause()
  })
  inner.on('end', () => outer.push(null))
  inner.on('error', (error) => outer.destroy(error))
  inner.on('close', () => outer.destroy())
  return outer
}

/** Follows MQTT's fixed headers (MQTT 3.1.1 §2.2) through a stream. @returns The length of the largest packet announced in the chunk. */
export function frameMeter(): (chunk: Buffer) => number {
  let skip = 0 // bytes of the packet under way that are still to come
  let length = -1 // of the header under way; -1: the next byte starts a packet
  let shift = 0
  return (chunk) => {
    let largest = 0
    let i = 0
    while (i < chunk.length) {
      if (skip > 0) {
        const passed = Math.min(skip, chunk.length - i)
        skip -= passed
        i += passed
        continue
      }
      const byte = chunk[i++]!
      if (length === -1) {
        length = 0
        shift = 0
        continue
      }
      length += (byte & 0x7f) * 2 ** shift
      shift += 7
      if (byte & 0x80) {
        if (shift > 21) return Infinity // a fifth byte of length is none
        continue
      }
      largest = Math.max(largest, length)
      skip = length
      length = -1
    }
    return largest
  }
}

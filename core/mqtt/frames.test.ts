import fc from 'fast-check'
import { expect, test } from 'vitest'
import { frameMeter } from './frames.ts'

/** MQTT 3.1.1 §2.2.3, as the table there has it: one byte to 127, two to 16,383, three to 2,097,151, four to 268,435,455. */
const LENGTHS: readonly [length: number, bytes: readonly number[]][] = [
  [0, [0x00]], [127, [0x7f]], [128, [0x80, 0x01]], [16_383, [0xff, 0x7f]], [16_384, [0x80, 0x80, 0x01]],
  [2_097_151, [0xff, 0xff, 0x7f]], [2_097_152, [0x80, 0x80, 0x80, 0x01]], [268_435_455, [0xff, 0xff, 0xff, 0x7f]],
]

test.each(LENGTHS)('a packet of %i bytes', (length, bytes) => {
  expect(frameMeter()(Buffer.from([0x30, ...bytes]))).toBe(length)
})

test('a length of five bytes is none', () => {
  expect(frameMeter()(Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 0x01]))).toBe(Infinity)
})

test('however the bytes are cut, the largest packet is seen', () => {
  fc.assert(fc.property(fc.array(fc.nat(300), { minLength: 1, maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }), (lengths, cuts) => {
    // The content is full of bytes that look like headers.
    const stream = Buffer.concat(lengths.map((length) => Buffer.concat([Buffer.from(length < 128 ? [0x30, length] : [0x30, 0x80 | (length & 0x7f), length >> 7]), Buffer.alloc(length, 0xff)])))
    const measure = frameMeter()
    let largest = 0
    for (let at = 0, i = 0; at < stream.length; i++) {
      const cut = cuts[i % cuts.length]!
      largest = Math.max(largest, measure(stream.subarray(at, at + cut)))
      at += cut
    }
    expect(largest).toBe(Math.max(...lengths))
  }))
})

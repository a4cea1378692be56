import { mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { movieDuration_s, readBoxes, wholeness } from './boxes.ts'
import { kindOf } from './kind.ts'

let folder: string
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'boxes-')) })
afterAll(() => rm(folder, { recursive: true }))

const box = (type: string, body: Buffer | number, claim?: number) => {
  const bytes = typeof body === 'number' ? Buffer.alloc(body) : body
  const head = Buffer.alloc(8)
  head.writeUInt32BE(claim ?? bytes.length + 8)
  head.write(type, 4, 'latin1')
  return Buffer.concat([head, bytes])
}
const wide = (type: string, body: number) => Buffer.concat([box(type, 0, 1), (() => { const size = Buffer.alloc(8); size.writeBigUInt64BE(BigInt(body + 16)); return size })(), Buffer.alloc(body)])
const opened = async <T>(bytes: Buffer, use: (file: Awaited<ReturnType<typeof open>>) => Promise<T>): Promise<T> => {
  const path = join(folder, 'file')
  await writeFile(path, bytes)
  const file = await open(path)
  try {
    return await use(file)
  } finally {
    await file.close()
  }
}
const judged = (...parts: Buffer[]) => {
  const bytes = Buffer.concat(parts)
  return opened(bytes, async (file) => wholeness(await readBoxes(file, bytes.length), bytes.length))
}

test('whole is what has its index and all it claims, also with sizes of 64 bits, a size to the end, and rubbish behind', async () => {
  expect(await judged(box('ftyp', 8), box('moov', 20), box('mdat', 100))).toBe('whole')
  expect(await judged(box('ftyp', 8), wide('mdat', 100), box('moov', 20))).toBe('whole')
  expect(await judged(box('ftyp', 8), box('moov', 20), box('mdat', 100, 0))).toBe('whole')
  expect(await judged(box('ftyp', 8), box('moov', 20), box('mdat', 100), Buffer.alloc(30))).toBe('whole')
  expect(await judged(box('ftyp', 8), box('moof', 20), box('mdat', 100))).toBe('whole')
})
test('cut off, or never finished', async () => {
  expect(await judged(box('ftyp', 8), box('moov', 20), box('mdat', 100, 5000))).toBe('cut')
  expect(await judged(box('ftyp', 8), box('mdat', 100))).toBe('unfinished')
})
test('how long a movie is by its header', async () => {
  const mvhd = Buffer.alloc(100)
  mvhd.writeUInt32BE(1000, 12)
  mvhd.writeUInt32BE(60_500, 16)
  expect(await opened(Buffer.concat([box('ftyp', 8), box('moov', box('mvhd', mvhd))]), movieDuration_s)).toBe(60.5)
  const long = Buffer.alloc(112)
  long[0] = 1
  long.writeUInt32BE(90_000, 20)
  long.writeBigUInt64BE(450_000n, 24)
  expect(await opened(box('moov', box('mvhd', long)), movieDuration_s)).toBe(5)
  expect(await opened(box('moov', box('mvhd', 100)), movieDuration_s)).toBeNull()
  expect(await opened(box('ftyp', 100), movieDuration_s)).toBeNull()
})
test('no bytes bring it down', async () => {
  await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
    await opened(Buffer.from(bytes), async (file) => {
      await readBoxes(file, bytes.length)
      await movieDuration_s(file)
    })
    kindOf(Buffer.from(bytes))
  }), { numRuns: 200 })
})

test.each([
  ['ffd8ffe0', 'image'], ['89504e470d0a1a0a', 'image'], ['474946383961', 'image'], ['49492a00', 'image'], ['4d4d002a', 'image'], ['524946460000000057454250', 'image'], ['0000001866747970686569630000000068656963', 'image'],
  ['000000186674797061766966000000006d696631', 'image'], ['000000186674797069736f6d00000200', 'video'], ['000000086d6f6f76', 'video'], ['524946460000000041564920', 'video'], ['1a45dfa3', 'video'], ['000001ba', 'video'],
  ['', 'unknown'], ['00', 'unknown'], ['7f454c46', 'unknown'], ['474747474747', 'unknown'], [Buffer.from('$GPRMC,1,A').toString('hex'), 'track'], [Buffer.from('<gpx >').toString('hex'), 'track'], [Buffer.from('hello').toString('hex'), 'unknown'],
])('%s begins a file of kind %s', (hex, kind) => expect(kindOf(Buffer.from(hex, 'hex')).kind).toBe(kind))

test('a transport stream is known by its packets, with and without a time code in front', () => {
  const packets = (size: number, lead: number) => Buffer.concat(Array.from({ length: 4 }, () => { const p = Buffer.alloc(size); p[lead] = 0x47; return p }))
  expect(kindOf(packets(188, 0))).toEqual({ kind: 'video', container: 'ts' })
  expect(kindOf(packets(192, 4))).toEqual({ kind: 'video', container: 'ts' })
})

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readBlocks } from './blocks.ts'
import { readBlock } from './freegps.ts'

/** A block of a Novatek camera, from the magic on: date at 44, `ANW` at 68, float32 places at 72. */
function novatek(at: number, clock: readonly number[], flags: string, lat_ddmm: number, lon_ddmm: number): Buffer {
  const block = Buffer.alloc(252)
  block.write('freeGPS ')
  clock.forEach((n, i) => block.writeInt32LE(n, at + i * 4))
  block.write(flags, at + 24)
  block.writeFloatLE(lat_ddmm, at + 28)
  block.writeFloatLE(lon_ddmm, at + 32)
  block.writeFloatLE(20, at + 36) // knots
  block.writeFloatLE(123, at + 40)
  return block
}

test.each([['novatek', 44], ['short', 16], ['short', 12]] as const)('a %s block with its date at %i', (layout, at) => {
  const block = readBlock(novatek(at, [9, 8, 7, 24, 2, 29], 'ASW', 3330.5, 7030.25))
  expect(block?.layout).toBe(layout)
  expect(block?.point).toMatchObject({ at_ms: Date.UTC(2024, 1, 29, 9, 8, 7), fixed: true, heading_deg: 123, altitude_m: null })
  expect(block!.point.lat_deg).toBeCloseTo(-33.508333, 5)
  expect(block!.point.lon_deg).toBeCloseTo(-70.504167, 5)
  expect(block!.point.speed_mps).toBeCloseTo(10.2889, 3)
})

test('a block before the fix keeps the clock and has no place', () => {
  expect(readBlock(novatek(12, [11, 22, 1, 26, 4, 6], 'V00', 0, 0))?.point).toMatchObject({ fixed: false, at_ms: Date.UTC(2026, 3, 6, 11, 22, 1) })
})

test('70mai: south and west are negative numbers of ddmm', () => {
  const block = Buffer.alloc(60)
  block.write('freeGPS ')
  block.writeUInt16LE(493, 8)
  block.writeUInt16LE(493, 14)
  block.write('A', 26)
  block.writeInt32LE(-333050000, 27) // 33° 30.5' south
  block.writeInt32LE(-703025000, 31)
  block.writeInt32LE(90, 35)
  block.writeInt32LE(36, 39)
  block.writeInt32LE(520, 43)
  const found = readBlock(block)
  expect(found?.layout).toBe('70mai')
  expect(found?.point).toMatchObject({ at_ms: null, fixed: true, heading_deg: 90, altitude_m: 520 })
  expect(found!.point.lat_deg).toBeCloseTo(-33.508333, 6)
  expect(found!.point.lon_deg).toBeCloseTo(-70.504167, 6)
  expect(found!.point.speed_mps).toBeCloseTo(10, 6)
})

test('no bytes bring it down', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
    readBlock(Buffer.concat([Buffer.from('freeGPS '), bytes]))
  }), { numRuns: 2000 })
})

let folder: string
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'freegps-')) })
afterAll(() => rm(folder, { recursive: true }))

const box = (type: string, body: Buffer) => {
  const head = Buffer.alloc(8)
  head.writeUInt32BE(body.length + 8)
  head.write(type, 4)
  return Buffer.concat([head, body])
}

test('without an index, blocks are found wherever they lie, also over the edge of what is read at once; the first has no fix', async () => {
  const path = join(folder, 'cut.mp4')
  const first = novatek(44, [9, 8, 6, 24, 2, 29], 'V00', 0, 0)
  const second = novatek(44, [9, 8, 7, 24, 2, 29], 'ANE', 5000, 3000)
  await writeFile(path, Buffer.concat([box('ftyp', Buffer.alloc(12)), first, Buffer.alloc(4 * 2 ** 20 - 276), second, Buffer.alloc(1000)]))
  const reading = await readBlocks(path, new AbortController().signal)
  expect(reading?.points.map((p) => [p.t_s, p.fixed])).toEqual([[0, false], [1, true]])
})

test('the index says which blocks count', async () => {
  const path = join(folder, 'indexed.mp4')
  const blocks = [7, 8, 9].map((s) => box('free', novatek(44, [9, 8, s, 24, 2, 29], 'ANE', 5000, 3000)))
  const at = (i: number) => 16 + blocks.slice(0, i).reduce((n, b) => n + b.length, 0)
  const table = Buffer.alloc(8 + 2 * 8)
  table.writeUInt32BE(0x101)
  table.writeUInt32BE(2, 4)
  ;[0, 2].forEach((block, i) => table.writeUInt32BE(at(block) + 4, 8 + i * 8))
  await writeFile(path, Buffer.concat([box('ftyp', Buffer.alloc(8)), ...blocks, box('moov', box('gps ', table))]))
  const reading = await readBlocks(path, new AbortController().signal)
  expect(reading?.points.map((p) => p.at_ms)).toEqual([7, 9].map((s) => Date.UTC(2024, 1, 29, 9, 8, s)))
})

test('a file without any is none', async () => {
  const path = join(folder, 'none.mp4')
  await writeFile(path, Buffer.alloc(100))
  expect(await readBlocks(path, new AbortController().signal)).toBeNull()
})

import { access, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readPicture } from './picture.ts'

let folder: string
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'picture-')) })
afterAll(() => rm(folder, { recursive: true }))

const half = (r: number, g: number, b: number) => ({ create: { width: 8, height: 8, channels: 3 as const, background: { r, g, b } } })

test('a photo is upright as its EXIF says', async () => {
  const path = join(folder, 'turned.jpg')
  await sharp({ create: { width: 16, height: 8, channels: 3, background: '#000' } })
    .composite([{ input: half(255, 0, 0), left: 0, top: 0 }]).withMetadata({ orientation: 6 }).jpeg({ quality: 100 }).toFile(path)
  const picture = await readPicture(path)
  expect(picture).toMatchObject({ width: 8, height: 16 })
  expect(picture.rgb[0]).toBeGreaterThan(200) // the left half is now the upper one
  expect(picture.rgb.at(-3)).toBeLessThan(50)
})

test('grey and see-through pictures become red, green and blue', async () => {
  const grey = join(folder, 'grey.png')
  await sharp({ create: { width: 2, height: 2, channels: 3, background: '#808080' } }).toColourspace('b-w').png().toFile(grey)
  expect([...(await readPicture(grey)).rgb]).toEqual(Array(12).fill(128))
  const clear = join(folder, 'clear.png')
  await sharp({ create: { width: 2, height: 2, channels: 4, background: { r: 255, g: 0, b: 0, alpha: 1 } } }).png().toFile(clear)
  expect([...(await readPicture(clear)).rgb]).toEqual([255, 0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0])
})

test('what is no image is a fault', async () => {
  const path = join(folder, 'rubbish.jpg')
  await writeFile(path, 'this is no photo')
  await expect(readPicture(path)).rejects.toMatchObject({ code: 'image/unreadable' })
  const heic = join(folder, 'rubbish.heic')
  await writeFile(heic, Buffer.concat([Buffer.from([0, 0, 0, 24]), Buffer.from('ftypheic'), Buffer.alloc(12)]))
  await expect(readPicture(heic)).rejects.toMatchObject({ code: 'image/unreadable' })
})

test('a photo that names HEIC only among its other brands is read as one, an AVIF is not', async () => {
  const brands = (...names: string[]) => Buffer.concat([Buffer.from([0, 0, 0, 8 + 4 * names.length + 4]), Buffer.from(`ftyp${names[0]}\0\0\0\0${names.slice(1).join('')}`, 'latin1'), Buffer.alloc(64)])
  const heic = join(folder, 'brands.heic')
  await writeFile(heic, brands('MiHE', 'mif1', 'heic'))
  await expect(readPicture(heic)).rejects.toMatchObject({ code: 'image/unreadable', message: expect.stringContaining('The HEIC image') })
  const avif = join(folder, 'clear.avif')
  await sharp(half(255, 0, 0)).avif().toFile(avif)
  expect(await readPicture(avif)).toMatchObject({ width: 8, height: 8 })
})

const SHARED = new URL('../../../shared/data/I_heic/', import.meta.url).pathname
const shared = await access(SHARED).then(() => true, () => false)

test.skipIf(!shared)('a phone\'s HEIC is read whole (needs ../shared/data)', async () => {
  expect(await readdir(SHARED)).toContain('cheers_1440x960.heic')
  expect(await readPicture(join(SHARED, 'cheers_1440x960.heic'))).toMatchObject({ width: 1440, height: 960 })
})

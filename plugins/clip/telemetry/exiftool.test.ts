import { expect, test, vi } from 'vitest'
import { readTags } from './exiftool.ts'

const answers = vi.hoisted(() => ({ next: (): Promise<unknown> => Promise.resolve({}) }))
vi.mock('exiftool-vendored', () => ({ ExifTool: class { readRaw() { return answers.next() } end() { return Promise.resolve() } } }))

const silent = () => Promise.reject(new Error('timeout: waited 30000ms'))

test('who gave no answer in time is asked again; at the last try the file is taken without what it would have said', async () => {
  answers.next = silent
  await expect(readTags(import.meta.filename, [], true)).rejects.toMatchObject({ code: 'tool/failed', message: 'exiftool gave no answer in 30 s; it is asked again' })
  expect(await readTags(import.meta.filename, [], false)).toBeNull()
})

test('who says that it cannot says so of the file', async () => {
  answers.next = () => Promise.reject(new Error('File format error'))
  expect(await readTags(import.meta.filename, [], true)).toBeNull()
  answers.next = () => Promise.resolve({ 'File:FileType': 'MP4' })
  expect(await readTags(import.meta.filename, [], true)).toEqual({ 'File:FileType': 'MP4' })
})

import { expect, test } from 'vitest'
import { readListing } from './listing.ts'

test('each lens of a moment, with the files of its family', () => {
  const clips = readListing('v:1.00\r\nn:/Record/20260718_060329_NF.mp4,s:1000000\r\nn:/Record/20260718_060329_NR.mp4,s:1000000\r\n')
  expect(clips).toEqual(['F', 'R'].map((lens) => ({
    name: `20260718_060329_N${lens}.mp4`, path: `/Record/20260718_060329_N${lens}.mp4`, bytes: null, time: '2026-07-18T06:03', channel: lens === 'F' ? 'front' : 'rear', event: 'normal',
    beside: [
      { name: '20260718_060329_N.gps', path: '/Record/20260718_060329_N.gps', format: 'nmea' },
      { name: '20260718_060329_N.3gf', path: '/Record/20260718_060329_N.3gf', format: null },
      { name: `20260718_060329_N${lens}.thm`, path: `/Record/20260718_060329_N${lens}.thm`, format: null },
    ],
  })))
})

test('kinds and lenses', () => {
  const told = (ending: string) => readListing(`v:2.00\nn:/Record/20260718_060329_${ending}.mp4,s:1000000`).map(({ channel, event }) => `${channel} ${event}`)[0]
  expect(['NF', 'PR', 'EF', 'MI', 'MO', 'IR', 'BF', 'N', 'NFL', 'ERS'].map(told)).toEqual([
    'front normal', 'rear parking', 'front event', 'interior manual', 'unknown manual', 'rear event', 'front event', 'unknown normal', 'front normal', 'rear event',
  ])
})

test('a page in its place is refused; a line that is none is passed over', () => {
  expect(() => readListing('<html>')).toThrow('no list of files')
  expect(readListing('v:1.00\n')).toEqual([])
  expect(readListing('v:1.00\nn:/Record/../../x.mp4,s:1\nn:/Record/notes.txt,s:1\n\nhello')).toEqual([])
})

import { describe, expect, test } from 'vitest'
import { contentByName, contentOf } from './content.ts'
import { cardOf, channelOf, dayOf, eventOf, safeFolder } from './layout.ts'
import { typeOf } from './mounts.ts'

test.each([
  ['70mai/Normal/Front/NO20260101-120000-000001F.MP4', '70mai', 'front', 'normal'],
  ['card/Normal/Back/NO20260101-120000-000001B.MP4', 'card', 'rear', 'normal'],
  ['card/Normal/Interior/NO20260101-120000-000001I.MP4', 'card', 'interior', 'normal'],
  ['card/Event/Front/EV20260101-120000-000001F.MP4', 'card', 'front', 'event'],
  ['card/Parking/Front/PA20260101-120000-000001F.MP4', 'card', 'front', 'parking'],
  ['viofo/DCIM/Movie/20260406142122_000022F.MP4', 'viofo', 'front', 'normal'],
  ['viofo/DCIM/Movie/RO/20260406142122_000022R.MP4', 'viofo', 'rear', 'locked'],
  ['viofo/DCIM/Movie/Parking/20260406142122_000022I.MP4', 'viofo', 'interior', 'parking'],
  ['viofo/DCIM/Movie/20260406142122_000022T.MP4', 'viofo', 'telephoto', 'normal'],
  ['viofo/20260406142122_000022PF.MP4', 'viofo', 'front', 'parking'],
  ['hero/DCIM/100GOPRO/GX010042.MP4', 'hero', 'unknown', 'normal'],
  ['bv/BlackVue/Record/20260718_070331_NF.mp4', 'BlackVue', 'front', 'normal'],
  ['bv/Record/20260718_070331_ER.mp4', 'bv', 'rear', 'event'],
  ['bv/Record/20260718_070331_PF.mp4', 'bv', 'front', 'parking'],
  ['bv/Record/20260718_070331_MF.mp4', 'bv', 'front', 'manual'],
  ['tw/cont_rec/REC_2026_01_15_12_00_00_F.MP4', 'tw', 'front', 'normal'],
  ['tw/evt_rec/EVT_2026_01_15_12_00_00_R.MP4', 'tw', 'rear', 'event'],
  ['tw/motion_timelapse_rec/MOT_2026_01_15_12_00_00_F.MP4', 'tw', 'front', 'parking'],
  ['tw/manual_rec/MAN_2026_01_15_12_00_00_F.MP4', 'tw', 'front', 'manual'],
  ['kb/DCIM/100video/20240112181119_180.MP4', 'kb', 'unknown', 'normal'],
  ['kb/gps/20240112.dat', 'kb', 'unknown', 'normal'],
  ['tesla/2023-01-01_12-00-00-front.mp4', 'tesla', 'front', 'normal'],
  ['DCIM/100GOPRO/GX010042.MP4', null, 'unknown', 'normal'],
  ['clip.mp4', null, 'unknown', 'normal'],
  ['holiday/WAR.mp4', 'holiday', 'unknown', 'normal'],
])('%s is of %s, %s, %s', (path, camera, channel, event) => {
  expect([cardOf(path).at(-1) ?? null, channelOf(path), eventOf(path)]).toEqual([camera, channel, event])
})

test.each([
  ['20240112181119_180.MP4', '2024-01-12'], ['2021_1013_183759_050.MP4', '2021-10-13'], ['NO20260101-120000-000001F.MP4', '2026-01-01'], ['20240112.dat', '2024-01-12'],
  ['REC_2026_01_15_12_00_00_F.MP4', '2026-01-15'], ['GX010042.MP4', null], ['20241301.dat', null], ['20240230.dat', null], ['1234567890.mp4', null],
])('%s is of %s', (name, day) => expect(dayOf(name)).toBe(day))

test.each([['A119 Mini', 'A119 Mini'], ['../../etc', '_.._etc'], ['a/b\\c:d', 'a_b_c_d'], ['...', 'camera'], ['', 'camera'], ['x'.repeat(100), 'x'.repeat(64)], ['.hidden', 'hidden']])('%j makes the folder %j', (name, folder) => {
  expect(safeFolder(name)).toBe(folder)
})

describe('what a file may be', () => {
  test.each(['listing/index.html', 'a/list.xml', 'README.md', 'x/README', 'LICENSE', 'LICENCE-MIT.txt', 'Record/x.thm', 'Record/x.3gf', '.DS_Store', 'a/._clip.mp4', '.Trash/a.mp4', 'DCIM/103thumb/20240112.JPG', 'Thumbs/a.jpg', 'DCIM/thumbnail/a.jpg', '@eaDir/a.mp4', 'GL010042.LRV', 'a.json', 'a.tsv', 'clip.mp4.part'])('%s is passed over', (path) => {
    expect(contentByName(path)).toBe('ignored')
  })
  test.each(['a.mp4', 'A.MOV', 'x/y.TS', ';whoami;#.mp4', 'p.JPG', 'p.hif', 'Thumb drive/DCIM/Movie/x.MP4', 'Thumbdrive backup/x.mp4', 'my thumbs/x.mp4', 'readme-trip/x.mp4', 'Licence plates/x.mp4', 'License plates.mp4'])('%s is taken', (path) => expect(contentByName(path)).toBe('media'))
  test.each(['GPSData.txt', '20240112.dat', 'a.gps', 'a.nmea', 'a.gpx', 'noextension', 'a.bin'])('%s is looked into', (path) => expect(contentByName(path)).toBe('look'))
  test.each([
    ['GPSData.txt', '$V02\n176', '70mai'], ['a.txt', 'PJY5472', 'ignored'], ['a.dat', '#\n20240112180000,3612.42986,S,14452.10341,E,28.709,117.4', 'kaiserbaas'], ['a.gps', '[1784358211371]$GPRMC,060329', 'nmea'],
    ['a.gpx', '<?xml version="1.0"?><gpx version="1.1">', 'gpx'], ['a.gps', 'nothing', 'ignored'], ['noextension', '\xff\xd8\xff\xe0', 'media'], ['a.bin', '\x7fELF', 'unknown'], ['dump', '\0\0\0\x1cftypisom', 'media'],
  ])('%s with %j is %s', (path, head, content) => expect(contentOf(path, Buffer.from(head, 'latin1'))).toBe(content))
})

test('the mount that a path lies on is the deepest, the last one wins, and names may hold spaces', () => {
  const table = [
    '22 1 8:1 / / rw - ext4 /dev/sda1 rw',
    '30 22 0:50 / /media/nas\\040share rw shared:1 - cifs //nas/share rw',
    '31 22 0:51 / /media/usb rw - exfat /dev/sdb1 rw',
    '32 22 0:52 / /media/usb rw - nfs4 nas:/usb rw',
  ].join('\n')
  expect(['/media/nas share/a', '/media/nas sharex', '/media/usb', '/', '/media'].map((path) => typeOf(table, path))).toEqual(['cifs', 'ext4', 'nfs4', 'ext4', 'ext4'])
  expect(typeOf('', '/x')).toBeNull()
})

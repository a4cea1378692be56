/** By how much each camera's clock was off, against what was read by hand: times of day in the blocks and sentences, names out of the READMEs, seconds since 1904 in `mvhd`. */
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { distance_m } from '../../../core/contract/place.ts'
import { DATA, hasData, needsData, probe } from '../testing/probe.ts'
import { endExiftool } from './exiftool.ts'

afterAll(endExiftool)

const DASHCAM = join(DATA, 'A_dashcam')

/** `name`: as the camera called it, where the README tells; a fixture's own name tells no time. */
const OFFSETS: readonly { file: string; name?: string; timezone?: string; start: string | null; offset_s: number; from: string }[] = [
  // Blocks: 15:37:57, 13.10.21. Name: 18:37:59, three hours ahead and two seconds late.
  { file: 'novatek/2e-drive-730.mp4', name: '2021_1013_183759_050.MP4', start: '2021-10-13T15:37:57.000Z', offset_s: -10_802, from: 'gps' },
  { file: 'novatek/2e-drive-730.mp4', start: '2021-10-13T15:37:57.000Z', offset_s: 0, from: 'gps' },
  // Blocks: 11:22:01 to :04 without a fix, then 14:22:05 with one: the zone is in them. Name: 14:21:22; the fixture begins 39 s into the clip.
  { file: 'novatek/viofo-a119-mini2-coldstart.mp4', name: '20260406142122_000022.MP4', start: '2026-04-06T11:22:01.000Z', offset_s: -10_761, from: 'gps' },
  { file: 'novatek/viofo-a119-mini2-coldstart.mp4', start: '2026-04-06T11:22:01.000Z', offset_s: 0, from: 'gps' },
  { file: 'novatek/synthetic-viofo.mp4', start: '2026-01-15T12:00:00.000Z', offset_s: 0, from: 'gps' },
  { file: 'novatek/vantrue-n2x.mp4', start: '2025-06-07T18:06:17.000Z', offset_s: 0, from: 'gps' },
  { file: 'novatek/synthetic-happy.TS', start: '2021-03-18T15:39:34.000Z', offset_s: 0, from: 'gps' },
  // GPRMC,041646.00 … 020626; mvhd 3851323200 s since 1904: 2026-01-15 12:00:00, 138 days less 7:43:14 before.
  { file: 'thinkware/real-anonymized-front.mp4', start: '2026-06-02T04:16:46.000Z', offset_s: 11_895_406, from: 'gps' },
  { file: 'gopro/hero5-trimmed.mp4', start: '2017-04-17T17:31:03.000Z', offset_s: 0, from: 'gps' }, // GPSU 170417173103.000; mvhd 0
  { file: 'gopro/hero8-trimmed_no-fix-flag.mp4', start: null, offset_s: 0, from: 'none' }, // neither fix, nor mvhd, nor name
  { file: 'blackvue/synthetic.mp4', start: '2021-10-11T18:15:00.000Z', offset_s: 0, from: 'gps' },
  { file: 'blackvue/blackvuesync-mock.mp4', start: '2010-03-20T21:29:11.000Z', offset_s: 0, from: 'container' }, // mvhd 3351965351
  { file: '70mai/embedded-real-anonymized.mp4', start: null, offset_s: 0, from: 'none' }, // places without a time
  { file: 'road/test_video.mp4', start: '2017-02-03T17:24:08.000Z', offset_s: 0, from: 'container' }, // mvhd 3568987448
  { file: 'kaiserbaas-sdcard/DCIM/100video/20240112181119_180.MP4', timezone: 'Australia/Melbourne', start: '2024-01-12T07:11:19.000Z', offset_s: -39_600, from: 'name' }, // summer time there: eleven hours
]

describe.skipIf(!hasData)(`the clock of a camera was off by what was read by hand${needsData}`, () => {
  test.each(OFFSETS)('$file, called $name', async ({ file, name, timezone, start, offset_s, from }) => {
    const { asset } = await probe(join(DASHCAM, file), { ...(name ? { name } : {}), ...(timezone ? { timezone } : {}) })
    expect([asset!.start_ms === null ? null : new Date(asset!.start_ms).toISOString(), asset!.clock]).toEqual([start, { offset_s, from }])
  })

  test('two clocks that agree are told to agree: mvhd 3575302077 is the second of the first fix', async () => {
    const { asset } = await probe(join(DASHCAM, 'gopro/karma.mp4'))
    expect(asset!.clock.from).toBe('gps')
    expect(Math.floor(asset!.start_ms! / 1000)).toBe(3_575_302_077 - 2_082_844_800)
    expect(Math.abs(asset!.clock.offset_s)).toBeLessThan(1)
  })
})

/** Faster than any car, slower than what a wrong sign or a swapped minute makes; and by so much a receiver may correct itself at once. */
const MOST_MPS = 120
const SLACK_M = 100

describe.skipIf(!hasData)(`no place is impossible${needsData}`, () => {
  const files = hasData ? globSync('{novatek,70mai,70mai-multichannel,blackvue,gopro,thinkware,nmea,gpx,kaiserbaas-sdcard}/**/*.{mp4,MP4,TS,txt,gps,NMEA,gpx,dat}', { cwd: DASHCAM }).sort() : []
  test.each(files)('%s', async (file) => {
    const { track } = await probe(join(DASHCAM, file))
    const wrong: unknown[] = []
    for (const [i, lat] of (track?.lat_deg ?? []).entries()) {
      const lon = track!.lon_deg[i]!
      const isOnGlobe = Number.isFinite(lat) && Number.isFinite(lon) && Math.abs(lat) <= 90 && Math.abs(lon) <= 180
      const passed_s = i === 0 ? 0 : track!.t_s[i]! - track!.t_s[i - 1]!
      const isReached = i === 0 || distance_m(track!.lat_deg[i - 1]!, track!.lon_deg[i - 1]!, lat, lon) <= SLACK_M + MOST_MPS * passed_s
      if (!isOnGlobe || (lat === 0 && lon === 0) || passed_s < 0 || !isReached) wrong.push([i, lat, lon, passed_s])
    }
    expect(wrong).toEqual([])
  })
})

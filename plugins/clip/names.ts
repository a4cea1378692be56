/**
 * What a camera wrote into the name of a file: when the recording began, on the camera's own clock.
 *
 * One shape covers most makers, for they only differ in separators: `20240112181119_180` (Kaiser Baas),
 * `NO20260101-120000-000001F` (70mai), `2021_1013_183759_050` and `20260406142122_000022` (Novatek, VIOFO),
 * `20260718_060329_NF` (BlackVue), `REC_2026_01_15_12_00_00_F` (Thinkware), `2023-01-01_12-00-00-front` (Tesla).
 * Nextbase writes the year with two digits: `230101_120000_001_FH`. GoPro's `GX010042` says nothing.
 */
const FULL = /(?<!\d)((?:19|20)\d\d)[-_.]?(\d\d)[-_.]?(\d\d)[-_.T ]*(\d\d)[-_.:h]?(\d\d)[-_.:m]?(\d\d)/g
const SHORT = /(?<!\d)(\d\d)(\d\d)(\d\d)[-_](\d\d)(\d\d)(\d\d)(?!\d)/g

export interface NamedTime {
  readonly wall_ms: number // the clock's reading as if it were UTC
  readonly utc: boolean // this maker writes UTC
}

export function timeOfName(name: string): NamedTime | null {
  for (const match of [...name.matchAll(FULL), ...name.matchAll(SHORT)]) {
    const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [number, number, number, number, number, number]
    const fullYear = year < 100 ? 2000 + year : year
    if (fullYear < 2000 || month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59) continue
    const wall_ms = Date.UTC(fullYear, month - 1, day, hour, minute, second)
    if (day < 1 || new Date(wall_ms).getUTCDate() !== day) continue
    return { wall_ms, utc: name.startsWith('PXL_') }
  }
  return null
}

/** Names of the channels of one moment differ in their last letters only: `NO…000001F` and `NO…000001B`. */
export const momentOfName = (name: string) => name.replace(/\.[^.]*$/, '').replace(/[-_]?[FRBIT]$/i, '').toLowerCase()

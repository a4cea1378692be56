/** One reading of a receiver, as its source gave it: nothing is dropped or filled in yet. */
export interface Point {
  readonly at_ms: number | null // UTC epoch as the source says; of a reading without fix it is the camera's own clock
  readonly t_s: number | null // seconds into the clip, as the container or the order of blocks says
  readonly lat_deg: number // NaN when the source gave none
  readonly lon_deg: number
  readonly speed_mps: number | null
  readonly heading_deg: number | null
  readonly altitude_m: number | null
  readonly fixed: boolean // what the receiver says of itself
}

/** All that one source said. */
export interface Reading {
  readonly source: string // goes into the track: 'gpmf', 'freegps', 'side-car nmea' …
  readonly points: readonly Point[] // in the order of the source
}

/** A place and where it lies in the clip; `at_ms` follows from the clip's start. */
export interface Fix extends Omit<Point, 't_s' | 'fixed'> {
  readonly t_s: number
}

export const KNOT_MPS = 1852 / 3600
export const KMH_MPS = 1 / 3.6

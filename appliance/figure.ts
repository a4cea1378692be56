/** One measured value, and what it is measured against. A line of `npm run bench`. */
export interface Figure {
  readonly name: string // `ingest.rate`
  readonly value: number
  readonly unit: string
  readonly peer: string | null // what did the same without us, in words
  readonly peer_value: number | null // in the same unit
  readonly ratio: number | null // value / peer_value
}

/** A `*.bench.ts` exports this as `bench`. */
export type Bench = () => AsyncIterable<Figure>

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** To four digits: more would be noise. */
export const rounded = (value: number): number => Number(value.toPrecision(4))

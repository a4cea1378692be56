/** Chance that can be had again: the same seed draws the same. */
export interface Random {
  /** 0 to 1, without 1. */
  next(): number
  between(low: number, high: number): number
  /** Between, but each factor is as likely as any other: two minutes to a day as often as a day to a month. */
  magnitude(low: number, high: number): number
  /** Of a process without memory, as kills are. */
  wait(mean: number): number
}

/** mulberry32. */
export function seeded(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let x = state
    x = Math.imul(x ^ (x >>> 15), x | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    next,
    between: (low, high) => low + next() * (high - low),
    magnitude: (low, high) => low * (high / low) ** next(),
    wait: (mean) => -Math.log(1 - next()) * mean,
  }
}

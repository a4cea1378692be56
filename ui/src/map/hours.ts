/** The beginnings of hours in a range, `every` hours apart from each midnight on, also on the days that an hour is added to or taken from. Epoch ms, each once. */
export function hoursIn(from_ms: number, to_ms: number, every: number): number[] {
  const first = new Date(from_ms)
  const found: number[] = []
  for (let day = 0; ; day++) {
    for (let hour = 0; hour < 24; hour += every) {
      const at_ms = new Date(first.getFullYear(), first.getMonth(), first.getDate() + day, hour).getTime()
      if (at_ms >= to_ms) return found
      if (at_ms !== found.at(-1)) found.push(at_ms) // an hour that a day does not have is the one after it
    }
  }
}

/** "today 14:32", "tue 14:32", "20 nov 9:05", "2026-11-20 13:58", "-2h" → a moment, epoch ms; null when it is not one. */
export function when(text: string, now_ms: number): number | null {
  const said = text.trim().toLowerCase()
  const back = /^-\s*(\d+)\s*(min|m|h|d|w)$/.exec(said)
  if (back) return now_ms - Number(back[1]) * { min: 60_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }[back[2] as 'm']
  const clock = /(?:^|\s)(\d{1,2})[:.](\d{2})(?:[:.](\d{2}))?$/.exec(said)
  const date = (clock ? said.slice(0, clock.index) : said).trim()
  if (!clock && date === '') return null
  const day = dayOf(date, new Date(now_ms))
  if (!day) return null
  const [hour, minute, second] = clock ? [Number(clock[1]), Number(clock[2]), Number(clock[3] ?? 0)] : [0, 0, 0]
  if (hour > 23 || minute > 59 || second > 59) return null
  return new Date(day.getFullYear(), day.getMonth(), day.getDate(), hour, minute, second).getTime()
}

const WEEKDAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday']
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']

/** A weekday is the last one; a date without a year is the last such date. */
function dayOf(date: string, now: Date): Date | null {
  const back = (days: number) => new Date(now.getFullYear(), now.getMonth(), now.getDate() - days)
  if (date === '' || date === 'today') return back(0)
  if (date === 'yesterday') return back(1)
  const weekday = WEEKDAYS.findIndex((name) => date === name || date === name.slice(0, 3)) // no other word that begins so: it may be a plate or a command
  if (weekday >= 0) return back((now.getDay() - weekday + 7) % 7)
  const iso = /^(\d{4})-(\d{1,2})-(\d{1,2})$/.exec(date)
  if (iso) return real(Number(iso[1]), Number(iso[2]) - 1, Number(iso[3]))
  const named = /^(\d{1,2})\.?\s*([a-z]{3,9})(?:\s+(\d{4}))?$/.exec(date)
  const month = named ? MONTHS.indexOf(named[2]!.slice(0, 3)) : -1
  if (!named || month < 0) return null
  if (named[3]) return real(Number(named[3]), month, Number(named[1]))
  const thisYear = real(now.getFullYear(), month, Number(named[1]))
  return thisYear && thisYear > now ? real(now.getFullYear() - 1, month, Number(named[1])) : thisYear
}

/** Null for the 31st of February. */
function real(year: number, month: number, day: number): Date | null {
  const date = new Date(year, month, day)
  return date.getMonth() === month && date.getDate() === day ? date : null
}

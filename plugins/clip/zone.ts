/** How far a time zone is ahead of UTC at a reading of its wall clock, ms.
 *  @param wall_ms The clock's reading as if it were UTC. @param timezone IANA name; empty: the machine's own. */
export function zoneOffset_ms(wall_ms: number, timezone: string): number {
  // Twice, because the offset is asked at a moment that is only known once the offset is known; right but in the doubled hour of autumn.
  const first = offsetAt_ms(wall_ms, timezone)
  return offsetAt_ms(wall_ms - first, timezone)
}

export function isTimezone(timezone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: timezone })
    return true
  } catch (cause) {
    if (cause instanceof RangeError) return false
    throw cause
  }
}

function offsetAt_ms(utc_ms: number, timezone: string): number {
  const parts = formatter(timezone).formatToParts(utc_ms)
  const field = (type: string) => Number(parts.find((p) => p.type === type)?.value)
  const wall_ms = Date.UTC(field('year'), field('month') - 1, field('day'), field('hour'), field('minute'), field('second'))
  return wall_ms - Math.floor(utc_ms / 1000) * 1000
}

const formatters = new Map<string, Intl.DateTimeFormat>()

function formatter(timezone: string): Intl.DateTimeFormat {
  let found = formatters.get(timezone)
  if (!found) {
    found = new Intl.DateTimeFormat('en-u-ca-gregory-nu-latn', {
      ...(timezone === '' ? {} : { timeZone: timezone }),
      hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric',
    })
    formatters.set(timezone, found)
  }
  return found
}

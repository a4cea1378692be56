import { afterAll, beforeAll, expect, test } from 'vitest'
import { hoursIn } from './hours.ts'

const zone = process.env.TZ
beforeAll(() => { process.env.TZ = 'Europe/Berlin' })
afterAll(() => { process.env.TZ = zone })

const clock = (ms: number) => { const at = new Date(ms); return `${at.getDate()} ${at.getHours()}` }

test('each day has its midnight, whether the one before had 23 hours or 25', () => {
  for (const [month, day] of [[2, 28], [9, 24]] as const) { // the clock changes on the night to the 29th of March and to the 25th of October 2026
    const found = hoursIn(new Date(2026, month, day, 15).getTime(), new Date(2026, month, day + 3).getTime(), 6)
    expect(found.map(clock)).toEqual([day, day + 1, day + 2].flatMap((d) => [0, 6, 12, 18].map((hour) => `${d} ${hour}`)))
  }
})

test('an hour that a day does not have is not there twice', () => {
  const found = hoursIn(new Date(2026, 2, 29).getTime(), new Date(2026, 2, 29, 5).getTime(), 1)
  expect(found.map(clock)).toEqual(['29 0', '29 1', '29 3', '29 4'])
})

import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { openBell } from './bell.ts'

const LONG_MS = 600_000

test('a ring wakes whoever waits, and one that came before is remembered, once', async () => {
  const bell = openBell()
  const { signal } = new AbortController()
  const waiting = bell.wait(LONG_MS, signal)
  bell.ring()
  await waiting
  bell.ring()
  bell.ring()
  await bell.wait(LONG_MS, signal)
  let over = false
  const next = bell.wait(LONG_MS, signal).then(() => { over = true })
  await new Promise((turn) => setImmediate(turn))
  expect(over).toBe(false)
  bell.ring()
  await next
  expect(getEventListeners(signal, 'abort')).toEqual([])
})

test('whoever is told to stop waits no longer, then or before', async () => {
  const bell = openBell()
  const stop = new AbortController()
  const waiting = bell.wait(LONG_MS, stop.signal)
  stop.abort()
  await waiting
  await bell.wait(LONG_MS, stop.signal)
})

test('it is over after the time that was given', () => openBell().wait(1, new AbortController().signal))

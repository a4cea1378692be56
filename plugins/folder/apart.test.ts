import { expect, test } from 'vitest'
import { apart } from './apart.ts'

test('what fails begins again, later each time, says so, and ends with the signal; what ends by itself does not begin again', async () => {
  const stop = new AbortController()
  const said: string[] = []
  let [bad, good] = [0, 0]
  const warn = (_: unknown, what: string) => void said.push(what)
  await Promise.all([
    apart('/card', async () => {
      if (++bad === 5) stop.abort()
      throw new Error('EHOSTDOWN')
    }, { signal: stop.signal, warn }, 10),
    apart('/good', async () => { good++ }, { signal: stop.signal, warn }),
  ])
  expect(said).toEqual([10, 20, 40, 80].map((ms) => `/card is looked after again in ${ms / 1000} s`))
  expect([bad, good]).toEqual([5, 1])
})

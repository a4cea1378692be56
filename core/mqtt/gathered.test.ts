import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Home } from '../access/scope.ts'
import { gathered } from './gathered.ts'

const HOME: Home = { org: 'home', site: 'nas' }
const SHED: Home = { org: 'home', site: 'shed' }

beforeEach(() => { vi.useFakeTimers() })
afterEach(() => { vi.useRealTimers() })

function spoken() {
  const said: [site: string, words: readonly string[]][] = []
  return { said, words: gathered((site, words) => said.push([site.site, words])) }
}

test('the first word is said at once, those that follow together and each once, and after a silence the next at once again', () => {
  const { said, words } = spoken()
  words.add(HOME, ['drives', 'drives'])
  expect(said).toEqual([['nas', ['drives']]])
  words.add(HOME, ['tasks'])
  words.add(HOME, ['plates', 'tasks'])
  expect(said).toHaveLength(1)
  vi.advanceTimersByTime(250)
  expect(said.slice(1)).toEqual([['nas', ['tasks', 'plates']]])
  vi.advanceTimersByTime(500)
  words.add(HOME, ['tasks'])
  expect(said.slice(2)).toEqual([['nas', ['tasks']]])
})

test('however much there is to say, a site hears at most four times a second and nothing is left unsaid', () => {
  const { said, words } = spoken()
  for (let i = 0; i < 1000; i++) {
    words.add(HOME, [`word ${i}`])
    vi.advanceTimersByTime(1)
  }
  vi.advanceTimersByTime(250)
  expect(said.length).toBeLessThanOrEqual(5)
  expect(said.flatMap(([, some]) => some)).toEqual(Array.from({ length: 1000 }, (_, i) => `word ${i}`))
})

test('one site does not wait for another; no word is nothing; once stopped, nothing more is said', () => {
  const { said, words } = spoken()
  words.add(HOME, ['tasks'])
  words.add(SHED, ['tasks'])
  words.add(SHED, [])
  expect(said).toEqual([['nas', ['tasks']], ['shed', ['tasks']]])
  words.add(HOME, ['drives'])
  words.stop()
  words.add(SHED, ['drives'])
  vi.advanceTimersByTime(1000)
  expect(said).toHaveLength(2)
})

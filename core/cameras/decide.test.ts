import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { NO_ORDER, type CameraOrder } from '../contract/camera.ts'
import { MOST_CLIPS, retrying, skipping } from './decide.ts'

const NOW = 1_700_000_000_000
const ids = fc.uniqueArray(fc.constantFrom<string>('a', 'b', 'c', 'd'), { minLength: 1 })
const step = fc.tuple(fc.constantFrom('skip', 'again'), ids)
const after = (steps: readonly (readonly [string, readonly string[]])[], from: CameraOrder = NO_ORDER) => steps.reduce((order, [what, clips]) => (what === 'skip' ? skipping(order, clips) : retrying(order, clips, NOW)), from)

describe('what a person says of clips', () => {
  test('is their last word: a clip is skipped, or wanted, never both', () => {
    fc.assert(fc.property(fc.array(step), (steps) => {
      const { skip, again } = after(steps)
      for (const id of ['a', 'b', 'c', 'd']) {
        const last = steps.findLast(([, clips]) => clips.includes(id))?.[0]
        expect([skip.filter((one) => one === id).length, Object.hasOwn(again, id)]).toEqual([last === 'skip' ? 1 : 0, last === 'again'])
      }
    }))
  })

  test('asked again has a higher number than whatever was asked before', () => {
    fc.assert(fc.property(fc.array(step), ids, (steps, clips) => {
      const before = after(steps)
      const now = retrying(before, clips, NOW)
      for (const id of clips) expect(now.again[id]).toBeGreaterThan(Math.max(0, ...Object.values(before.again)))
    }))
  })

  test('leaves everything else of the order', () => {
    expect(skipping({ paused: true, skip: [], again: {}, here: 3 }, ['a'])).toEqual({ paused: true, skip: ['a'], again: {}, here: 3 })
    expect(retrying({ paused: true, skip: ['a', 'b'], again: {}, here: 3 }, ['a'], NOW)).toEqual({ paused: true, skip: ['b'], again: { a: NOW }, here: 3 })
  })

  test('is forgotten of those that were named longest ago', () => {
    const many = Array.from({ length: MOST_CLIPS + 1 }, (_, i) => `clip ${i}`)
    expect(skipping(skipping(NO_ORDER, many), ['last']).skip).toEqual([...many.slice(2), 'last'])
    expect(Object.keys(retrying(retrying(NO_ORDER, many, NOW), ['last'], NOW).again)).toEqual([...many.slice(2), 'last'])
  })
})

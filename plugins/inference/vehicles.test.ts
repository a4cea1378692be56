import { expect, test } from 'vitest'
import type { Thing } from './objects.ts'
import { vehicles, type VehicleLook } from './vehicles.ts'

const thing = (left: number, label = 'car', score = 0.7, size = 0.2): Thing => ({ label, score, left, top: 0.4, right: left + size, bottom: 0.4 + size })
const clip = (...frames: readonly (readonly Thing[])[]): VehicleLook[] => frames.map((things, frame) => ({ frame, at_s: frame / 2, things }))

test('a vehicle that drives through the picture is one', () => {
  const found = vehicles(clip([thing(0.1)], [thing(0.15, 'car', 0.9)], [thing(0.25)], [thing(0.38)]))
  expect(found).toHaveLength(1)
  expect(found[0]).toMatchObject({ label: 'car' })
  expect(found[0]!.seen).toHaveLength(4)
  expect(found[0]!.best.look.at_s).toBe(0.5)
})

test('two at once are two', () => {
  expect(vehicles(clip([thing(0.1), thing(0.6)], [thing(0.12), thing(0.62)]))).toHaveLength(2)
})

test('it is what most of its frames say', () => {
  expect(vehicles(clip([thing(0.1)], [thing(0.1, 'truck')], [thing(0.1)]))[0]!.label).toBe('car')
})

test('a glimpse that is not sure is none, in a photo it is', () => {
  expect(vehicles(clip([], [thing(0.1, 'car', 0.45)], []))).toEqual([])
  expect(vehicles(clip([thing(0.1, 'car', 0.45)]))).toHaveLength(1)
})

test('a vehicle at the same place long after is another', () => {
  expect(vehicles(clip([thing(0.1)], [thing(0.1)], [], [], [], [], [thing(0.1)], [thing(0.1)]))).toHaveLength(2)
})

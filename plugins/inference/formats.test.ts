import { expect, test } from 'vitest'
import { logPrior } from './formats.ts'

test('a text in a format of the region is likelier than one in none', () => {
  expect(logPrior('ABC1234', 'br')).toBeGreaterThan(logPrior('AB12345', 'br') + 1)
  expect(logPrior('AB123CD', 'eu')).toBeGreaterThan(logPrior('A1B2C3D', 'eu') + 1)
  expect(logPrior('B577PRT', 'eu')).toBeGreaterThan(-1) // Romania
  expect(logPrior('ABC1D23', 'br')).toBe(0) // Mercosul
})

test('with no region every format counts, each at its best', () => {
  for (const [text, region] of [['AB123CD', 'eu'], ['7ABC123', 'us'], ['ABC1D23', 'br']] as const) {
    expect(logPrior(text, 'all')).toBe(logPrior(text, region))
  }
})

test('words and bare numbers are rarely plates', () => {
  expect(logPrior('RENAULT', 'all')).toBeLessThan(-4)
  expect(logPrior('123456', 'all')).toBeLessThan(-2)
  expect(logPrior('ABCDEFGHI', 'all')).toBeLessThan(-7)
})

test('letters that countries leave out weigh against a text', () => {
  expect(logPrior('IBC1234', 'br')).toBeLessThan(logPrior('ABC1234', 'br'))
})

import { expect, test } from 'vitest'
import { signFlowToken, verifyFlowToken } from './flow-token.ts'

const ANN = { name: 'Änn', access: 'write' } as const

test('what core signed is believed for a minute', () => {
  const token = signFlowToken('secret', ANN, 1000)
  expect(verifyFlowToken('secret', token, 1000)).toEqual(ANN)
  expect(verifyFlowToken('secret', token, 60_999)).toEqual(ANN)
  expect(verifyFlowToken('secret', token, 61_000)).toBeNull()
})

test('another secret, a changed body and anything else are not', () => {
  const token = signFlowToken('secret', { ...ANN, access: 'read' }, 1000)
  const [body, mark] = token.split('.') as [string, string]
  const raised = Buffer.from(Buffer.from(body, 'base64url').toString().replace('read', 'write')).toString('base64url')
  expect(verifyFlowToken('other', token, 1000)).toBeNull()
  for (const bad of [`${raised}.${mark}`, `${body}.`, `.${mark}`, body, '', `${token}.x`, 'a.b']) expect(verifyFlowToken('secret', bad, 1000)).toBeNull()
})

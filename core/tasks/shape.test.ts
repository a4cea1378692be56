import { Type } from 'typebox'
import { expect, test } from 'vitest'
import { MOST_UNDECLARED_BYTES, pick } from './shape.ts'

test('a stage is given the fields that it declares; one that is open to others all of them but the large', () => {
  const message = { sha256: 'a', camera: 'Van', plates: 3, svg: 'x'.repeat(MOST_UNDECLARED_BYTES), nothing: undefined }
  const declared = { sha256: Type.String(), svg: Type.Optional(Type.String()) }
  expect(pick(Type.Object(declared), message)).toEqual({ sha256: 'a', svg: message.svg })
  expect(pick(Type.Object({ sha256: Type.String() }, { additionalProperties: true }), message)).toEqual({ sha256: 'a', camera: 'Van', plates: 3 })
  expect(pick(Type.Object(declared, { additionalProperties: true }), message)).toEqual({ sha256: 'a', camera: 'Van', plates: 3, svg: message.svg })
})

import { expect, test } from 'vitest'
import { ROLES } from '../contract/plugin.ts'
import { holds } from './role.ts'

test('each role holds those below it; a device and the flows hold only their own', () => {
  const held = Object.fromEntries(ROLES.map((role) => [role, ROLES.filter((needed) => holds(role, needed))]))
  expect(held).toEqual({
    viewer: ['viewer'],
    operator: ['viewer', 'operator'],
    reviewer: ['viewer', 'operator', 'reviewer'],
    admin: ['viewer', 'operator', 'reviewer', 'admin'],
    device: ['device'],
    flows: ['flows'],
  })
})

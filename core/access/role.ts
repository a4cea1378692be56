import type { Role } from '../contract/plugin.ts'

/** People's roles, each holding what those before it hold. A device and the flows are none of them: they do their own work and nothing else. */
const LADDER: readonly Role[] = ['viewer', 'operator', 'reviewer', 'admin']

/** Whether who has `role` may do what `needed` may do. */
export function holds(role: Role, needed: Role): boolean {
  if (!LADDER.includes(role) || !LADDER.includes(needed)) return role === needed
  return LADDER.indexOf(role) >= LADDER.indexOf(needed)
}

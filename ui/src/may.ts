import { session } from './session.svelte.ts'

const LADDER: readonly string[] = ['viewer', 'operator', 'reviewer', 'admin']

/** Whether who looks at the page may do what needs at least that role. The box checks it again. */
export const may = (least: 'operator' | 'reviewer' | 'admin') => LADDER.indexOf(session.view?.role ?? '') >= LADDER.indexOf(least)

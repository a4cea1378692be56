import { Fault } from '../contract/fault.ts'

const NAME = /^[a-z0-9][a-z0-9-]{0,31}$/

/** Names of orgs and sites become folders and parts of ids. Throws Fault `input/invalid`. */
export function checkPlace({ org, site }: { readonly org: string; readonly site: string }): void {
  for (const [what, name] of [['an org', org], ['a site', site]] as const)
    if (!NAME.test(name)) throw new Fault('input/invalid', `'${name}' is no name of ${what}: 1 to 32 of a–z, 0–9 and -, not beginning with -`)
}

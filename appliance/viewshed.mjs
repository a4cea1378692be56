#!/usr/bin/env node
/** The command `viewshed`, from wherever it is typed: what must be there is prepared, then `cli.ts` runs under the Node of the packages. */
process.argv.splice(2, 0, '--', 'appliance/cli.ts')
await import('./prepare.mjs')

/** A process that reads inputs as a stage does, says so a line each, and is killed where its test likes. */
import { openVolumes } from '../../core/store/volumes.ts'
import type { MediaRef } from '../../core/contract/media.ts'
import { openCache, type CacheSpec } from '../cache.ts'
import type { CoreAddress } from '../core-request.ts'
import { taskMedia } from '../media.ts'

export interface FetchOrder { readonly core: CoreAddress; readonly cache: CacheSpec; readonly scratch: string; readonly reads: readonly MediaRef[]; readonly write?: { path: string; from: string } }

const { core, cache, scratch, reads, write } = JSON.parse(process.argv[2]!) as FetchOrder
const media = taskMedia({ mounted: await openVolumes([], null), cache: openCache(cache), core, lease: { task: 'task', token: 'token' }, scratch, signal: new AbortController().signal })
process.stdout.write('ready\n')
for (const ref of reads) process.stdout.write(`${await media.read(ref)}\n`)
if (write) process.stdout.write(`${await media.read(await media.write('media', write.path, write.from))}\n`)

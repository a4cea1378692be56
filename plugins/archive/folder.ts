import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Static } from 'typebox'
import { Fault } from '../../core/contract/fault.ts'
import type { MediaRef } from '../../core/contract/media.ts'
import type { StageContext } from '../../core/contract/plugin.ts'
import type { ArchiveConfig, FolderInput, FolderOutput } from './plugin.ts'

/** Copies the pieces into the recording's folder on the archive volume, reads each back, and then writes what they are. */
export async function run({ sha256, pieces, summary }: Static<typeof FolderInput>, ctx: StageContext<Static<typeof ArchiveConfig>>): Promise<Static<typeof FolderOutput>> {
  const files: { media: MediaRef; from: MediaRef }[] = []
  const lay = async (as: string, local: string, from: MediaRef) => {
    const media = await ctx.media.write(ctx.config.volume, `${sha256}/${as}`, local)
    if (media.sha256 !== from.sha256) throw new Fault('media/digest', `${from.path} was ${media.sha256} while it was copied to ${media.volume}, expected ${from.sha256}`)
    if ((await ctx.media.reread(media)).sha256 !== media.sha256) throw new Fault('media/digest', `${as} reads back from ${media.volume} as something else: look at that disk`)
    files.push({ media, from })
  }
  for (const [n, { media, as }] of pieces.entries()) {
    ctx.progress(n / (pieces.length + 1), as)
    await lay(as, await ctx.media.read(media), media)
  }
  if (summary !== null) {
    const local = join(ctx.scratch, 'summary.json')
    const listed = files.map(({ media: { path, bytes, sha256: digest } }) => ({ file: path.slice(sha256.length + 1), bytes, sha256: digest }))
    await writeFile(local, `${JSON.stringify({ ...summary, files: listed }, null, 2)}\n`)
    // Here as well, so that one that rots there has something to be made good from.
    const text = await readFile(local)
    const here = await ctx.media.write('media', `derived/${sha256.slice(0, 2)}/${sha256}/summary.${createHash('sha256').update(text).digest('hex').slice(0, 12)}.json`, local)
    await lay('summary.json', local, here)
  }
  return { files, verified_ms: Date.now() }
}

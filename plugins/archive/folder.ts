import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Static } from 'typebox'
import { Fault } from '../../core/contract/fault.ts'
import type { MediaRef } from '../../core/contract/media.ts'
import type { StageContext } from '../../core/contract/plugin.ts'
import type { ArchiveConfig, FolderInput, FolderOutput } from './plugin.ts'

/** Copies the pieces into the recording's folder on the archive volume, reads each back, and then writes what they are. */
export async function run({ sha256, pieces, summary }: Static<typeof FolderInput>, ctx: StageContext<Static<typeof ArchiveConfig>>): Promise<Static<typeof FolderOutput>> {
  const files: { media: MediaRef; from: MediaRef | null }[] = []
  const lay = async (as: string, local: string, from: MediaRef | null) => {
    const media = await ctx.media.write(ctx.config.volume, `${sha256}/${as}`, local)
    if (from !== null && media.sha256 !== from.sha256) throw new Fault('media/digest', `${from.path} was ${media.sha256} while it was copied to ${media.volume}, expected ${from.sha256}`)
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
    await lay('summary.json', local, null)
  }
  return { files, verified_ms: Date.now() }
}

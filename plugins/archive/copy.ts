import { basename } from 'node:path'
import type { Static } from 'typebox'
import { Fault } from '../../core/contract/fault.ts'
import type { StageContext } from '../../core/contract/plugin.ts'
import type { ArchiveConfig, CopyInput, CopyOutput } from './plugin.ts'

/** Copies to `<sha256>/<name>` on the archive volume. It is verified only when what lies there was read back and is the same. */
export async function run(input: Static<typeof CopyInput>, ctx: StageContext<Static<typeof ArchiveConfig>>): Promise<Static<typeof CopyOutput>> {
  const { enabled, volume } = ctx.config
  if (!enabled) return { archive: null, note: 'no archive volume is configured', verified_ms: null, reread: null }

  const name = basename(input.media.path)
  const original = await ctx.media.read(input.media)
  ctx.progress(0.1, `copy ${name}`)
  const archive = await ctx.media.write(volume, `${input.sha256}/${name}`, original)
  if (archive.sha256 !== input.sha256) throw new Fault('media/digest', `${name} was ${archive.sha256} while it was copied to ${volume}, expected ${input.sha256}`)

  ctx.progress(0.6, `read ${name} back`)
  const again = await ctx.media.reread(archive)
  if (again.sha256 !== input.sha256) throw new Fault('media/digest', `${name} reads back from ${volume} as ${again.sha256}, expected ${input.sha256}: look at that disk`)
  return { archive, note: null, verified_ms: Date.now(), reread: again.from }
}

import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { copyFile, readFile, stat } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import type { MediaRef } from '../../../core/contract/media.ts'
import type { StageContext } from '../../../core/contract/plugin.ts'
import type { ProbeInput, ProbeOutput } from '../found.ts'
import { run } from '../probe.ts'

/** Recordings and broken files of many makers, beside the repository; absent on most machines. */
export const DATA = resolve(import.meta.dirname, '../../../../shared/data')
export const hasData = existsSync(DATA)
export const needsData = hasData ? '' : ' (skipped: ../shared/data is not there)'

export async function refOf(path: string): Promise<MediaRef> {
  const sha256 = createHash('sha256').update(await readFile(path)).digest('hex')
  return { volume: 'media', path, bytes: (await stat(path)).size, sha256 }
}

/** A stage's context over plain files: a reference's path is the file's own. */
export const contextOf = <Config>(config: Config, scratch = '', written: Map<string, string> = new Map()): StageContext<Config> => ({
  config, options: {}, scratch, attempt: 1, signal: new AbortController().signal, progress: () => {},
  media: {
    read: (ref) => Promise.resolve(ref.path),
    async write(volume, path, localPath) {
      const kept = `${localPath}.kept`
      await copyFile(localPath, kept)
      written.set(path, kept)
      return { ...(await refOf(kept)), volume, path }
    },
    reread: () => Promise.reject(new Error('nobody asks for it here')),
  },
})

export async function probe(path: string, given: Partial<Omit<ProbeInput, 'sidecars'>> & { sidecars?: readonly string[]; timezone?: string } = {}): Promise<ProbeOutput> {
  const { timezone = 'UTC', sidecars = [], ...over } = given
  const input: ProbeInput = {
    media: await refOf(path), name: basename(path), camera: 'car', channel: 'unknown', event: 'normal', ...over,
    sidecars: await Promise.all(sidecars.map(async (s) => ({ media: await refOf(s), format: 'log' }))),
  }
  return run(input, contextOf({ timezone, gap_s: 600 }))
}

/** A clip with moving bars, made here. @param args Between input and output, such as `-movflags +faststart`. */
export async function makeClip(path: string, seconds: number, ...args: string[]): Promise<string> {
  const { command } = await import('../command.ts')
  const made = await command('ffmpeg', [
    '-v', 'error', '-nostdin', '-f', 'lavfi', '-i', `testsrc2=size=320x180:rate=10:duration=${seconds}`, '-threads', '1',
    '-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-g', '10', ...args, '-y', path,
  ], { limit_ms: 30_000, signal: new AbortController().signal })
  if (made.code !== 0) throw new Error(made.stderr)
  return path
}

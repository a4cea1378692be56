/** A real door with one volume and a staging area, for what goes to and from a device. */
import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Fault } from '../../core/contract/fault.ts'
import type { MediaRef } from '../../core/contract/media.ts'
import { openTestDoor, type TestDoor } from '../../core/http/testing.ts'
import { openUploads } from '../../core/store/uploads.ts'
import { openVolumes, type Volumes } from '../../core/store/volumes.ts'

export interface Origin extends TestDoor {
  readonly root: string
  readonly volumes: Volumes
  readonly token: string
  put(path: string, content: Buffer): Promise<MediaRef>
  /** Core started anew: it remembers nothing of any upload. */
  forget(): void
}

export const sha256 = (content: Buffer): string => createHash('sha256').update(content).digest('hex')

/** @param stale leases that have ended */
export async function openOrigin(folder: string, stale: ReadonlySet<string> = new Set()): Promise<Origin> {
  const root = join(folder, 'media')
  await mkdir(root, { recursive: true })
  const ids = new Map<string, string>()
  const volumes = await openVolumes([{ name: 'media', root, org: 'home' }], { get: (name) => ids.get(name), set: async (name, id) => void ids.set(name, id) })
  let uploads = openUploads(volumes)
  const door = await openTestDoor({
    media: { open: (_scope, volume, path) => volumes.resolve(volume, path) },
    staging: {
      stall_ms: 1_500,
      state: (at) => uploads.state(at), append: (...args) => uploads.append(...args), drop: (at) => uploads.drop(at), resolve: (at) => uploads.resolve(at),
      admit: (_scope, { token }) => {
        if (stale.has(token)) throw new Fault('task/stale', 'another lease has the task by now')
      },
    },
  })
  return {
    ...door, root, volumes, token: door.bearer('device', 'gpu').authorization.slice('Bearer '.length),
    async put(path, content) {
      await mkdir(dirname(join(root, path)), { recursive: true })
      await writeFile(join(root, path), content)
      return { volume: 'media', path, bytes: content.length, sha256: sha256(content) }
    },
    forget() { uploads = openUploads(volumes) },
  }
}

/**
 * One life of a watcher beside cameras: real stores, the plugin as it stands. As a process it is killed where its test likes;
 * `node camera-life.ts '<order>'` says `arrived <n>` for each clip.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Static } from 'typebox'
import { HOME } from '../../core/access/scope.ts'
import type { Archived } from '../../core/cameras/archived.ts'
import { NO_ORDER, type CameraDesk } from '../../core/contract/camera.ts'
import type { MediaRef } from '../../core/contract/media.ts'
import { createRegistry } from '../../core/plugins/registry.ts'
import { openLog } from '../../core/store/log.ts'
import { openVolumes } from '../../core/store/volumes.ts'
import { openEvents } from '../../core/tasks/events.ts'
import { openOutcomes } from '../../core/tasks/outcomes.ts'
import type { CameraContext } from '../../plugins/camera/card.ts'
import type { cameraEvents } from '../../plugins/camera/settings.ts'
import plugins from '../../plugins/index.ts'
import { watcherMedia } from '../media.ts'

export interface LifeOrder { readonly dir: string; readonly plugin: 'camera-viofo' | 'camera-blackvue'; readonly cameras: readonly Record<string, unknown>[] }

export type Arrived = Static<typeof cameraEvents.arrived>

export async function beginLife({ dir, plugin, cameras }: LifeOrder, onArrived: (all: number) => void = () => undefined, desks: (names: readonly string[]) => Promise<readonly CameraDesk[]> = unsteered, archived: (original: MediaRef) => Promise<Archived> = async () => ({ why: 'nothing is archived here' })) {
  await mkdir(join(dir, 'media'), { recursive: true })
  const log = await openLog(join(dir, 'log'))
  const volumes = await openVolumes([{ name: 'media', root: join(dir, 'media'), org: HOME.org }], { get: (name) => log.get(`volume!${name}`), set: (name, id) => log.commit([{ type: 'put', key: `volume!${name}`, value: id }]) })
  await volumes.sweep((error) => { throw error })
  const declared = plugins.find(({ name }) => name === plugin)!
  const events = openEvents({ log, outcomes: await openOutcomes({ log, clock: Date.now }), clock: Date.now, schemas: (type) => declared.events![type.slice(plugin.length + 1)] ?? null })
  const came = async (key: string) => ((await events.find(HOME, `${plugin}.arrived`, key))?.payload['media'] ?? null) as MediaRef | null
  const verdict = async (key: string): ReturnType<CameraContext['archived']> => {
    const original = await came(key)
    if (!original) return { media: null, original: null, why: 'it never came in' }
    const found = await archived(original)
    return 'why' in found ? { media: null, original, why: found.why } : { media: found.media, original, why: null }
  }
  const all = async <T = Arrived>(event: 'arrived' | 'passed' | 'route' | 'released' | 'locked' = 'arrived') => (await events.list({ ...HOME, role: 'admin' }, { type: `${plugin}.${event}`, limit: 100_000 })).map(({ payload }) => payload as T)
  const stop = new AbortController()
  const { run } = await declared.watch!()
  let arrived = (await all()).length
  const running = run({
    config: createRegistry(plugins, { [plugin]: { cameras } }).config(plugin) as never, media: watcherMedia(volumes), signal: stop.signal, warn: () => undefined, cameras: desks, archived: (_event: string, key: string) => verdict(key),
    came: (_event: string, key: string) => came(key),
    lock: async (_event: string, key: string) => ((await events.find(HOME, `${plugin}.arrived`, key))?.payload['event'] === 'locked' ? 'before' as const : 'now' as const),
    known: (event: string, key: string) => events.known(HOME, `${plugin}.${event}`, key),
    emit: async (event: string, key: string, payload: unknown) => {
      await events.emit(HOME, `${plugin}.${event}`, key, payload as Record<string, unknown>)
      if (event === 'arrived') onArrived(++arrived)
    },
  })
  running.catch(() => undefined) // `end` hears of it
  return {
    all, running, root: join(dir, 'media'),
    async end() {
      stop.abort()
      await running
      await log.close()
    },
  }
}

/** Nobody looks, and nobody decides anything. */
const unsteered = async (names: readonly string[]): Promise<readonly CameraDesk[]> => names.map(() => ({ order: NO_ORDER, onOrder: () => () => undefined, says: () => undefined }))

if (process.argv[1] === import.meta.filename) {
  const life = await beginLife(JSON.parse(process.argv[2]!) as LifeOrder, (all) => process.stdout.write(`arrived ${all}\n`))
  process.stdout.write(`began ${(await life.all()).length}\n`)
  await life.running
}

import type { Static } from 'typebox'
import { Fault } from '../../core/contract/fault.ts'
import type { WatchContext } from '../../core/contract/plugin.ts'
import type { Clip, Driver } from '../camera/clip.ts'
import type { Door } from '../camera/door.ts'
import type { cameraEvents, CamerasConfig } from '../camera/settings.ts'
import { watchCameras } from '../camera/watch.ts'
import { isDone, isHeartbeat, readHtml, readRecording, readXml } from './listing.ts'

export const run = (ctx: WatchContext<Static<typeof CamerasConfig>, typeof cameraEvents>): Promise<void> => watchCameras(ctx.config.cameras, viofo, ctx)

const FOLDERS = ['/DCIM/Movie', '/DCIM/Movie/Parking', '/DCIM/Movie/RO', '/DCIM/Parking', '/DCIM/RO']

const command = (n: number) => `/?custom=1&cmd=${n}`

export const viofo: Driver = {
  maker: 'VIOFO',
  greeting_ms: 3_000,
  async greet(door, signal) {
    if (!isHeartbeat(await door.text(command(3016), signal))) throw new Fault('camera/invalid', `what answers at ${door.address} is no VIOFO`)
  },
  async look(door, signal) {
    const recording = await orElse(async () => readRecording(await door.text(command(3014), signal)), null)
    const list = async () => readXml(await door.text(`${command(3015)}&par=1`, signal))
    // Asked once more before we go without: only the list tells what was locked where it lies, and what is in is not asked for again.
    const listed = await orElse(list, null) ?? await orElse(list, [])
    // Nothing in the list is no sign of an empty card: its folders have the say.
    return { recording, clips: listed.length > 0 ? listed : await byFolders(door, signal) }
  },
  async remove(door, { path }, signal) {
    const where = `A:${decodeURIComponent(path).replaceAll('/', '\\')}`
    if (!isDone(await door.text(`${command(4003)}&str=${encodeURIComponent(where)}`, signal), 4003)) throw new Fault('camera/invalid', `${door.address} did not delete ${path}`)
  },
}

async function byFolders(door: Door, signal: AbortSignal): Promise<readonly Clip[]> {
  const clips = new Map<string, Clip>()
  for (const folder of FOLDERS) for (const clip of await orElse(async () => readHtml(await door.text(folder, signal)), [])) clips.set(clip.path, clip)
  return [...clips.values()]
}

/** What this camera does not answer is asked for in another way. */
async function orElse<T>(ask: () => Promise<T>, otherwise: T): Promise<T> {
  try {
    return await ask()
  } catch (e) {
    if (e instanceof Fault && e.code === 'camera/invalid') return otherwise
    throw e
  }
}

/** The life of a watcher beside cameras: each is waited for, listed, and emptied in order, while it is there. Nothing of it is changed unless its settings say so. */
import type { CameraDesk, CameraStanding } from '../../core/contract/camera.ts'
import { Fault, type FaultCode } from '../../core/contract/fault.ts'
import { apart } from '../folder/apart.ts'
import { safeFolder } from '../folder/layout.ts'
import { Card, MOST_REST_MS, REST_MS, type CameraContext } from './card.ts'
import type { Driver } from './clip.ts'
import type { Door } from './door.ts'
import { nap } from './nap.ts'
import { arrival } from './presence.ts'
import type { CameraSettings } from './settings.ts'
import { rulesOf } from './standing.ts'

/** How often it is said how far a clip has come. */
const PROGRESS_MS = 1_000
/** While nothing is to be done it is asked whether it is still there. */
const GREET_EVERY_MS = 8_000

/** Stays until the signal. Throws `config/invalid`. */
export async function watchCameras(cameras: readonly CameraSettings[], driver: Driver, ctx: CameraContext): Promise<void> {
  const twice = cameras.find(({ name }, i) => cameras.findIndex((other) => safeFolder(other.name) === safeFolder(name)) !== i)
  if (twice) throw new Fault('config/invalid', `two cameras are called ${twice.name}: their clips would lie in one folder; give each a name of its own`)
  const deletes = cameras.find((camera) => camera.delete !== 'never')
  if (deletes && !driver.remove) throw new Fault('config/invalid', `${deletes.name}: a ${driver.maker} cannot be told to delete a clip; say delete: never`)
  const desks = await ctx.cameras(cameras.map(({ name }) => name))
  await Promise.all(cameras.map((camera, i) => apart(camera.name, () => keepWatch(camera, driver, ctx, desks[i]!), ctx)))
}

async function keepWatch(camera: CameraSettings, driver: Driver, ctx: CameraContext, desk: CameraDesk): Promise<void> {
  const addresses = [camera.address, ...(camera.alternative === undefined ? [] : [camera.alternative])]
  const now: Pick<CameraStanding, 'address' | 'seen_ms' | 'trouble'> = { address: null, seen_ms: null, trouble: null }
  const say = () => desk.says(() => ({
    standing: { maker: driver.maker, addresses, ...now, paused: camera.paused, ...card.standing(), deletes: camera.delete !== 'never', rules: [...rulesOf(camera)] },
    clips: card.clips(),
  }))
  const becomes = (change: Partial<typeof now>) => {
    Object.assign(now, change)
    say()
  }
  const card = new Card(camera, driver, ctx, desk, () => becomes({ seen_ms: now.address === null ? now.seen_ms : Date.now() }))
  const isPaused = () => camera.paused || desk.order.paused
  let rest_ms = REST_MS
  say()
  while (!ctx.signal.aborted) {
    if (isPaused()) {
      becomes({ address: null, trouble: null })
      await nap(Infinity, desk, ctx.signal)
      continue
    }
    const visit = new AbortController()
    const end = desk.onOrder(() => {
      card.reorder()
      if (isPaused()) visit.abort()
    })
    const telling = setInterval(() => card.isFetching && say(), PROGRESS_MS)
    const signal = AbortSignal.any([ctx.signal, visit.signal])
    /** Until it is looked at again. Throws `camera/unreachable` when it drove away meanwhile. */
    const stay = async (ms: number, door: Door) => {
      for (let left_ms = ms; left_ms > 0; left_ms -= GREET_EVERY_MS) {
        if (!(await nap(Math.min(left_ms, GREET_EVERY_MS), desk, signal))) return
        if (left_ms > GREET_EVERY_MS) await driver.greet(door, signal)
      }
    }
    try {
      const door = await arrival(addresses, driver, camera.connections, desk, signal, (why) => why !== now.trouble && becomes({ trouble: why }))
      becomes({ address: door.address, seen_ms: Date.now(), trouble: null })
      for (;;) {
        const again_ms = await card.empty(door, signal)
        rest_ms = REST_MS
        becomes({ trouble: null, seen_ms: Date.now() })
        await stay(again_ms, door)
        signal.throwIfAborted()
      }
    } catch (e) {
      if (ctx.signal.aborted) return
      if (visit.signal.aborted) continue
      if (!(e instanceof Fault)) throw e
      if (e.code === 'camera/unreachable') {
        becomes({ address: null }) // it drove away
        continue
      }
      if (!TROUBLES.includes(e.code)) throw e
      becomes({ trouble: e.message, ...(e.code === 'camera/invalid' ? { address: null } : {}) })
      await nap(rest_ms, desk, signal)
      rest_ms = Math.min(MOST_REST_MS, rest_ms * 2)
    } finally {
      clearInterval(telling)
      end()
    }
  }
}

/** What may mend itself for the camera, or for our own disk. */
const TROUBLES: readonly FaultCode[] = ['camera/invalid', 'media/full', 'media/unmounted']

import type { Static } from 'typebox'
import type { WatchContext } from '../../core/contract/plugin.ts'
import type { Driver } from '../camera/clip.ts'
import { PATIENCE } from '../camera/door.ts'
import type { cameraEvents, CamerasConfig } from '../camera/settings.ts'
import { watchCameras } from '../camera/watch.ts'
import { readListing } from './listing.ts'

export const run = (ctx: WatchContext<Static<typeof CamerasConfig>, typeof cameraEvents>): Promise<void> => watchCameras(ctx.config.cameras, blackvue, ctx)

const LISTING = '/blackvue_vod.cgi'

export const blackvue: Driver = {
  maker: 'BlackVue',
  greeting_ms: PATIENCE.answer_ms, // nothing else than its list tells it from a router
  async greet(door, signal) {
    readListing(await door.text(LISTING, signal))
  },
  async look(door, signal) {
    return { clips: readListing(await door.text(LISTING, signal)), recording: null }
  },
}

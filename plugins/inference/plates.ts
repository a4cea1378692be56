import type { StageContext } from '../../core/contract/plugin.ts'
import type { Sighting } from '../../core/contract/records.ts'
import { upright } from './boxes.ts'
import { certainty, characters } from './certainty.ts'
import { loadDetector } from './detector.ts'
import { frames, interval_s, type Frame } from './frames.ts'
import { findObjectDetector, type Thing } from './objects.ts'
import { readPicture, type Picture } from './picture.ts'
import type { Config, PlatesInput, PlatesOptions, PlatesOutput } from './plugin.ts'
import { readPlates } from './reading.ts'
import { loadRecogniser } from './recogniser.ts'
import { withPictures, type Shown } from './shown.ts'
import { Stillness } from './stillness.ts'
import { Stills } from './stills.ts'
import { photoPlates, plates, type Look, type Plate } from './tracks.ts'
import { vehicles, type Vehicle, type VehicleLook } from './vehicles.ts'

type Context = StageContext<Config, PlatesOptions>

/** What the models say of the frames that were looked at. */
interface Seen {
  readonly frames: number // sampled, whether they had changed or not
  readonly looks: readonly Look[]
  readonly vehicleLooks: readonly VehicleLook[]
}

/** A reading below this is never the best of a plate that is believed, so its frame need not be kept. */
const KEEP_SCORE = -4.6
/** How much is done when all of a clip was looked at; the rest is pictures. */
const LOOKED = 0.99

/** Reads the plates in a clip or photo, and notes vehicles when the models folder has a detector for them.
 *  A clip whose decoding breaks off gives what was read until then.
 *  Throws Fault `clip/unreadable`, `image/unreadable`, `image/bomb`, `tool/missing`, `tool/failed`, `model/missing`,
 *  `model/invalid`, and the signal's reason. */
export async function run(input: PlatesInput, ctx: Context): Promise<PlatesOutput> {
  const { threads } = ctx.options
  const models = {
    text: await loadDetector(threads),
    characters: await loadRecogniser(threads),
    objects: ctx.options.vehicles ? await findObjectDetector(ctx.config.models, threads) : null,
  }
  const stills = new Stills(ctx.scratch, ctx.media, input.sha256)
  const path = await ctx.media.read(input.media)
  const duration_s = input.duration_s ?? null
  const sampled = () => (input.media_kind === 'image' ? photo(path) : frames(path, interval_s(duration_s, ctx.options.frames_per_s), ctx.signal))
  const seen = await look(sampled(), duration_s, ctx, models, stills)
  const found = input.media_kind === 'image' ? photoPlates(seen.looks[0]!) : plates(seen.looks)
  const shown: Shown[] = [
    ...found.map((plate) => ({ frame: plate.best.look.frame, sighting: () => plateSighting(plate, stills, ctx.signal) })),
    ...vehicles(seen.vehicleLooks).map((vehicle) => ({ frame: vehicle.best.look.frame, sighting: () => vehicleSighting(vehicle, stills, ctx.signal) })),
  ]
  const sightings = await withPictures(shown, stills, () => told(sampled(), ctx))
  ctx.progress(1)
  const model = [models.text, models.characters, models.objects].flatMap((one) => (one === null ? [] : [one.model])).join(', ')
  return { plates: found.length, frames: seen.frames, model, sightings }
}

type Models = {
  readonly text: Awaited<ReturnType<typeof loadDetector>>
  readonly characters: Awaited<ReturnType<typeof loadRecogniser>>
  readonly objects: Awaited<ReturnType<typeof findObjectDetector>>
}

async function look(sampled: AsyncIterable<Frame>, duration_s: number | null, ctx: Context, models: Models, stills: Stills): Promise<Seen> {
  const looks: Look[] = []
  const vehicleLooks: VehicleLook[] = []
  const lookAt = async (picture: Picture, frame: number, at_s: number) => {
    ctx.signal.throwIfAborted()
    const { width, height } = picture
    const things = models.objects === null ? [] : await models.objects.find(picture)
    const areas = things.map((thing) => ({ left: thing.left * width, top: thing.top * height, right: thing.right * width, bottom: thing.bottom * height }))
    const readings = await readPlates(picture, models.text, models.characters, ctx.options.region, areas, ctx.signal)
    looks.push({ frame, at_s, width_px: width, height_px: height, readings })
    vehicleLooks.push({ frame, at_s, things })
    const shown = things.length > 0 || readings.some((reading) => reading.candidates[0]!.score >= KEEP_SCORE)
    if (shown) await stills.keep(frame, picture)
  }

  const stillness = new Stillness()
  let count = 0
  for await (const { at_s, picture } of sampled) {
    if (!stillness.isStill(picture)) await lookAt(picture, count, at_s)
    count++
    if (duration_s !== null && duration_s > 0) ctx.progress(Math.min(LOOKED, at_s / duration_s), `${Math.floor(at_s)} of ${Math.ceil(duration_s)} s`)
  }
  return { frames: count, looks, vehicleLooks }
}

async function* photo(path: string): AsyncGenerator<Frame> {
  yield { at_s: 0, picture: await readPicture(path) }
}

/** The second time through a long clip takes a while, too. */
async function* told(sampled: AsyncIterable<Frame>, ctx: Context): AsyncGenerator<Frame> {
  for await (const frame of sampled) {
    yield frame
    ctx.progress(LOOKED, `pictures, at ${Math.floor(frame.at_s)} s`)
  }
}

async function plateSighting(plate: Plate, stills: Stills, signal: AbortSignal): Promise<Sighting> {
  signal.throwIfAborted()
  const { look, reading } = plate.best
  const { left, top, width, height } = upright(reading.box, look.width_px, look.height_px)
  const box: Sighting['box'] = [left / look.width_px, top / look.height_px, width / look.width_px, height / look.height_px]
  const reads = plate.agreeing.length
  return {
    class: 'plate', plate: plate.text, raw: reading.raw,
    confidence: certainty(plate.candidates, reads), chars: characters(plate.candidates, reads),
    at_s: look.at_s, from_s: plate.from_s, to_s: plate.to_s, box, reads,
    crop: await stills.crop(look.frame, box), frame: await stills.frame(look.frame),
  }
}

async function vehicleSighting({ label, best, seen }: Vehicle, stills: Stills, signal: AbortSignal): Promise<Sighting> {
  signal.throwIfAborted()
  const { look, thing } = best
  const box = boxOf(thing)
  return {
    class: label, plate: null, raw: null, confidence: Math.min(1, thing.score), chars: [],
    at_s: look.at_s, from_s: seen[0]!.look.at_s, to_s: seen.at(-1)!.look.at_s, box, reads: seen.length,
    crop: await stills.crop(look.frame, box), frame: await stills.frame(look.frame),
  }
}

const boxOf = (thing: Thing): Sighting['box'] => [thing.left, thing.top, thing.right - thing.left, thing.bottom - thing.top]

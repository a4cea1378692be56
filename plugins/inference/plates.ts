import type { StageContext } from '../../core/contract/plugin.ts'
import type { Sighting } from '../../core/contract/records.ts'
import { upright } from './boxes.ts'
import { certainty, characters } from './certainty.ts'
import { loadDetector } from './detector.ts'
import { frames, interval_s } from './frames.ts'
import { readPicture, type Picture } from './picture.ts'
import type { Config, PlatesInput, PlatesOptions, PlatesOutput } from './plugin.ts'
import { readPlates } from './reading.ts'
import { loadRecogniser } from './recogniser.ts'
import { Stillness } from './stillness.ts'
import { Stills } from './stills.ts'
import { photoPlates, plates, type Look, type Plate } from './tracks.ts'

type Context = StageContext<Config, PlatesOptions>

/** A reading below this is never the best of a plate that is believed, so its frame need not be kept. */
const KEEP_SCORE = -4.5

/** Reads the plates in a clip or photo. A clip whose decoding breaks off gives what was read until then.
 *  Throws Fault `clip/unreadable`, `image/unreadable`, `image/bomb`, `tool/missing`, `tool/failed`, `model/missing`,
 *  `model/invalid`, and the signal's reason. */
export async function run(input: PlatesInput, ctx: Context): Promise<PlatesOutput> {
  const path = await ctx.media.read(input.media)
  const { region, threads } = ctx.options
  const detector = await loadDetector(threads)
  const recogniser = await loadRecogniser(threads)
  const stills = new Stills(ctx.scratch, ctx.media, input.sha256)
  const looks: Look[] = []
  let sampled = 0

  const look = async (picture: Picture, at_s: number) => {
    const readings = await readPlates(picture, detector, recogniser, region)
    const frame = sampled - 1
    looks.push({ frame, at_s, width_px: picture.width, height_px: picture.height, readings })
    if (readings.some((reading) => reading.candidates[0]!.score >= KEEP_SCORE)) await stills.keep(frame, picture)
  }

  if (input.media_kind === 'image') {
    sampled = 1
    await look(await readPicture(path), 0)
  } else {
    const duration_s = input.duration_s ?? null
    const stillness = new Stillness()
    for await (const { at_s, picture } of frames(path, interval_s(duration_s, ctx.options.frames_per_s), ctx.signal)) {
      sampled++
      if (!stillness.isStill(picture)) await look(picture, at_s)
      if (duration_s !== null && duration_s > 0) ctx.progress(Math.min(1, at_s / duration_s), `${at_s.toFixed(0)} s`)
    }
  }
  const found = input.media_kind === 'image' ? photoPlates(looks[0]!) : plates(looks)
  const sightings: Sighting[] = []
  for (const plate of found) {
    ctx.signal.throwIfAborted()
    sightings.push(await sighting(plate, stills))
  }
  ctx.progress(1)
  return { plates: found.length, frames: sampled, model: `${detector.model}, ${recogniser.model}`, sightings }
}

async function sighting(plate: Plate, stills: Stills): Promise<Sighting> {
  const { look, reading } = plate.best
  const { left, top, width, height } = upright(reading.box, look.width_px, look.height_px)
  const box: Sighting['box'] = [left / look.width_px, top / look.height_px, width / look.width_px, height / look.height_px]
  const chars = characters(plate.candidates, plate.agreeing.length)
  return {
    class: 'plate', plate: plate.text, raw: reading.raw,
    confidence: certainty(plate.candidates, plate.agreeing.length), chars,
    at_s: look.at_s, from_s: plate.from_s, to_s: plate.to_s, box, reads: plate.agreeing.length,
    crop: await stills.crop(look.frame, box), frame: await stills.frame(look.frame),
  }
}

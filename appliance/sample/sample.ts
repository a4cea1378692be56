import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const CARD = fileURLToPath(new URL('./card', import.meta.url))

/** Puts the sample's card (`DCIM/Movie/…F.MP4`, two clips of one drive) into `folder` and returns where it lies. */
export async function ensureSample(folder: string): Promise<string> {
  const card = join(folder, 'sample-card')
  await cp(CARD, card, { recursive: true })
  return card
}

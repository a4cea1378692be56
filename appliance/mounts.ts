/** Volumes that a device has as folders. A folder counts when the marker of the right disk lies in it; a path is only a wish. */
import { resolve } from 'node:path'
import type { HelloAnswer } from '../core/http/api.ts'
import { readMarker } from '../core/store/volume/marker.ts'
import type { VolumeSpec } from '../core/store/volumes.ts'

export interface Wanted { readonly name: string; readonly root: string }
export interface CheckedMounts {
  readonly good: VolumeSpec[]
  readonly wrong: { readonly name: string; readonly why: string }[] // these volumes come over HTTP
}

/** @param volumes what the appliance says of its volumes: the id that stands in the marker of each */
export async function checkedMounts(wanted: readonly Wanted[], volumes: HelloAnswer['volumes'], org: string): Promise<CheckedMounts> {
  const good: VolumeSpec[] = []
  const wrong: { name: string; why: string }[] = []
  await Promise.all(wanted.map(async ({ name, root }) => {
    const id = volumes.find((volume) => volume.name === name)?.id
    const why = id === undefined ? `the appliance has no volume ${name}` : await misfit(resolve(root), id)
    if (why === null) good.push({ name, root: resolve(root), org, id: id! })
    else wrong.push({ name, why: `${why}; volume ${name} comes over HTTP` })
  }))
  return { good, wrong }
}

async function misfit(root: string, id: string): Promise<string | null> {
  try {
    const marker = await readMarker(root)
    if (marker === null) return `there is no .viewshed/volume.json in ${root}: nothing is mounted there, or another folder of that disk`
    return marker.id === id ? null : `${root} is another disk: its marker says ${marker.name} ${marker.id}, expected ${id}`
  } catch (e) {
    return `${root} cannot be read: ${e instanceof Error ? e.message : String(e)}`
  }
}

/** A disk, a share or a bucket that is taken for a volume: at first sight, or in the place of one that is no more. */
import { randomUUID } from 'node:crypto'
import { Fault } from '../../contract/fault.ts'
import type { Marker, Volume } from './volume.ts'

/** What lies in a volume's place. */
export interface Stranger { readonly marker: Marker | null; readonly empty: boolean }

/** @param known id of the volume that is not there. Throws `input/invalid` when it is, or when what lies there is a volume of another name. */
export async function strangerAt(volume: Volume, name: string, known: string | undefined): Promise<Stranger> {
  const marker = await volume.marker()
  if (marker && marker.id === known) throw new Fault('input/invalid', `Volume ${name} is there, and it is the one that is known: there is nothing to adopt.`)
  if (marker && marker.name !== name) throw new Fault('input/invalid', `What lies there is the volume ${marker.name}, not ${name}: look at volumes in viewshed.yaml.`)
  return { marker, empty: await isEmpty(volume) }
}

/** The id of what lies there. A marker that is there stays: the appliance may have been set up anew. */
export async function markedAs(name: string, volume: Volume, marker: Marker | null): Promise<string> {
  if (marker) return marker.id
  const id = randomUUID()
  await volume.mark({ id, name, created: new Date().toISOString() })
  return id
}

async function isEmpty(volume: Volume): Promise<boolean> {
  for await (const _ of volume.list('')) return false
  return true
}

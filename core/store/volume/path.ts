import { sep } from 'node:path'
import { Fault } from '../../contract/fault.ts'
import { OWN } from './volume.ts'

/** The parts of a path inside a volume. Throws `media/outside` for what could mean another place. */
export function safeParts(path: string): string[] {
  const parts = path.split('/')
  const bad = parts.some((part) => part === '' || part === '.' || part === '..' || part.includes('\0') || Buffer.byteLength(part) > 255)
  if (bad || parts[0] === OWN || (sep === '\\' && path.includes('\\')))
    throw new Fault('media/outside', `'${path}' is no path inside a volume: parts are joined by '/', none is empty, '.', '..' or longer than 255 bytes, and ${OWN} is ours`)
  return parts
}

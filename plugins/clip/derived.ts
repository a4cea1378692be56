import { createHash } from 'node:crypto'

/**
 * Where a picture made of an asset lies. Its own digest is part of the name: another version of ffmpeg makes other
 * bytes, and what lies on a volume is never written over.
 */
export function derivedPath(asset: string, name: string, content: Buffer): string {
  const digest = createHash('sha256').update(content).digest('hex').slice(0, 8)
  return `derived/${asset.slice(0, 2)}/${asset}/${name}.${digest}.jpg`
}

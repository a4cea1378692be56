/**
 * A volume in a bucket of anything that speaks S3, by path (`https://host/bucket/key`). There are no folders and no renames: a file moves by
 * being copied there, and is either whole or not there at all.
 */
import { createHash } from 'node:crypto'
import { open, type FileHandle } from 'node:fs/promises'
import { Fault } from '../../contract/fault.ts'
import { readFault } from '../durable.ts'
import { markerOf } from './folder.ts'
import { openBucket, type S3Place } from './s3-bucket.ts'
import { all, first, xmlText } from './s3-xml.ts'
import { MARKER, OWN, type FileState, type LocalFile, type Volume } from './volume.ts'

const PART_BYTES = 8 << 20
const MOST_PARTS = 9_000 // S3 takes 10,000
const COPY_BYTES = 1 << 30 // at a time; 5 GiB is the most for one

export function openS3(place: S3Place): Volume {
  const bucket = openBucket(place)

  async function stat(path: string): Promise<FileState | null> {
    const answer = await bucket.ask('HEAD', path, { missing: true })
    return answer && { bytes: Number(answer.headers.get('content-length')), mtime_ms: Date.parse(answer.headers.get('last-modified') ?? '') || 0 }
  }

  async function* list(folder: string): AsyncGenerator<FileState & { path: string }> {
    const prefix = bucket.keyOf(folder === '' ? '' : `${folder}/`)
    for (let token: string | null = null; ;) {
      const page = await bucket.text('GET', null, { query: { 'list-type': '2', 'encoding-type': 'url', prefix, ...(token === null ? {} : { 'continuation-token': token }) } })
      for (const item of all(page, 'Contents')) {
        const path = decodeURIComponent(xmlText(first(item, 'Key')!).replaceAll('+', ' ')).slice(bucket.keyOf('').length)
        if (path.startsWith(`${OWN}/`) && !folder.startsWith(OWN)) continue
        yield { path, bytes: Number(first(item, 'Size')), mtime_ms: Date.parse(first(item, 'LastModified') ?? '') || 0 }
      }
      token = first(page, 'NextContinuationToken')
      if (token === null) return
      token = xmlText(token)
    }
  }

  async function* read(path: string, { start, end }: { start: number; end: number }, signal?: AbortSignal): AsyncGenerator<Buffer> {
    if (end < start) return
    const answer = await bucket.ask('GET', path, { headers: { range: `bytes=${start}-${end}` }, signal })
    let next = start
    for await (const chunk of bucket.body(answer!, signal)) {
      next += chunk.length
      yield chunk
    }
    if (next !== end + 1) throw new Fault('media/changed', `${path} ended ${end + 1 - next} bytes early`)
  }

  /** The upload that was begun for a key, with the parts that it has; the newest, when there are several. */
  async function begun(path: string): Promise<{ id: string; parts: Map<number, { etag: string; bytes: number }> } | null> {
    const key = bucket.keyOf(path)
    const page = await bucket.text('GET', null, { query: { uploads: '', prefix: key } })
    const own = all(page, 'Upload').filter((upload) => xmlText(first(upload, 'Key')!) === key).at(-1)
    if (own === undefined) return null
    const id = xmlText(first(own, 'UploadId')!)
    const parts = new Map<number, { etag: string; bytes: number }>()
    for (let after = '0'; ;) {
      const listed = await bucket.text('GET', path, { query: { uploadId: id, 'part-number-marker': after } })
      for (const part of all(listed, 'Part')) parts.set(Number(first(part, 'PartNumber')), { etag: xmlText(first(part, 'ETag')!), bytes: Number(first(part, 'Size')) })
      if (first(listed, 'IsTruncated') !== 'true') return { id, parts }
      after = first(listed, 'NextPartNumberMarker')!
    }
  }

  async function sendParts(path: string, from: LocalFile, source: FileHandle, signal: AbortSignal, onBytes: (bytes: number) => void): Promise<void> {
    const part_bytes = Math.max(PART_BYTES, Math.ceil(from.bytes / MOST_PARTS / PART_BYTES) * PART_BYTES)
    const there = (await begun(path)) ?? { id: xmlText(first(await bucket.text('POST', path, { query: { uploads: '' }, signal }), 'UploadId')!), parts: new Map() }
    const done: string[] = []
    for (let n = 1, at = 0; at < from.bytes; n++, at += part_bytes) {
      signal.throwIfAborted()
      const content = await partOf(source, at, Math.min(part_bytes, from.bytes - at), from.path)
      const has = there.parts.get(n)
      // The tag of a part is its MD5 wherever the bucket does not encrypt by a key of its own; there it is sent again.
      let etag = has?.bytes === content.length && has.etag === `"${createHash('md5').update(content).digest('hex')}"` ? has.etag : null
      if (etag === null) {
        etag = (await bucket.ask('PUT', path, { query: { partNumber: String(n), uploadId: there.id }, body: content, signal }))!.headers.get('etag')
        onBytes(content.length)
      }
      done.push(`<Part><PartNumber>${n}</PartNumber><ETag>${etag}</ETag></Part>`)
    }
    await bucket.complete(path, there.id, done)
  }

  async function copy(from: string, to: string, bytes: number): Promise<void> {
    const source = { 'x-amz-copy-source': bucket.copySource(from) }
    if (bytes <= COPY_BYTES) return void (await bucket.text('PUT', to, { headers: source }))
    const id = xmlText(first(await bucket.text('POST', to, { query: { uploads: '' } }), 'UploadId')!)
    const done: string[] = []
    for (let n = 1, at = 0; at < bytes; n++, at += COPY_BYTES) {
      const copied = await bucket.text('PUT', to, { query: { partNumber: String(n), uploadId: id }, headers: { ...source, 'x-amz-copy-source-range': `bytes=${at}-${Math.min(bytes, at + COPY_BYTES) - 1}` } })
      done.push(`<Part><PartNumber>${n}</PartNumber><ETag>${xmlText(first(copied, 'ETag')!)}</ETag></Part>`)
    }
    await bucket.complete(to, id, done)
  }

  const remove = async (path: string) => void (await bucket.ask('DELETE', path, { missing: true }))

  return {
    kind: 's3',
    async marker() {
      const answer = await bucket.ask('GET', MARKER, { missing: true })
      return markerOf(answer && (await answer.text()))
    },
    mark: async (marker) => void (await bucket.ask('PUT', MARKER, { body: Buffer.from(`${JSON.stringify(marker, null, 2)}\n`) })),
    stat, list, read, remove,
    async write(path, from, { signal, onBytes = () => undefined }) {
      if ((await stat(path))?.bytes === from.bytes) return { unproven: true }
      const source = await open(from.path, 'r').catch((e: unknown) => { throw readFault(e, from.path) })
      try {
        if (from.bytes > PART_BYTES) await sendParts(path, from, source, signal, onBytes)
        else {
          await bucket.ask('PUT', path, { body: await partOf(source, 0, from.bytes, from.path), signal })
          onBytes(from.bytes)
        }
      } finally {
        await source.close()
      }
      return { unproven: false } // every part was sent with its digest, or has the tag of what would have been sent
    },
    async move(from, to) {
      const found = await stat(from)
      if (!found) throw new Fault('media/missing', `${from} is not in the bucket`)
      if ((await stat(to)) !== null) return 'taken' // nothing better is there everywhere: the look before is all there is
      await copy(from, to, found.bytes)
      await remove(from)
      return 'moved'
    },
    async removeFolder(folder) {
      for await (const { path } of list(folder)) await remove(path)
      const page = await bucket.text('GET', null, { query: { uploads: '', prefix: bucket.keyOf(`${folder}/`) } })
      for (const upload of all(page, 'Upload')) await bucket.ask('DELETE', xmlText(first(upload, 'Key')!).slice(bucket.keyOf('').length), { query: { uploadId: xmlText(first(upload, 'UploadId')!) }, missing: true })
    },
    async digest(path, { signal, pace } = {}) {
      const answer = (await bucket.ask('GET', path, { signal }))!
      const hash = createHash('sha256')
      let bytes = 0
      for await (const chunk of bucket.body(answer, signal)) {
        hash.update(chunk)
        bytes += chunk.length
        await pace?.(chunk.length)
      }
      return { sha256: hash.digest('hex'), bytes, from: 'network' }
    },
    space: async () => null,
    close: () => undefined,
  }
}

async function partOf(source: FileHandle, at: number, bytes: number, path: string): Promise<Buffer> {
  const content = Buffer.allocUnsafe(bytes)
  for (let have = 0; have < bytes;) {
    const { bytesRead } = await source.read(content, have, bytes - have, at + have).catch((e: unknown) => { throw readFault(e, path) })
    if (bytesRead === 0) throw new Fault('media/changed', `${path} became shorter while it was sent`)
    have += bytesRead
  }
  return content
}

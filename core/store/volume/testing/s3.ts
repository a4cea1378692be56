/**
 * An S3 server in memory that believes nothing: it computes each signature by the text of the AWS documentation ("Signature calculations for
 * the Authorization header"), checks the digest of every body, and knows multipart uploads, ranges, copies and paged lists.
 */
import { createHash, createHmac, randomUUID, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

interface Upload { readonly key: string; readonly parts: Map<number, Buffer> }

export interface FakeS3 {
  readonly endpoint: string
  readonly objects: Map<string, Buffer> // by key
  readonly uploads: Map<string, Upload>
  /** What becomes of the next requests. */
  fate: ((req: IncomingMessage) => 'answer' | 'cut' | 503 | 507) | null
  readonly asked: string[]
  close(): Promise<void>
}

const PAGE = 2 // small: that lists have pages is the point

export async function openFakeS3({ bucket, region, id, secret }: { bucket: string; region: string; id: string; secret: string }): Promise<FakeS3> {
  const objects = new Map<string, Buffer>()
  const uploads = new Map<string, Upload>()
  const asked: string[] = []
  const server = createServer((req, res) => void answer(req, res))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const fake: FakeS3 = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, objects, uploads, fate: null, asked,
    async close() {
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
    },
  }

  async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const fate = fake.fate?.(req) ?? 'answer'
    if (fate === 'cut') return void req.socket.destroy()
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks)
    asked.push(`${req.method} ${req.url}`)
    const fail = (status: number, code: string) => res.writeHead(status, { 'content-type': 'application/xml' }).end(req.method === 'HEAD' ? undefined : `<Error><Code>${code}</Code><Message>${code} it is</Message></Error>`)
    if (typeof fate === 'number') return void fail(fate, fate === 507 ? 'XMinioStorageFull' : 'SlowDown')
    const wrong = signatureFault(req, body, { region, id, secret })
    if (wrong !== null) return void fail(403, wrong)

    const url = new URL(req.url!, 'http://s3')
    const [, name, ...rest] = url.pathname.split('/')
    if (name !== bucket) return void fail(404, 'NoSuchBucket')
    const key = decodeURIComponent(rest.join('/'))
    const q = url.searchParams
    const xml = (text: string) => void res.writeHead(200, { 'content-type': 'application/xml' }).end(`<?xml version="1.0" encoding="UTF-8"?>\n<Result xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${text}</Result>`)
    const tag = (content: Buffer) => `"${createHash('md5').update(content).digest('hex')}"`
    const upload = uploads.get(q.get('uploadId') ?? '')

    if (key === '' && q.has('uploads')) return xml([...uploads].filter(([, u]) => u.key.startsWith(q.get('prefix') ?? '')).map(([u, { key: k }]) => `<Upload><Key>${escaped(k)}</Key><UploadId>${u}</UploadId></Upload>`).join(''))
    if (key === '' && q.get('list-type') === '2') {
      const found = [...objects.keys()].filter((k) => k.startsWith(q.get('prefix') ?? '')).sort().filter((k) => k > (q.get('continuation-token') ?? ''))
      const more = found.length > PAGE ? `<NextContinuationToken>${escaped(found[PAGE - 1]!)}</NextContinuationToken>` : ''
      const shown = (k: string) => (q.get('encoding-type') === 'url' ? encodeURIComponent(k).replaceAll('%20', '+').replaceAll('%2F', '/') : escaped(k))
      return xml(found.slice(0, PAGE).map((k) => `<Contents><Key>${shown(k)}</Key><LastModified>2026-05-03T09:00:00.000Z</LastModified><ETag>${escaped(tag(objects.get(k)!))}</ETag><Size>${objects.get(k)!.length}</Size></Contents>`).join('') + more)
    }
    if (req.method === 'POST' && q.has('uploads')) {
      const u = randomUUID()
      uploads.set(u, { key, parts: new Map() })
      return xml(`<UploadId>${u}</UploadId>`)
    }
    if (q.has('uploadId') && upload?.key !== key) return void fail(404, 'NoSuchUpload')
    if (upload && req.method === 'GET') return xml(`<IsTruncated>false</IsTruncated>${[...upload.parts].map(([n, content]) => `<Part><PartNumber>${n}</PartNumber><ETag>${escaped(tag(content))}</ETag><Size>${content.length}</Size></Part>`).join('')}`)
    if (upload && req.method === 'POST') {
      const named = [...body.toString().matchAll(/<PartNumber>(\d+)<\/PartNumber><ETag>([^<]*)<\/ETag>/g)].map(([, n, etag]) => [Number(n), etag!.replaceAll('&quot;', '"')] as const)
      if (named.length === 0 || named.some(([n, etag]) => !upload.parts.has(n) || tag(upload.parts.get(n)!) !== etag)) return void fail(400, 'InvalidPart')
      if (named.slice(0, -1).some(([n]) => upload.parts.get(n)!.length < 5 << 20)) return void fail(400, 'EntityTooSmall')
      objects.set(key, Buffer.concat(named.map(([n]) => upload.parts.get(n)!)))
      uploads.delete(q.get('uploadId')!)
      return xml(`<ETag>${escaped(tag(objects.get(key)!))}</ETag>`)
    }
    if (upload && req.method === 'DELETE') {
      uploads.delete(q.get('uploadId')!)
      return void res.writeHead(204).end()
    }
    const source = req.headers['x-amz-copy-source']
    if (req.method === 'PUT') {
      let content: Buffer = body
      if (typeof source === 'string') {
        const original = objects.get(decodeURIComponent(source).replace(`/${bucket}/`, ''))
        if (!original) return void fail(404, 'NoSuchKey')
        const range = /^bytes=(\d+)-(\d+)$/.exec(String(req.headers['x-amz-copy-source-range'] ?? ''))
        content = range ? original.subarray(Number(range[1]), Number(range[2]) + 1) : original
      }
      if (upload) upload.parts.set(Number(q.get('partNumber')), content)
      else objects.set(key, content)
      if (source !== undefined) return xml(`<ETag>${escaped(tag(content))}</ETag>`)
      return void res.writeHead(200, { etag: tag(content) }).end()
    }
    const content = objects.get(key)
    if (req.method === 'DELETE') {
      objects.delete(key)
      return void res.writeHead(204).end()
    }
    if (!content) return void fail(404, 'NoSuchKey')
    const range = /^bytes=(\d+)-(\d+)$/.exec(req.headers.range ?? '')
    const part = range ? content.subarray(Number(range[1]), Number(range[2]) + 1) : content
    res.writeHead(range ? 206 : 200, { 'content-length': part.length, 'last-modified': 'Sun, 03 May 2026 09:00:00 GMT', etag: tag(content) })
    res.end(req.method === 'HEAD' ? undefined : part)
  }
  return fake
}

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
const hex = (content: Buffer | string) => createHash('sha256').update(content).digest('hex')
const mac = (key: Buffer | string, text: string) => createHmac('sha256', key).update(text).digest()
/** Every byte but `A–Z a–z 0–9 - . _ ~`, and the slash only within a query. */
const uriEncoded = (text: string, isPath: boolean) => [...Buffer.from(text)].map((byte) => {
  const c = String.fromCharCode(byte)
  return /[A-Za-z0-9._~-]/.test(c) || (isPath && c === '/') ? c : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
}).join('')

/** Null: it is signed as it should be. */
function signatureFault(req: IncomingMessage, body: Buffer, { region, id, secret }: { region: string; id: string; secret: string }): string | null {
  const given = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(req.headers.authorization ?? '')
  if (!given) return 'AccessDenied'
  const [, who, day, where, names, signature] = given as unknown as [string, string, string, string, string, string]
  if (who !== id) return 'InvalidAccessKeyId'
  if (where !== region) return 'AuthorizationHeaderMalformed'
  const at = String(req.headers['x-amz-date'])
  if (!at.startsWith(day) || Math.abs(Date.parse(at.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z')) - Date.now()) > 15 * 60_000) return 'RequestTimeTooSkewed'
  if (req.headers['x-amz-content-sha256'] !== hex(body)) return 'XAmzContentSHA256Mismatch'
  const signed = names.split(';')
  if (!signed.includes('host') || Object.keys(req.headers).some((name) => name.startsWith('x-amz-') && !signed.includes(name))) return 'AccessDenied'
  const url = new URL(req.url!, 'http://s3')
  const query = [...url.searchParams].map(([name, value]) => [uriEncoded(name, false), uriEncoded(value, false)] as const).sort(([a], [b]) => (a < b ? -1 : 1))
  const canonical = [
    req.method, uriEncoded(decodeURIComponent(url.pathname), true), query.map(([name, value]) => `${name}=${value}`).join('&'),
    ...signed.map((name) => `${name}:${String(req.headers[name]).trim()}`), '', names, hex(body),
  ].join('\n')
  const scope = `${day}/${region}/s3/aws4_request`
  const key = mac(mac(mac(mac(`AWS4${secret}`, day), region), 's3'), 'aws4_request')
  const expected = mac(key, ['AWS4-HMAC-SHA256', at, scope, hex(canonical)].join('\n'))
  return timingSafeEqual(expected, Buffer.from(signature, 'hex')) ? null : 'SignatureDoesNotMatch'
}

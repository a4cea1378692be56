/** Signed requests to one bucket (Signature Version 4), and what its refusals mean. */
import { createHash } from 'node:crypto'
import { AwsClient } from 'aws4fetch'
import { Fault } from '../../contract/fault.ts'
import { first, xmlText } from './s3-xml.ts'
import { LinkLost } from './volume.ts'

export interface S3Place {
  readonly endpoint: string // `https://host:port`
  readonly bucket: string
  readonly prefix: string // '' or with a slash at its end
  readonly region: string
  readonly access_key_id: string
  readonly secret_key: string
}

export interface Ask {
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer | string
  readonly signal?: AbortSignal | undefined
  /** Null for 404, instead of `media/missing`. */
  readonly missing?: boolean
}

const NOTHING = createHash('sha256').digest('hex')

export function openBucket({ endpoint, bucket, prefix, region, access_key_id, secret_key }: S3Place) {
  const client = new AwsClient({ accessKeyId: access_key_id, secretAccessKey: secret_key, region, service: 's3', retries: 0 })
  const where = `${endpoint}/${bucket}`
  const keyOf = (path: string) => `${prefix}${path}`
  const encoded = (key: string) => key.split('/').map((part) => encodeURIComponent(part).replaceAll(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)).join('/')

  /** Null path: of the bucket itself. Throws `media/missing`, `media/unmounted` (with LinkLost as its cause when another try may do), `media/full`, `media/unreadable`. */
  async function ask(method: string, path: string | null, { query = {}, headers = {}, body, signal, missing = false }: Ask = {}): Promise<Response | null> {
    const url = new URL(path === null ? where : `${where}/${encoded(keyOf(path))}`)
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
    const digest = body === undefined ? NOTHING : createHash('sha256').update(body).digest('hex')
    let answer: Response
    try {
      const signed = await client.sign(url.href, { method, headers: { ...headers, 'x-amz-content-sha256': digest }, ...(body === undefined ? {} : { body: body as NonNullable<RequestInit['body']> }) })
      answer = await fetch(signed, { signal: signal ?? null }) // fetch itself gives up after five minutes without a byte
    } catch (e) {
      throw lostOr(e, signal)
    }
    if (answer.ok) return answer
    const text = method === 'HEAD' ? '' : await answer.text().catch((e: unknown) => { throw lostOr(e, signal) })
    if (answer.status === 404 && missing && first(text, 'Code') !== 'NoSuchBucket') return null
    throw refusal(answer.status, text, path ?? bucket)
  }

  function refusal(status: number, text: string, what: string): Fault {
    const code = first(text, 'Code') ?? `HTTP ${status}`
    const said = xmlText(first(text, 'Message') ?? code)
    if (code === 'NoSuchBucket') return new Fault('media/unmounted', `there is no bucket ${bucket} at ${endpoint}: look at the address of the volume`)
    if (status === 404) return new Fault('media/missing', `${what} is not in ${where}`)
    if (status === 401 || status === 403) return new Fault('media/unmounted', `${where} refuses us (${code}: ${said}): look at the access key, its secret and what it may`)
    if (status === 507 || /Quota|StorageFull|Storage.*Exceeded/i.test(code)) return new Fault('media/full', `no room left in ${where} (${code}): free some space there, it is tried again by itself`)
    if (status >= 500 || status === 429 || status === 408) return new Fault('media/unmounted', `${where} cannot answer now (${code})`, { cause: new LinkLost(code) })
    return new Fault('media/unreadable', `${where} could not do it with ${what} (${code}: ${said})`)
  }

  function lostOr(e: unknown, signal: AbortSignal | undefined): unknown {
    if (signal?.aborted) return signal.reason
    const why = e instanceof Error ? (e.cause instanceof Error ? e.cause.message : e.message) : String(e)
    if (!(e instanceof TypeError)) return e // fetch says that when nobody answers, or not to the end
    const lost = new LinkLost(`${where} does not answer (${why})`, { cause: e })
    return new Fault('media/unmounted', lost.message, { cause: lost })
  }

  const text = async (method: string, path: string | null, asked: Ask): Promise<string> => {
    const answer = (await ask(method, path, asked))!
    const said = await answer.text().catch((e: unknown) => { throw lostOr(e, asked.signal) })
    if (first(said, 'Error') !== null) throw refusal(500, said, path ?? bucket) // a copy that fails on the way says so behind a 200
    return said
  }

  return {
    ask, keyOf, text,
    copySource: (path: string) => encoded(`/${bucket}/${keyOf(path)}`),
    complete: (path: string, id: string, parts: readonly string[]) => text('POST', path, { query: { uploadId: id }, body: `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>` }),
    async *body(answer: Response, signal?: AbortSignal): AsyncGenerator<Buffer> {
      try {
        for await (const chunk of answer.body ?? []) yield Buffer.from(chunk as Uint8Array)
      } catch (e) {
        throw lostOr(e, signal)
      }
    },
  }
}

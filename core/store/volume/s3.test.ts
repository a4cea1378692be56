import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openS3 } from './s3.ts'
import { openFakeS3, type FakeS3 } from './testing/s3.ts'
import { volumeContract } from './volume.contract.ts'
import { isLinkLost } from './volume.ts'

const ACCESS = { bucket: 'shed', region: 'eu-1', id: 'AKIDEXAMPLE', secret: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' }
let s3: FakeS3
let volumes = 0
beforeAll(async () => { s3 = await openFakeS3(ACCESS) })
afterAll(() => s3.close())
beforeEach(() => { s3.fate = null })
const open = (over: { secret_key?: string; bucket?: string } = {}) =>
  openS3({ endpoint: s3.endpoint, bucket: ACCESS.bucket, prefix: `v ${++volumes}/`, region: ACCESS.region, access_key_id: ACCESS.id, secret_key: ACCESS.secret, ...over })

volumeContract('S3', () => ({
  open: async () => open(),
  lay: async (path, content) => void s3.objects.set(`v ${volumes}/${path}`, Buffer.from(content)),
  async begun(volume, path, from, bytes) {
    const stop = new AbortController()
    let sent = 0
    await volume.write(path, from, { signal: stop.signal, onBytes: (n) => { if ((sent += n) + n > bytes) stop.abort(new Error('cut')) } }).catch(() => undefined) // that is the point
    expect([...s3.uploads.values()].at(-1)!.parts.size).toBeGreaterThan(0)
  },
}))

describe('a bucket', () => {
  const signal = new AbortController().signal
  const codeOf = (doing: Promise<unknown>) => doing.then(() => 'ok', (e: unknown) => (e as { code: string }).code)

  test('that refuses us says what to look at', async () => {
    expect(await codeOf(open({ secret_key: 'wrong' }).marker())).toBe('media/unmounted')
    await expect(open({ secret_key: 'wrong' }).marker()).rejects.toThrow(/SignatureDoesNotMatch.*access key/)
    await expect(open({ bucket: 'none' }).marker()).rejects.toThrow(/no bucket none/)
  })

  test('that hangs up, or cannot answer now, may be asked again', async () => {
    for (const fate of ['cut', 503] as const) {
      s3.fate = () => fate
      await expect(open().stat('x')).rejects.toSatisfy(isLinkLost)
    }
  })

  test('that is full', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'viewshed-s3-'))
    await writeFile(join(folder, 'x'), 'x')
    s3.fate = (req) => (req.method === 'PUT' ? 507 : 'answer')
    expect(await codeOf(open().write('x', { path: join(folder, 'x'), bytes: 1, sha256: createHash('sha256').update(await readFile(join(folder, 'x'))).digest('hex') }, { signal }))).toBe('media/full')
    await rm(folder, { recursive: true })
  })
})

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { request } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTestDoor, type TestDoor } from './testing.ts'

const INDEX = '<!doctype html><title>Viewshed</title>'
const SCRIPT = 'export const answer = 42\n'.repeat(100)
const BROWSER = 'text/html,application/xhtml+xml,*/*;q=0.8'

let dir: string
let door: TestDoor
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'viewshed-pages-'))
  const dist = join(dir, 'dist')
  await mkdir(join(dist, 'assets'), { recursive: true })
  await writeFile(join(dist, 'index.html'), INDEX)
  await writeFile(join(dist, 'assets/app-a1b2.js'), SCRIPT)
  await writeFile(join(dist, 'assets/app-a1b2.js.br'), brotliCompressSync(SCRIPT))
  await writeFile(join(dist, 'assets/app-a1b2.js.gz'), gzipSync(SCRIPT))
  await writeFile(join(dist, 'icon.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>')
  await writeFile(join(dir, 'secret.html'), 'secret')
  door = await openTestDoor({ ui: dist })
})
afterAll(async () => {
  await door.close()
  await rm(dir, { recursive: true, force: true })
})

const get = (path: string, headers: Record<string, string> = {}, method = 'GET') => fetch(door.url + path, { method, headers: { accept: '*/*', ...headers } })

test('the page is asked for again each time, what is named by its content never', async () => {
  const page = await get('/')
  expect([page.status, await page.text(), page.headers.get('content-type'), page.headers.get('cache-control')]).toEqual([200, INDEX, 'text/html; charset=utf-8', 'no-cache'])
  const script = await get('/assets/app-a1b2.js', { 'accept-encoding': 'identity' })
  expect([script.status, await script.text(), script.headers.get('content-type'), script.headers.get('cache-control')]).toEqual([200, SCRIPT, 'text/javascript; charset=utf-8', 'public, max-age=31536000, immutable'])
  expect((await get('/icon.svg')).headers.get('content-type')).toBe('image/svg+xml')
})

test('pages need no session, and come with the policy', async () => {
  expect((await get('/')).headers.get('content-security-policy')).toContain("default-src 'self'")
})

test.each([['br, gzip', 'br'], ['gzip', 'gzip'], ['br;q=0, gzip', 'gzip'], ['identity', null], ['deflate', null]])('Accept-Encoding %s gets %s', async (accepted, encoding) => {
  const answer = await get('/assets/app-a1b2.js', { 'accept-encoding': accepted })
  expect([answer.headers.get('content-encoding'), answer.headers.get('vary')]).toEqual([encoding, 'Accept-Encoding'])
  expect(await answer.text()).toBe(SCRIPT)
})

test('an address inside the app is the app; a script or picture that is not there is not', async () => {
  for (const path of ['/drives/d1', '/plates/AB%2012', '/search?q=x', '/clip/x.mp4']) {
    const answer = await get(path, { accept: BROWSER })
    expect([answer.status, await answer.text()]).toEqual([200, INDEX])
  }
  for (const [path, accept] of [['/assets/old-9f.js', BROWSER], ['/assets/old-9f.js', '*/*'], ['/none.png', 'image/avif,image/*'], ['/drives/d1', 'application/json']] as const) {
    expect((await get(path, { accept })).status).toBe(404)
  }
})

test('the API is never answered with a page', async () => {
  for (const path of ['/api/none', '/media', '/flows', '/mqtt', '/api']) expect((await get(path, { accept: BROWSER })).status).toBe(404)
  expect((await get('/drives', { accept: BROWSER }, 'POST')).status).toBe(404)
})

test('what the browser holds is not sent again; HEAD has no body', async () => {
  const { headers } = await get('/')
  expect((await get('/', { 'if-none-match': headers.get('etag')! })).status).toBe(304)
  const head = await get('/', {}, 'HEAD')
  expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, String(INDEX.length), ''])
})

test.each(['/../secret.html', '/%2e%2e/secret.html', '/..%2fsecret.html', '/assets/../../secret.html', '/%2fetc%2fpasswd', '/index.html%00.js', '/%ff'])('%s leads nowhere', async (path) => {
  const [status, text] = await new Promise<[number, string]>((answered, failed) => {
    request({ port: door.port, host: '127.0.0.1', path, headers: { accept: BROWSER } }, (answer) => {
      let text = ''
      answer.on('data', (chunk) => (text += String(chunk))).on('end', () => answered([answer.statusCode!, text]))
    }).on('error', failed).end()
  })
  expect(status).toBe(400)
  expect(text).not.toContain('secret<')
})

test('before the pages are built, the appliance says how to build them', async () => {
  const bare = await openTestDoor({ ui: join(dir, 'none') })
  for (const [path, accept] of [['/', '*/*'], ['/drives', BROWSER]] as const) {
    const answer = await fetch(bare.url + path, { headers: { accept } })
    expect([answer.status, answer.headers.get('content-type')]).toEqual([503, 'text/html; charset=utf-8'])
    expect(await answer.text()).toContain('npm run build')
  }
  expect((await fetch(`${bare.url}/healthz`)).status).toBe(200)
  await bare.close()
})

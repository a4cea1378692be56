import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { credentialKey, installFlow } from './install.ts'

let folder = ''
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'viewshed-install-')) })
afterEach(() => rm(folder, { recursive: true }))

const SHIPPED = [{ id: 'tab', type: 'tab', label: 'Shipped' }]
const never = async () => null
const read = async (name: string): Promise<unknown> => JSON.parse(await readFile(join(folder, name), 'utf8'))

test('the shipped flow is installed once; a flow that is there stays, even an empty one', async () => {
  expect(await installFlow(folder, SHIPPED, never, 1)).toEqual({ found: 'installed' })
  expect(await read('flows.json')).toEqual(SHIPPED)
  await writeFile(join(folder, 'flows.json'), '[]')
  expect(await installFlow(folder, SHIPPED, never, 2)).toEqual({ found: 'there' })
  expect(await read('flows.json')).toEqual([])
})

test('a broken file is kept aside, and the deploy before it comes back', async () => {
  for (const broken of ['', '{"id": 1}', '[{"id": "a", "type": "t', '[null]']) {
    await rm(join(folder, 'flows.broken-5.json'), { force: true })
    await writeFile(join(folder, 'flows.json'), broken)
    await writeFile(join(folder, '.flows.json.backup'), '[{"id": "before", "type": "tab"}]')
    expect(await installFlow(folder, SHIPPED, never, 5)).toEqual({ found: 'restored', aside: 'flows.broken-5.json' })
    expect(await readFile(join(folder, 'flows.broken-5.json'), 'utf8')).toBe(broken)
    expect(await read('flows.json')).toEqual([{ id: 'before', type: 'tab' }])
  }
})

test('what was deployed last comes back rather than the deploy before it', async () => {
  await writeFile(join(folder, 'flows.json'), '[')
  await writeFile(join(folder, '.flows.json.backup'), '[{"id": "before", "type": "tab"}]')
  expect(await installFlow(folder, SHIPPED, async () => [{ id: 'last', type: 'tab' }], 5)).toEqual({ found: 'restored', aside: 'flows.broken-5.json' })
  expect(await read('flows.json')).toEqual([{ id: 'last', type: 'tab' }])
})

test('without a backup nothing is put in its place: what waits for its nodes would be called gone', async () => {
  await writeFile(join(folder, 'flows.json'), '[')
  expect(await installFlow(folder, SHIPPED, never, 5)).toEqual({ found: 'broken', aside: 'flows.broken-5.json' })
  expect(await installFlow(folder, SHIPPED, never, 6)).toEqual({ found: 'broken', aside: 'flows.broken-5.json' }) // the next start keeps it once
  expect((await readdir(folder)).sort()).toEqual(['flows.broken-5.json', 'flows.json'])
})

const fail = (text: string) => { throw new Error(text) }

test('the key is made once and is its owner’s alone', async () => {
  const path = join(folder, 'secrets', 'flows.key')
  const key = await credentialKey(path, null, folder, fail)
  expect(key).toMatch(/^[0-9a-f]{64}$/)
  expect(await credentialKey(path, null, folder, fail)).toBe(key)
  expect((await stat(path)).mode & 0o777).toBe(0o600)
})

test('a key from outside is used and none is made here; one that was made here before goes on, and is said to be moved', async () => {
  const [path, outside] = [join(folder, 'node-red.key'), join(folder, 'secret')]
  await expect(credentialKey(path, outside, folder, fail)).rejects.toMatchObject({ code: 'config/invalid', message: expect.stringContaining(outside) })
  await writeFile(outside, 'from outside\n')
  expect([await credentialKey(path, outside, folder, fail), await readdir(folder)]).toEqual(['from outside', ['secret']])
  await writeFile(path, 'made before\n')
  const warned: string[] = []
  expect(await credentialKey(path, outside, folder, (text) => warned.push(text))).toBe('made before')
  expect(warned).toEqual([`what nodes keep secret is encrypted with the key in ${path}: put its content into ${outside}, start again, and remove ${path}`])
  await writeFile(outside, 'made before')
  expect(await credentialKey(path, outside, folder, fail)).toBe('made before')
})

test('for secrets that another key encrypts no new one is made: they would be lost with the next deploy', async () => {
  const path = join(folder, 'node-red.key')
  await writeFile(join(folder, 'flows_cred.json'), '{"$": "4f2a"}')
  await expect(credentialKey(path, null, folder, fail)).rejects.toMatchObject({ code: 'config/invalid', message: expect.stringContaining(`put it back at ${path}`) })
  expect(await readdir(folder)).toEqual(['flows_cred.json'])
})

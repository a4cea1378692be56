/** A shed with a real OpenSSH server, and what may happen to it: whatever that is, the archive converges, and what is called archived reads back as it should. */
import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { connect, createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openRemotes, stagedName, type RemoteMemory, type Remotes } from '../core/store/volume/remotes.ts'
import { openSshd, whyNoSshd, type Sshd } from '../core/store/volume/testing/sshd.ts'
import { openDisk, whyNoDisk } from './crash/disk.ts'
import { openNet, whyNoNet } from './crash/net.ts'
import { openLink } from './test/link.ts'

const CHILD = fileURLToPath(new URL('./test/shed-child.ts', import.meta.url))
const NONE = whyNoSshd()
const NO_DISK = whyNoDisk()
const MIB = 1 << 20
const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex')
const codeOf = (doing: Promise<unknown>) => doing.then(() => 'ok', (e: unknown) => (e as { code?: string }).code ?? String(e))

for (const commands of [true, false]) describe.skipIf(NONE !== null)(NONE ?? `a shed whose server ${commands ? 'allows commands' : 'speaks SFTP only'}`, () => {
  let home: string
  let sshd: Sshd
  let root: string
  let memory: RemoteMemory & { readonly ids: Map<string, string>; readonly keys: Map<string, string> }
  const open: Remotes[] = []
  const signal = new AbortController().signal
  const task = 'task1'

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'viewshed-shed-'))
    sshd = await openSshd(join(home, 'sshd'), commands)
  })
  afterAll(async () => {
    await sshd.close()
    await rm(home, { recursive: true, force: true })
  })
  beforeEach(async () => {
    root = await mkdtemp(join(home, 'archive-'))
    const [ids, keys] = [new Map<string, string>(), new Map<string, string>()]
    memory = { ids, keys, id: (name) => ids.get(name), hostKey: (name) => keys.get(name), keep: { id: async (name, id) => void ids.set(name, id), hostKey: async (name, key) => void keys.set(name, key) } }
  })
  afterEach(() => { for (const remotes of open.splice(0)) remotes.close() })

  const shed = (port = sshd.port, at = root): Remotes => {
    open.push(openRemotes([{
      name: 'archive', org: 'home', url: `sftp://${sshd.user}@127.0.0.1:${port}${at}`,
      place: { kind: 'sftp', host: '127.0.0.1', port, user: sshd.user, root: at, key: sshd.key, passphrase: null, password: null },
    }], memory, { look_ms: 0 }))
    return open.at(-1)!
  }
  async function clip(bytes: number): Promise<{ path: string; content: Buffer; digest: string }> {
    const [path, content] = [join(home, 'clip'), randomBytes(bytes)]
    await writeFile(path, content)
    return { path, content, digest: sha256(content) }
  }
  /** What counts as archived: the re-read says so, it takes its place, and the bytes there are the ones that were sent. */
  async function archived(remotes: Remotes, ref: Awaited<ReturnType<Remotes['stage']>>, content: Buffer): Promise<void> {
    expect((await remotes.reread(task, ref, { signal })).sha256).toBe(sha256(content))
    expect(await readdir(join(root, ref.path)).catch(() => 'nothing there')).toBe('nothing there')
    await remotes.verify(task, 'token', [ref])
    await remotes.place(task, 'token', [ref])
    await remotes.place(task, 'token', [ref]) // as a replayed journal does
    expect(sha256(await readFile(join(root, ref.path)))).toBe(sha256(content))
    expect((await remotes.reread(null, ref, { signal })).sha256).toBe(sha256(content))
    expect(await readdir(join(root, '.viewshed/staging'))).toEqual([])
  }

  test('is marked and its host key kept at first sight; a re-read says where the bytes were read', async () => {
    const remotes = shed()
    expect(await remotes.look('archive')).toMatchObject({ mounted: true, host_key: sshd.fingerprint, bytes_free: expect.any(Number), refused_key: null })
    expect(JSON.parse(await readFile(join(root, '.viewshed/volume.json'), 'utf8'))).toMatchObject({ id: memory.id('archive'), name: 'archive' })
    const { path, content } = await clip(3 * MIB + 1)
    const ref = await remotes.stage(task, 'archive', 'a/video_original.mp4', path, signal)
    expect((await remotes.reread(task, ref, { signal })).from).toMatch(commands ? /^(disk|cache)$/ : /^network$/)
    await archived(remotes, ref, content)
  })

  test('that hangs up again and again is sent each byte about once', async () => {
    const { path, content } = await clip(20 * MIB)
    const cuts = 6
    const link = await openLink(sshd.port, (n) => (n > 0 && n <= cuts ? { after_bytes: Math.floor(MIB * (1 + 2 * Math.random())), way: 'up', how: n % 2 ? 'reset' : 'end' } : null))
    const remotes = shed(Number(new URL(link.url).port))
    await remotes.look('archive') // the first connection holds
    remotes.close()
    const again = shed(Number(new URL(link.url).port))
    const ref = await again.stage(task, 'archive', 'a/video_original.mp4', path, signal)
    await archived(again, ref, content)
    expect(link.breaks).toBe(cuts)
    expect(link.up_bytes).toBeLessThan(content.length + cuts * 4 * MIB) // what was under way at a cut
    await link.close()
  })

  test('that loses its power in the middle is gone on with when it is back, also by another process', async () => {
    const { path, content } = await clip(24 * MIB)
    const remotes = shed()
    await remotes.look('archive')
    const part = join(root, '.viewshed/staging', task, `${stagedName({ sha256: sha256(content), path: 'a/clip.mp4' })}.part`)
    const stop = new AbortController()
    const sending = codeOf(remotes.stage(task, 'archive', 'a/clip.mp4', path, stop.signal))
    await expect.poll(() => stat(part).then(({ size }) => size, () => 0), { timeout: 20_000, interval: 5 }).toBeGreaterThan(MIB)
    await sshd.kill()
    stop.abort(Object.assign(new Error('the agent died as well'), { code: 'gone' }))
    expect(await sending).toMatch(/gone|ok/) // a fast machine may have been through
    expect(await remotes.look('archive')).toMatchObject({ mounted: false, why: expect.stringContaining('does not answer') })
    await sshd.start()
    const ref = await shed().stage(task, 'archive', 'a/clip.mp4', path, signal)
    await archived(shed(), ref, content)
  })

  test.skipIf(NO_DISK !== null)(`that is full says so; with room again it goes on${NO_DISK === null ? '' : ` (${NO_DISK})`}`, async () => {
    const disk = openDisk(root, 24)
    try {
      const remotes = shed()
      await remotes.look('archive')
      const { path, content } = await clip(12 * MIB)
      disk.fill()
      expect(await codeOf(remotes.stage(task, 'archive', 'a/clip.mp4', path, signal))).toBe('media/full')
      disk.free()
      // Full in the middle: the look at the free space comes too early.
      const part = join(root, '.viewshed/staging', task, `${stagedName({ sha256: sha256(content), path: 'a/clip.mp4' })}.part`)
      const sending = codeOf(remotes.stage(task, 'archive', 'a/clip.mp4', path, signal))
      await expect.poll(() => stat(part).then(({ size }) => size, () => 0), { timeout: 20_000, interval: 1 }).toBeGreaterThan(0)
      disk.fill()
      expect(await sending).toMatch(/media\/full|ok/)
      disk.free()
      const ref = await remotes.stage(task, 'archive', 'a/clip.mp4', path, signal)
      await archived(remotes, ref, content)
    } finally {
      disk.close()
    }
  })

  test('whose host key has changed is refused, until somebody trusts it', async () => {
    const remotes = shed()
    await remotes.look('archive')
    const before = sshd.fingerprint
    remotes.close()
    await sshd.kill()
    await sshd.start(true)
    const again = shed()
    const { path, content } = await clip(1_000)
    expect(await codeOf(again.stage(task, 'archive', 'a/clip.mp4', path, signal))).toBe('media/host-key')
    expect(await again.look('archive')).toMatchObject({ mounted: false, host_key: before, refused_key: sshd.fingerprint, why: expect.stringMatching(/another host key.*trust/) })
    expect(await readdir(root)).toEqual(['.viewshed'])
    expect(await again.trust('archive')).toMatchObject({ mounted: true, host_key: sshd.fingerprint, refused_key: null })
    await archived(again, await again.stage(task, 'archive', 'a/clip.mp4', path, signal), content)
  })

  test('whose disk was replaced is away, until somebody says that the new one is it', async () => {
    const remotes = shed()
    await remotes.look('archive')
    await expect(remotes.stranger('archive')).rejects.toMatchObject({ code: 'input/invalid' })
    await rm(join(root, '.viewshed'), { recursive: true })
    expect(await remotes.look('archive')).toMatchObject({ mounted: false, why: expect.stringContaining('viewshed volumes adopt archive') })
    expect(await remotes.stranger('archive')).toEqual({ marker: null, empty: true })
    await remotes.adopt('archive')
    expect(remotes.view('archive')).toMatchObject({ mounted: true, why: null })
    const { path, content } = await clip(1_000)
    await archived(remotes, await remotes.stage(task, 'archive', 'a/clip.mp4', path, signal), content)
  })

  test('behind a slow link takes its time', async () => {
    const slow = await openSlow(sshd.port, 3 * MIB)
    const remotes = shed(slow.port)
    const { path, content } = await clip(4 * MIB)
    await archived(remotes, await remotes.stage(task, 'archive', 'a/clip.mp4', path, signal), content)
    await slow.close()
  })

  test('that is an empty folder now, or another disk, is not written to', async () => {
    const remotes = shed()
    await remotes.look('archive')
    await rename(root, `${root}-unplugged`)
    await mkdir(root)
    const { path } = await clip(1_000)
    expect(await codeOf(remotes.stage(task, 'archive', 'a/clip.mp4', path, signal))).toBe('media/unmounted')
    expect(await codeOf(shed().at('archive'))).toBe('media/unmounted')
    expect(await readdir(root)).toEqual([])
    await mkdir(join(root, '.viewshed'))
    await writeFile(join(root, '.viewshed/volume.json'), JSON.stringify({ id: 'another', name: 'archive', created: '' }))
    expect(await codeOf(shed().at('archive'))).toBe('media/unmounted')
  })

  test('where something else lies under the name of a beginning: it is found out and sent anew', async () => {
    const { path, content, digest } = await clip(2 * MIB)
    const remotes = shed()
    await remotes.look('archive')
    const wrong = Buffer.from(content.subarray(0, MIB))
    wrong[500_000]! ^= 1
    await mkdir(join(root, '.viewshed/staging', task), { recursive: true })
    await writeFile(join(root, '.viewshed/staging', task, `${stagedName({ sha256: digest, path: 'a/clip.mp4' })}.part`), wrong)
    await archived(remotes, await remotes.stage(task, 'archive', 'a/clip.mp4', path, signal), content)
  })

  test('where other bytes lie at the place: they stay, and it is said before anything is sent', async () => {
    const { path } = await clip(2 * MIB)
    const remotes = shed()
    await remotes.look('archive')
    for (const there of [Buffer.from('somebody else\'s'), randomBytes(2 * MIB)]) {
      await mkdir(join(root, 'a'), { recursive: true })
      await writeFile(join(root, 'a/clip.mp4'), there)
      expect(await codeOf(remotes.stage(task, 'archive', 'a/clip.mp4', path, signal))).toBe('media/conflict')
      expect(await readFile(join(root, 'a/clip.mp4'))).toEqual(there)
    }
  })

  test('takes what a device has staged there that has it as a folder', async () => {
    const { content, digest } = await clip(1_000)
    const remotes = shed()
    await remotes.look('archive')
    const staged = join(root, '.viewshed/staging', task, 'token', 'a/clip.mp4')
    await mkdir(dirname(staged), { recursive: true })
    await writeFile(staged, content)
    const ref = { volume: 'archive', path: 'a/clip.mp4', bytes: 1_000, sha256: digest }
    expect(await codeOf(remotes.verify(task, 'another', [ref]))).toBe('media/missing')
    await remotes.verify(task, 'token', [ref])
    await remotes.place(task, 'token', [ref])
    expect(sha256(await readFile(join(root, ref.path)))).toBe(digest)
  })

  test('the same bytes for two places of one task lie at both', async () => {
    const { path, digest } = await clip(1_000)
    const remotes = shed()
    await remotes.look('archive')
    const refs = await Promise.all(['a/frames/01.jpg', 'a/frames/02.jpg'].map((place) => remotes.stage(task, 'archive', place, path, signal)))
    await remotes.verify(task, 'token', refs)
    await remotes.place(task, 'token', refs)
    for (const ref of refs) expect(sha256(await readFile(join(root, ref.path)))).toBe(digest)
  })

  test('is rid of what tasks have staged that are over, and of nothing else', async () => {
    const remotes = shed()
    await remotes.look('archive')
    const { path } = await clip(1_000)
    for (const id of ['old', 'new']) await remotes.stage(id, 'archive', 'a/clip.mp4', path, signal)
    await remotes.sweep(async (id, clear) => { if (id === 'old') await clear() })
    expect(await readdir(join(root, '.viewshed/staging'))).toEqual(['new'])
  })
})

const NO_NET = whyNoNet()

describe.skipIf((NONE ?? NO_NET) !== null)(NONE ?? NO_NET ?? 'a shed behind a link of its own', () => {
  test('slow by tbf, losing packets and unplugged in the middle: the file is there, whole', { timeout: 180_000 }, async ({ onTestFinished }) => {
    const home = await mkdtemp(join(tmpdir(), 'viewshed-shed-net-'))
    onTestFinished(() => rm(home, { recursive: true, force: true, maxRetries: 5 }))
    const net = openNet(1)
    onTestFinished(() => net.close())
    const link = net.devices[0]!
    const sshd = await openSshd(join(home, 'sshd'), true, net.appliance.enter)
    onTestFinished(() => sshd.close())
    link.slow(20)
    link.lose(0.01)
    const [root, file, content] = [join(home, 'shed'), join(home, 'clip'), randomBytes(8 * MIB)]
    await mkdir(root)
    await writeFile(file, content)
    const [command, ...words] = [...link.enter, process.execPath, '--disable-warning=ExperimentalWarning', CHILD, JSON.stringify({ host: link.appliance, port: sshd.port, user: sshd.user, keyFile: sshd.keyFile, root, file, path: 'a/clip.mp4' })]
    const child = spawn(command!, words, { stdio: ['ignore', 'pipe', 'inherit'] })
    let said = ''
    child.stdout.on('data', (text) => { said += String(text) })
    const ended = once(child, 'close')
    const part = join(root, '.viewshed/staging/task1', `${stagedName({ sha256: sha256(content), path: 'a/clip.mp4' })}.part`)
    await expect.poll(() => stat(part).then(({ size }) => size, () => 0), { timeout: 60_000, interval: 20 }).toBeGreaterThan(2 * MIB)
    link.cut()
    await wait(2_000)
    expect((await stat(part)).size).toBeLessThan(content.length)
    link.restore()
    await ended
    expect(JSON.parse(said)).toEqual({ sha256: sha256(content), reread: sha256(content) })
    expect(sha256(await readFile(join(root, 'a/clip.mp4')))).toBe(sha256(content))
  })
})

/** @param bytes_per_s each way */
async function openSlow(port: number, bytes_per_s: number): Promise<{ port: number; close(): Promise<void> }> {
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    for (const [from, to] of [[near, far], [far, near]] as const) {
      from.on('error', () => undefined).on('close', () => to.destroySoon())
      from.on('data', (data) => {
        from.pause()
        to.write(data)
        void wait((data.length / bytes_per_s) * 1_000).then(() => from.resume())
      })
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, close: async () => void server.close() }
}

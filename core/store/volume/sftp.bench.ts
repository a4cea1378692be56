/** What goes to a shed over SFTP, against the `sftp` that comes with OpenSSH: same server, same file, one after the other. */
import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { openSftp } from './sftp.ts'
import { openSshd, whyNoSshd } from './testing/sshd.ts'

const run = promisify(execFile)
const BYTES = 128 << 20
const ROUNDS = 5

interface Figure { readonly name: string; readonly value: number; readonly unit: string; readonly peer: string | null; readonly peer_value: number | null; readonly ratio: number | null }

export async function* bench(): AsyncGenerator<Figure> {
  const none = whyNoSshd()
  if (none !== null) return void process.stderr.write(`sftp: skipped, ${none}\n`)
  const home = await mkdtemp(join(tmpdir(), 'viewshed-sftp-bench-'))
  const sshd = await openSshd(join(home, 'sshd'), true)
  const open = () => openSftp({ host: '127.0.0.1', port: sshd.port, user: sshd.user, root: home, key: sshd.key, passphrase: null, password: null }, { get: () => sshd.fingerprint, first: async () => undefined, refused: () => undefined })
  const volume = open()
  try {
    const path = join(home, 'clip')
    const content = randomBytes(BYTES)
    await writeFile(path, content)
    const from = { path, bytes: BYTES, sha256: createHash('sha256').update(content).digest('hex') }
    await writeFile(join(home, 'batch'), `put -f ${path} ${join(home, 'theirs')}\n`) // -f: synced there, as ours is
    const login = ['-q', '-P', String(sshd.port), '-i', sshd.keyFile, '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-b', join(home, 'batch'), `${sshd.user}@127.0.0.1`]
    await run('sftp', login) // what is read is in memory, for both
    const [ours, theirs, ratios]: [number[], number[], number[]] = [[], [], []]
    for (let i = 0; i < ROUNDS; i++) {
      await volume.remove('ours')
      ours.push(await seconds(async () => {
        const fresh = open() // with a login of its own, as theirs has
        await fresh.write('ours', from, { signal: new AbortController().signal })
        fresh.close()
      }))
      await rm(join(home, 'theirs'), { force: true })
      theirs.push(await seconds(() => run('sftp', login)))
      ratios.push(theirs[i]! / ours[i]!)
    }
    yield { name: 'sftp.write', value: BYTES / 1e6 / middle(ours), unit: 'MB/s to an sshd on this machine, synced', peer: 'sftp put -f', peer_value: BYTES / 1e6 / middle(theirs), ratio: middle(ratios) }
    const there = await seconds(() => volume.digest('ours'))
    yield { name: 'sftp.reread', value: BYTES / 1e6 / there, unit: 'MB/s of a digest by the shell of that machine, past its cache where it can', peer: null, peer_value: null, ratio: null }
  } finally {
    volume.close()
    await sshd.close()
    await rm(home, { recursive: true, force: true })
  }
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const from_ms = performance.now()
  await work()
  return (performance.now() - from_ms) / 1_000
}

const middle = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!

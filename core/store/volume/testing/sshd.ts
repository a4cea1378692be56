/** A real OpenSSH server on loopback with a configuration, keys and a folder of its own, for tests and benches. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../../http/free-port.ts'

export interface Sshd {
  readonly port: number
  readonly user: string
  /** Of the client: its private half, and the file in which it lies. */
  readonly key: string
  readonly keyFile: string
  readonly fingerprint: string
  /** It and everybody whom it serves, as if the power had left that machine. */
  kill(): Promise<void>
  /** After `kill`, at the same port. @param anew with another host key */
  start(anew?: boolean): Promise<void>
  close(): Promise<void>
}

const SSHD = ['/usr/sbin/sshd', '/usr/local/sbin/sshd', '/usr/bin/sshd'].find((path) => existsSync(path))
const START_MS = 10_000

/** Null: it can be started here. Otherwise why not. */
export function whyNoSshd(): string | null {
  if (SSHD === undefined) return 'there is no sshd here (apt-get install openssh-server)'
  return spawnSync('ssh-keygen', ['-?']).error ? 'there is no ssh-keygen here (apt-get install openssh-client)' : null
}

/**
 * @param home for its configuration and keys. @param commands whether its shell may be used; otherwise it speaks SFTP only, whatever it is asked.
 * @param enter words before its command: it runs in a network namespace of ours then, and listens to all that reach it there
 */
export async function openSshd(home: string, commands: boolean, enter: readonly string[] = []): Promise<Sshd> {
  mkdirSync(home, { recursive: true })
  if (userInfo().uid === 0) mkdirSync('/run/sshd', { recursive: true })
  const keyFile = join(home, 'client')
  const hostKey = join(home, 'host')
  const port = await freePort()
  generate(keyFile)
  generate(hostKey)
  await writeFile(join(home, 'authorized_keys'), readFileSync(`${keyFile}.pub`))
  const config = join(home, 'sshd_config')
  await writeFile(config, [
    `Port ${port}`, `ListenAddress ${enter.length > 0 ? '0.0.0.0' : '127.0.0.1'}`, `HostKey ${hostKey}`, `AuthorizedKeysFile ${join(home, 'authorized_keys')}`, `PidFile ${join(home, 'pid')}`,
    'UsePAM no', 'StrictModes no', 'PermitRootLogin yes', 'PasswordAuthentication no', 'MaxStartups 100', 'UseDNS no', 'Subsystem sftp internal-sftp',
    ...(commands ? [] : ['ForceCommand internal-sftp']),
  ].join('\n'))
  let child: ChildProcess

  async function start(anew = false): Promise<void> {
    if (anew) {
      await rm(hostKey)
      generate(hostKey)
    }
    await rm(join(home, 'pid'), { force: true })
    const [command, ...words] = [...enter, SSHD!, '-D', '-f', config, '-E', join(home, 'log')]
    child = spawn(command!, words, { stdio: 'ignore' })
    const until_ms = performance.now() + START_MS
    while (enter.length > 0 ? !existsSync(join(home, 'pid')) : !(await answers(port))) { // from here nobody reaches into a namespace
      if (performance.now() > until_ms || child.exitCode !== null) throw new Error(`sshd did not start: ${readFileSync(join(home, 'log'), 'utf8')}`)
      await new Promise((again) => setTimeout(again, 20))
    }
  }
  async function kill(): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGSTOP') // or it would serve somebody new meanwhile
    for (const pid of descendants(child.pid!)) killed(pid)
    child.kill('SIGKILL')
    await gone
  }
  await start()
  return {
    port, keyFile, user: userInfo().username, key: readFileSync(keyFile, 'utf8'), kill, start,
    get fingerprint() { return /SHA256:\S+/.exec(spawnSync('ssh-keygen', ['-lf', `${hostKey}.pub`], { encoding: 'utf8' }).stdout)![0] },
    async close() {
      await kill()
      await rm(home, { recursive: true, force: true })
    },
  }
}

function generate(file: string): void {
  const { status, stderr } = spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file], { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
}

const answers = (port: number): Promise<boolean> => new Promise((resolve) => {
  const socket = connect(port, '127.0.0.1')
  socket.once('data', () => { socket.destroy(); resolve(true) }) // its banner
  socket.once('error', () => resolve(false))
  socket.once('close', () => resolve(false))
})

function descendants(pid: number): number[] {
  const path = `/proc/${pid}/task/${pid}/children`
  const own = existsSync(path) ? readFileSync(path, 'utf8').split(' ').filter(Boolean).map(Number) : []
  return own.flatMap((child) => [child, ...descendants(child)])
}

function killed(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (e) {
    if (!(e instanceof Error && 'code' in e && e.code === 'ESRCH')) throw e // ended by itself
  }
}

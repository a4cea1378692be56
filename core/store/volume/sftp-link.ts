/** One SSH connection to a machine, opened when it is needed, given up when it breaks or nobody uses it, opened again by whoever asks next. */
import { createHash } from 'node:crypto'
import ssh2, { type Client, type SFTPWrapper } from 'ssh2'
import { Fault } from '../../contract/fault.ts'
import { LinkLost } from './volume.ts'

export interface SftpPlace {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly root: string // absolute, as its SFTP server sees it
  readonly key: string | null // a private key, PEM or OpenSSH
  readonly passphrase: string | null
  readonly password: string | null
}

/** Which machine it is. Whoever answers first is believed and kept; from then on nobody else is. */
export interface HostPin {
  /** `SHA256:…`; null: none was seen yet. */
  get(): string | null
  /** Resolves when it is kept. */
  first(fingerprint: string): Promise<void>
  /** Somebody answered with another one, and was refused. */
  refused(fingerprint: string): void
}

export interface Session {
  readonly client: Client
  readonly sftp: SFTPWrapper
  /** Never resolves; rejects with LinkLost. */
  readonly lost: Promise<never>
  commands: boolean | null // whether its shell computes digests; null: not tried yet
}

export interface SftpLink {
  /** The connection stays until `release`, unless it breaks. Throws LinkLost, `media/unmounted`, `media/host-key`. */
  hold(): Promise<{ readonly session: Session; readonly release: () => void }>
  close(): void
}

const CONNECT_MS = 15_000
const ALIVE_EVERY_MS = 5_000
const MOST_MISSED = 3 // signs of life
const IDLE_MS = 60_000
/** AES with AES-NI is several times as fast as what is agreed on otherwise. */
const CIPHERS = ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com', 'aes128-ctr', 'aes256-ctr', 'aes192-ctr'] as const

export function openSftpLink(place: SftpPlace, pin: HostPin): SftpLink {
  const where = `${place.user}@${place.host}:${place.port}`
  let session: Promise<Session> | null = null
  let users = 0
  let idle: NodeJS.Timeout | undefined
  let closed = false

  function opened(): Promise<Session> {
    if (closed) return Promise.reject(new LinkLost(`${where} was closed`))
    if (session === null) {
      const fresh = connect(place, where, pin)
      session = fresh
      const forget = () => { if (session === fresh) session = null }
      fresh.then((open) => open.lost.catch(forget), forget)
    }
    return session
  }

  return {
    async hold() {
      clearTimeout(idle)
      users++
      let held = true
      const release = () => {
        if (!held) return
        held = false
        if (--users > 0 || session === null) return
        const old = session
        clearTimeout(idle)
        idle = setTimeout(() => void old.then(({ client }) => client.end(), () => undefined), IDLE_MS).unref() // it failed: there is nothing to end
      }
      try {
        return { session: await opened(), release }
      } catch (e) {
        release()
        throw e
      }
    },
    close() {
      closed = true
      clearTimeout(idle)
      void session?.then(({ client }) => client.end(), () => undefined) // it failed: there is nothing to end
    },
  }
}

function connect(place: SftpPlace, where: string, pin: HostPin): Promise<Session> {
  const client = new ssh2.Client()
  let stranger: Fault | null = null
  let lose: (e: Error) => void
  const lost = new Promise<never>((_, fail) => { lose = fail })
  lost.catch(() => undefined) // heard by those who use the link at the time
  return new Promise<Session>((open, fail) => {
    const gone = (e: unknown) => {
      const why = stranger ?? reason(e, place, where)
      fail(why)
      lose(why)
      client.destroy()
    }
    let answered = false // what is asked next is no password
    client.on('keyboard-interactive', (_name, _instructions, _language, prompts, answer) => {
      answer(!answered && prompts.length === 1 ? [place.password!] : [])
      answered ||= prompts.length > 0
    })
    client.on('error', gone)
    client.on('close', () => gone(new LinkLost(`${where} hung up`)))
    client.on('connect', () => client.setNoDelay()) // without it each request waits 40 ms for an acknowledgement
    client.on('ready', () => client.sftp((e, sftp) => {
      if (e) return gone(new Fault('media/unmounted', `${where} lets us in and offers no SFTP (${e.message}): switch it on there`, { cause: e }))
      sftp.on('close', () => gone(new LinkLost(`${where} ended its SFTP server`)))
      sftp.on('error', gone)
      open({ client, sftp, lost, commands: null })
    }))
    client.connect({
      host: place.host, port: place.port, username: place.user,
      ...(place.key === null ? {} : { privateKey: place.key }), ...(place.passphrase === null ? {} : { passphrase: place.passphrase }), ...(place.password === null ? {} : { password: place.password, tryKeyboard: true }), // some servers ask for it instead of taking it
      readyTimeout: CONNECT_MS, keepaliveInterval: ALIVE_EVERY_MS, keepaliveCountMax: MOST_MISSED,
      algorithms: { cipher: { prepend: [...CIPHERS], append: [], remove: [] } },
      hostVerifier: (key: Buffer, verified: (isRight: boolean) => void) => {
        const fingerprint = fingerprintOf(key)
        const known = pin.get()
        if (known === null) return void pin.first(fingerprint).then(() => verified(true), (e: unknown) => { gone(e) })
        if (known === fingerprint) return verified(true)
        stranger = new Fault('media/host-key', `${place.host}:${place.port} answers with another host key, ${fingerprint}, than it had before, ${known}. Was it set up anew? Then viewshed volumes trust; otherwise another machine answers in its place`)
        pin.refused(fingerprint)
        verified(false)
      },
    })
  })
}

/** As `ssh-keygen -l` shows it. */
const fingerprintOf = (key: Buffer): string => `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`

function reason(e: unknown, place: SftpPlace, where: string): Error {
  if (e instanceof Fault || e instanceof LinkLost) return e
  const { level, message, code } = e as Error & { level?: string; code?: string }
  if (level === 'client-authentication') return new Fault('media/unmounted', `${where} refuses the login: look at the user and at ${place.key === null ? 'the password' : 'the key'}, and whether it stands in that machine's authorized_keys`, { cause: e })
  if (level === 'handshake' || level === 'protocol') return new Fault('media/unmounted', `${where} and we have no way of encryption in common, or no SSH server answers there (${message})`, { cause: e })
  return new LinkLost(`${where} does not answer (${code ?? message})`, { cause: e })
}

/** One request to the SFTP server. Rejects with what it says. */
export function ask<T>(send: (done: (e: Error | null | undefined, value?: T) => void) => unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    send((e, value) => (e ? reject(e) : resolve(value as T)))
  })
}

/** What a command said, when it ended well; null: it did not, or commands are not allowed there. */
export function command({ client }: Session, line: string, signal: AbortSignal | undefined): Promise<{ out: string; err: string } | null> {
  return new Promise((resolve, reject) => {
    client.exec(line, (e, channel) => {
      if (e) return resolve(null)
      const said = { out: '', err: '' }
      const stop = () => channel.close()
      signal?.addEventListener('abort', stop)
      channel.on('data', (text: Buffer) => { said.out = (said.out + text.toString('latin1')).slice(0, 4_096) })
      channel.stderr.on('data', (text: Buffer) => { said.err = (said.err + text.toString('latin1')).slice(0, 4_096) })
      let status: number | null = null
      channel.on('exit', (code: number | null) => { status = code })
      channel.on('close', () => {
        signal?.removeEventListener('abort', stop)
        if (signal?.aborted) reject(signal.reason as Error)
        else resolve(status === 0 ? said : null)
      })
      channel.end() // a server that answers every command with SFTP ends with its input
    })
  })
}

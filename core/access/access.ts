/**
 * Who may come in. People, the one-time setup token, sessions and the key that devices' tokens are signed with are synced in
 * the log under `access!`; what core hands to its own processes lives in memory and ends with it.
 */
import { hash, verify } from '@node-rs/argon2'
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { Fault } from '../contract/fault.ts'
import type { Role } from '../contract/plugin.ts'
import { openDeviceTokens, type DeviceTokens, type JoinedDevices } from './device-tokens.ts'
import { openKeys, type Keys } from './keys.ts'
import { limit } from './limit.ts'
import { HOME, type Principal, type Scope } from './scope.ts'
import { openSessions, type Session } from './sessions.ts'
import { entries, type AccessLog } from './store.ts'
import { mqttName, sha256, tokens, type Tokens } from './tokens.ts'

/** One who signed in: the principal, the session it came by, and the cookie when it is new. */
export interface SignedIn { readonly principal: Principal; readonly session: string; readonly cookie: string }

/** An MQTT client that proved who it is. `session`: a browser's or a key's, ends with it. `ends_ms`: when what it proved it with is over; null: with core, or its session. */
export interface MqttClient { readonly principal: Principal; readonly session: string | null; readonly ends_ms: number | null }

export interface Access extends Pick<Tokens, 'mint' | 'revoke' | 'principalOfBearer' | 'mqttOf'> {
  /** A device's token for the next 30 days. */
  readonly signDevice: DeviceTokens['sign']
  /** To a device that looks for its appliance. */
  readonly prove: DeviceTokens['prove']
  /** There is no admin yet. A new password that was asked for at the command line changes nothing here: until its link is used, the old one is good. */
  setupNeeded(): boolean
  /** A new one-time token for the first admin, good for an hour; the former one is void. Fault `access/denied` once there is an admin. */
  setupToken(): Promise<string>
  /** From the CLI: a one-time token, good for an hour, with which `name` gets a new password. Fault `not-found`. */
  resetPassword(name: string): Promise<string>
  /** Uses the token up: creates the first admin, or gives a person a new password and ends all their sessions. */
  setUp(ask: { token: string; name: string; password: string }, address: string): Promise<SignedIn>
  /** Fault `access/unauthenticated`, or `access/limited` after too many tries from one address, most of all under one name, or from many under one name. */
  signIn(ask: { name: string; password: string }, address: string): Promise<SignedIn>
  signOut(session: string): Promise<void>
  /** Called with the id of every session that ends before its time, and of every key that is revoked: whoever holds a socket of it closes it. */
  onSignOut(listener: (session: string) => void): void
  readonly keys: Omit<Keys, 'find' | 'onRevoke'>
  /** The id of the key that this token is, by which `onSignOut` tells of it. Null: it is none. */
  keyOfBearer(token: string): string | null
  principalOfCookie(cookie: string): Promise<{ principal: Principal; session: string } | null>
  /** Device: its name and bearer token. Key: `key/<name>` and the key, but for one of the flows. Browser: what `mqttOf` gave, while the session lasts. Null: refused. */
  principalOfMqtt(username: string, password: string): Promise<MqttClient | null>
}

const PASSWORD_MIN = 12
const SETUP_TTL_MS = 3_600_000

interface Person { readonly id: string; readonly name: string; readonly hash: string; readonly scope: Scope; readonly created_ms: number }
/** `person` null: for the first admin. */
interface SetupToken { readonly digest: string; readonly expires_ms: number; readonly person: string | null }

const PEOPLE = 'access!person!'
const SETUP = 'access!setup'

/** @param clock Epoch, ms. @param devices Those that joined; by default none did. */
export async function openAccess({ log, clock = Date.now, devices = NOBODY }: { log: AccessLog; clock?: () => number; devices?: JoinedDevices }): Promise<Access> {
  const people = new Map<string, Person>()
  for (const [id, value] of await entries(log, PEOPLE)) people.set(id, JSON.parse(value))
  const [stored] = await entries(log, SETUP)
  let setup: SetupToken | null = stored ? JSON.parse(stored[1]) : null
  const sessions = await openSessions(log, clock)
  const minted = tokens(clock)
  const signed = await openDeviceTokens({ log, clock, devices })
  const keys = await openKeys(log, clock)
  // Who tries another's name uses up the tries of his own address, and not those of the owner; only very many addresses together do.
  const byNameThere = limit({ tries: 10, refill_ms: 60_000, clock })
  const byName = limit({ tries: 100, refill_ms: 6_000, clock })
  const byAddress = limit({ tries: 30, refill_ms: 20_000, clock })
  // Compared with when nobody has the name, so that both answers take the same time.
  const nobody = hash(randomBytes(16).toString('hex'))

  const hasAdmin = () => [...people.values()].some((person) => person.scope.role === 'admin')
  const setupNeeded = () => !hasAdmin()

  const principalOf = (session: Session): Principal | null => {
    const person = people.get(session.person)
    return person ? { kind: 'person', id: person.id, name: person.name, scope: person.scope } : null
  }

  async function newSetupToken(person: string | null): Promise<string> {
    const token = randomBytes(24).toString('base64url')
    setup = { digest: sha256(token).toString('hex'), expires_ms: clock() + SETUP_TTL_MS, person }
    await log.commit([{ type: 'put', key: SETUP, value: JSON.stringify(setup) }])
    return token
  }

  async function open(person: Person): Promise<SignedIn> {
    const { cookie, session } = await sessions.open(person.id)
    return { principal: principalOf(session)!, session: session.id, cookie }
  }

  function countTry(keys: readonly (readonly [ReturnType<typeof limit>, string])[]): void {
    for (const [bucket, key] of keys) {
      if (!bucket.take(key)) throw new Fault('access/limited', 'Too many tries. Wait a minute, then try again.')
    }
  }

  return {
    mint: minted.mint,
    revoke: minted.revoke,
    signDevice: signed.sign,
    prove: signed.prove,
    keys,
    principalOfBearer: async (token) => keys.find(token)?.principal ?? (await minted.principalOfBearer(token)) ?? (await signed.find(token))?.principal ?? null,
    keyOfBearer: (token) => keys.find(token)?.id ?? null,
    mqttOf: minted.mqttOf,
    setupNeeded,

    async setupToken() {
      if (hasAdmin()) throw new Fault('access/denied', 'This appliance is set up already. To get back in, reset the password from the command line.')
      return newSetupToken(null)
    },

    async resetPassword(name) {
      const person = people.get(idOf(name))
      if (!person) throw new Fault('not-found', `Nobody is called ${JSON.stringify(name)} here. There are: ${[...people.values()].map((p) => p.name).join(', ') || 'no people yet'}.`)
      return newSetupToken(person.id)
    },

    async setUp({ token, name, password }, address) {
      countTry([[byAddress, address]])
      const held = setup
      if (!held || held.expires_ms <= clock() || !matches(held.digest, token)) {
        throw new Fault('access/denied', 'This setup link was used, replaced or is older than an hour. Start the appliance again for a new one.')
      }
      const id = idOf(name)
      if (!id) throw new Fault('input/invalid', 'name: must not be empty.')
      if (password.length < PASSWORD_MIN) throw new Fault('input/invalid', `password: must have at least ${PASSWORD_MIN} characters.`)
      if (held.person !== null && held.person !== id) throw new Fault('input/invalid', 'name: this link gives a new password to somebody else.')
      setup = null // used up before anything is awaited: of two who come at once only one gets in
      const former = people.get(id)
      const person: Person = {
        id, name: former?.name ?? name.trim(), hash: await hash(password),
        scope: former?.scope ?? { ...HOME, role: 'admin' satisfies Role }, created_ms: former?.created_ms ?? clock(),
      }
      try {
        await log.commit([{ type: 'put', key: PEOPLE + id, value: JSON.stringify(person) }, { type: 'del', key: SETUP }])
      } catch (error) {
        setup ??= held // nothing was written: the link is still good
        throw error
      }
      people.set(id, person)
      await sessions.endAllOf(id)
      return open(person)
    },

    async signIn({ name, password }, address) {
      const id = idOf(name)
      const there = `${address} ${id}`
      countTry([[byAddress, address], [byNameThere, there], [byName, id]])
      const person = people.get(id)
      const fits = await verify(person?.hash ?? (await nobody), password)
      if (!person || !fits) throw new Fault('access/unauthenticated', 'Name or password is wrong.')
      byAddress.forgive(address)
      byNameThere.forgive(there)
      byName.forgive(id)
      return open(person)
    },

    signOut: sessions.end,
    onSignOut(listener) {
      sessions.onEnd(listener)
      keys.onRevoke(listener)
    },

    async principalOfCookie(cookie) {
      const session = await sessions.find(cookie)
      const principal = session && principalOf(session)
      return principal ? { principal, session: session.id } : null
    },

    async principalOfMqtt(username, password) {
      const id = minted.sessionOfMqtt(username, password)
      if (id !== null) {
        const session = sessions.byId(id)
        const principal = session && principalOf(session)
        return principal && mqttName(principal) === username ? { principal, session: session.id, ends_ms: null } : null
      }
      const key = keys.find(password)
      if (key) return key.principal.kind === 'key' && mqttName(key.principal) === username ? { principal: key.principal, session: key.id, ends_ms: null } : null
      const own = await minted.principalOfBearer(password)
      const found = own ? { principal: own, ends_ms: null } : await signed.find(password)
      return found && mqttName(found.principal) === username ? { ...found, session: null } : null
    },
  }
}

const NOBODY: JoinedDevices = { get: () => null, used: () => undefined }

/** Two ways of writing one name are one person. */
const idOf = (name: string): string => name.normalize('NFKC').trim().toLowerCase()

const matches = (digest_hex: string, token: string): boolean => timingSafeEqual(Buffer.from(digest_hex, 'hex'), sha256(token))

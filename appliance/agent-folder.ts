/** What a device that joined keeps between its starts: where, who it is (`device.json`), and what a person wants of it (`agent.yaml`). */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { Type, type Static, type TSchema } from 'typebox'
import { parse, YAMLParseError } from 'yaml'
import { Fault } from '../core/contract/fault.ts'
import { checked } from '../core/plugins/registry.ts'
import { readOrNull, writeDurable } from '../core/store/durable.ts'

/** The folder of this machine's user, by the custom of its system. `STATE_DIRECTORY` is systemd's and comes first. */
export function agentFolder(platform: NodeJS.Platform, env: NodeJS.ProcessEnv, home: string): string {
  if (platform === 'win32') return path.win32.join(env.LOCALAPPDATA || path.win32.join(home, 'AppData', 'Local'), 'Viewshed Agent')
  if (platform === 'darwin') return path.posix.join(home, 'Library', 'Application Support', 'Viewshed Agent')
  const given = env.STATE_DIRECTORY?.split(':')[0]
  if (given) return given
  const state = env.XDG_STATE_HOME // a relative one is void, says the XDG specification
  return path.posix.join(state && path.posix.isAbsolute(state) ? state : path.posix.join(home, '.local', 'state'), 'viewshed-agent')
}

const Device = Type.Object({
  address: Type.String({ pattern: '^https?://', description: 'of the appliance' }),
  device: Type.String({ minLength: 1 }),
  token: Type.String({ minLength: 1 }),
  org: Type.String({ minLength: 1 }),
  site: Type.String({ minLength: 1 }),
  wish: Type.Optional(Type.String({ minLength: 1, description: 'the address or the name that it was given when it joined' })),
})
/** Who this device is, and to whom. */
export type Device = Static<typeof Device>

const Wishes = Type.Object({
  scratch: Type.Optional(Type.String({ minLength: 1, description: 'folder for work under way; it is emptied' })),
  mounts: Type.Record(Type.String(), Type.String({ minLength: 1 }), { default: {}, description: 'volume: folder at which this machine has it' }),
  cache_bytes: Type.Integer({ minimum: 0, default: 20e9, description: 'inputs that are kept for the next stage' }),
  mqtt_url: Type.Optional(Type.String({ pattern: '^(mqtts?|wss?)://', description: 'of the broker, where it is not the one that the appliance names' })),
}, { additionalProperties: false })
export type Wishes = Static<typeof Wishes>

const DEVICE = 'device.json'
const WISHES = 'agent.yaml'
const VOLUME = /^[a-z][a-z0-9-]{0,31}$/

/** Null: it has not joined. Throws Fault `config/invalid` when what is kept cannot be read as such. */
export async function readDevice(folder: string): Promise<Device | null> {
  const file = path.join(folder, DEVICE)
  const text = await readOrNull(file)
  if (text === null) return null
  try {
    return checked(Device, JSON.parse(withoutMark(text)), 'config/invalid', file) as Device
  } catch (e) {
    if (e instanceof SyntaxError || (e instanceof Fault && e.code === 'config/invalid'))
      throw new Fault('config/invalid', `${file} is damaged: join again, with viewshed agent --join`, { cause: e })
    throw e
  }
}

/** How a wish is compared and kept: of an address what counts is the origin, and a name is the same however it is written. */
export const asWish = (given: string): string => (isAddress(given) ? new URL(given).origin : given.toLowerCase())
export const isAddress = (wish: string): boolean => /^https?:\/\//i.test(wish)

/** Whether it joined the appliance that is wished for. @param wish an address, an appliance's name, '' for whichever answers, null: as it was */
export const isMeant = ({ address, wish: former }: Device, wish: string | null): boolean =>
  wish === null || wish === '' || [address, former].includes(asWish(wish)) || (former === undefined && !isAddress(wish)) // what it was called is not known of one that joined before that was kept

/** Readable by its owner alone: whoever has the token is the device. */
export const keepDevice = (folder: string, device: Device): Promise<void> => writeDurable(path.join(folder, DEVICE), JSON.stringify(device, null, 2) + '\n', 0o600)

/** A missing file is one without wishes. Relative folders in it are relative to it. Throws Fault `config/invalid` with the field and what is expected. */
export async function readWishes(folder: string): Promise<Wishes> {
  const file = path.join(folder, WISHES)
  const found = existsSync(file) ? parsed(await readFile(file, 'utf8'), file) : {}
  const wishes = checked(Wishes as TSchema, found, 'config/invalid', file) as Wishes
  // A record's pattern lets names through that do not fit it, and one closed to them cannot take a default.
  for (const volume of Object.keys(wishes.mounts)) if (!VOLUME.test(volume)) throw new Fault('config/invalid', `${file}.mounts: '${volume}' is no name of a volume; those of the appliance are under volumes in viewshed.yaml`)
  const at = (given: string) => path.resolve(folder, given)
  return {
    ...wishes, ...(wishes.scratch === undefined ? {} : { scratch: at(wishes.scratch) }),
    mounts: Object.fromEntries(Object.entries(wishes.mounts).map(([volume, given]) => [volume, at(given)])),
  }
}

function parsed(text: string, file: string): unknown {
  try {
    return parse(withoutMark(text)) ?? {}
  } catch (e) {
    if (e instanceof YAMLParseError) throw new Fault('config/invalid', `${file} is not YAML: ${e.message}`, { cause: e })
    throw e
  }
}

/** Editors of Windows put a byte order mark in front. */
const withoutMark = (text: string): string => text.replace(/^\uFEFF/, '')

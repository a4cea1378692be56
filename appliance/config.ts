/** `viewshed.yaml` and the environment, read once. Everything has a default: an empty folder is a valid configuration. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { Type, type Static } from 'typebox'
import { parse, YAMLParseError } from 'yaml'
import { Fault } from '../core/contract/fault.ts'
import type { OutsideSettings } from '../core/mqtt/outside.ts'
import type { RemoteSpec } from '../core/store/volume/remotes.ts'
import { checked } from '../core/plugins/registry.ts'
import { MqttSection, readMqtt } from './mqtt-config.ts'
import { readVolumes, VolumesSection } from './volumes-config.ts'

const File = Type.Object({
  name: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: 'What the appliance is called in the UI' })),
  tiles: Type.Optional(Type.Object({
    url: Type.String({ pattern: '^https?://', description: 'Tile address with {z}, {x} and {y}' }),
    attribution: Type.String({ minLength: 1 }),
  }, { additionalProperties: false, description: 'Map tiles from the internet; left out: none are asked for' })),
  behind_proxy: Type.Optional(Type.Boolean({ description: 'A proxy of your own stands in front and sets X-Forwarded-Proto, -Host and -For' })),
  mqtt: Type.Optional(MqttSection),
  volumes: Type.Optional(VolumesSection),
  flows: Type.Optional(Type.Object({
    elsewhere: Type.String({ pattern: '^https?://[^/]', description: 'an address such as http://nodered.lan:1880: the Node-RED of your own that runs the flows' }),
  }, { additionalProperties: false })),
  plugins: Type.Optional(Type.Record(Type.String(), Type.Record(Type.String(), Type.Unknown()))),
}, { additionalProperties: false })
type File = Static<typeof File>

/** Where Docker and Podman put a secret of this name. */
const FLOWS_SECRET = '/run/secrets/viewshed-node-red'

export interface Config {
  readonly name: string
  readonly folder: string // viewshed.yaml, the stores, Node-RED's flows, models
  readonly host: string
  readonly port: number // HTTP and WebSocket; 0: any free one
  readonly mqttPort: number | null // null: no TCP
  readonly mqtt: OutsideSettings | null // a broker of the user's own
  readonly trustProxy: boolean
  readonly tiles: { readonly url: string; readonly attribution: string } | null
  readonly volumes: Readonly<Record<string, string>> // name → absolute folder
  readonly remotes?: readonly RemoteSpec[] // volumes that are reached over the network
  readonly inbox: string
  readonly flowsAt?: string | null // the Node-RED elsewhere that runs the flows; null: ours does
  readonly flowsKey?: string | null // a file with the key of what nodes keep secret; null: one is made in `folder`
  readonly plugins: Readonly<Record<string, Record<string, unknown>>>
}

/** @param env VIEWSHED_CONFIG, _MEDIA, _ARCHIVE, _INBOX, _HOST, _PORT, _MQTT_PORT, _FLOWS_KEY. Throws `config/invalid` with file, field and what is expected. */
export function readConfig(env: NodeJS.ProcessEnv): Config {
  const folder = resolve(env.VIEWSHED_CONFIG ?? (existsSync('/config') ? '/config' : '.viewshed/config'))
  const media = resolve(env.VIEWSHED_MEDIA ?? (existsSync('/media') && existsSync('/config') ? '/media' : '.viewshed/media'))
  mkdirSync(folder, { recursive: true })
  const file = readFile(join(folder, 'viewshed.yaml'))
  const inbox = resolve(env.VIEWSHED_INBOX ?? join(media, 'inbox'))
  const { folders, remotes } = readVolumes(file.volumes ?? {}, folder)
  const archive = env.VIEWSHED_ARCHIVE ? resolve(env.VIEWSHED_ARCHIVE) : folders.archive
  const far = remotes.filter(({ name }) => !(name === 'archive' && archive !== undefined))
  const folderConfig = file.plugins?.folder ?? {}
  return {
    name: file.name ?? hostname(),
    folder,
    host: env.VIEWSHED_HOST ?? '0.0.0.0',
    port: portOf(env.VIEWSHED_PORT, 8080, 'VIEWSHED_PORT'),
    mqttPort: file.mqtt && !env.VIEWSHED_MQTT_PORT ? null : portOf(env.VIEWSHED_MQTT_PORT, 1883, 'VIEWSHED_MQTT_PORT'),
    mqtt: file.mqtt ? readMqtt(file.mqtt, folder) : null,
    trustProxy: file.behind_proxy ?? false,
    tiles: file.tiles ?? null,
    volumes: { media, ...folders, ...(archive ? { archive } : {}) },
    remotes: far,
    inbox,
    flowsAt: file.flows?.elsewhere ?? null,
    flowsKey: env.VIEWSHED_FLOWS_KEY ? resolve(env.VIEWSHED_FLOWS_KEY) : existsSync(FLOWS_SECRET) ? FLOWS_SECRET : null,
    plugins: {
      ...file.plugins,
      folder: { ...folderConfig, inboxes: withInbox(folderConfig['inboxes'], inbox) },
      clip: { timezone: Intl.DateTimeFormat().resolvedOptions().timeZone, ...file.plugins?.clip }, // the appliance's own: whichever device looks at a clip
      notify: { ...file.plugins?.notify, ...mailIn(file.plugins?.notify, folder) },
      inference: beside(folder, 'models', file.plugins?.inference),
      command: beside(folder, 'scripts', file.plugins?.command),
      archive: { enabled: archive !== undefined || far.some(({ name }) => name === 'archive'), ...file.plugins?.archive },
    },
  }
}

/** The inbox that the pages speak of is watched beside those of `viewshed.yaml`; an empty list there is none at all. */
function withInbox(given: unknown, inbox: string): unknown {
  if (given === undefined) return [{ path: inbox }]
  if (!Array.isArray(given) || given.length === 0) return given
  const isThere = given.some((one: unknown) => typeof one === 'object' && one !== null && 'path' in one && typeof one.path === 'string' && resolve(one.path) === inbox)
  return isThere ? given : [{ path: inbox }, ...given]
}

/** A folder that a plugin names is looked for beside `viewshed.yaml`, where one of that name is the default. */
function beside(folder: string, name: string, given: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const at = given[name] ?? name
  return { ...given, [name]: typeof at === 'string' ? resolve(folder, at) : at }
}

/** The file with the password of the mail server lies beside `viewshed.yaml`, as all others do. */
function mailIn(notify: Readonly<Record<string, unknown>> | undefined, folder: string): object {
  const smtp = notify?.['smtp']
  if (typeof smtp !== 'object' || smtp === null || !('password_file' in smtp) || typeof smtp.password_file !== 'string') return {}
  const password_file = resolve(folder, smtp.password_file)
  if (!existsSync(password_file)) throw new Fault('config/invalid', `plugins.notify.smtp.password_file: there is no file ${password_file}`)
  return { smtp: { ...smtp, password_file } }
}

function readFile(path: string): File {
  if (!existsSync(path)) return {}
  let found: unknown
  try {
    found = parse(readFileSync(path, 'utf8')) ?? {}
  } catch (e) {
    if (e instanceof YAMLParseError) throw new Fault('config/invalid', `${path} is not YAML: ${e.message}`, { cause: e })
    throw e
  }
  return checked(File, found, 'config/invalid', path) as File
}

function portOf(given: string | undefined, otherwise: number, name: string): number {
  if (given === undefined || given === '') return otherwise
  const port = Number(given)
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw new Fault('config/invalid', `${name} is '${given}'; a port is a number from 0 to 65535`)
  return port
}

/** `volumes` of viewshed.yaml: folders, and machines that are reached over the network, with their files read. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Type, type Static } from 'typebox'
import { HOME } from '../core/access/scope.ts'
import { Fault } from '../core/contract/fault.ts'
import type { RemoteSpec } from '../core/store/volume/remotes.ts'

const Text = Type.Optional(Type.String({ minLength: 1 }))
const File = Type.Optional(Type.String({ minLength: 1, description: 'A file; from the configuration folder, unless it begins with /' }))
const Name = Type.String({ pattern: '^[a-z][a-z0-9-]{0,31}$' })

const Entry = Type.Object({
  name: Name,
  path: Text, // a folder
  url: Type.Optional(Type.String({ description: 'sftp://user@host:22/folder, s3://host/bucket/prefix; s3+http:// where there is no TLS' })),
  key_file: File, passphrase_file: File, password: Text, password_file: File, // SFTP
  access_key_id: Text, secret_key: Text, secret_key_file: File, region: Text, // S3
}, { additionalProperties: false })
type Entry = Static<typeof Entry>

/** A list; or names with folders, for short. */
export const VolumesSection = Type.Union([Type.Array(Entry), Type.Record(Name, Type.String({ minLength: 1 }))])
export type VolumesSection = Static<typeof VolumesSection>

export interface VolumesConfig { readonly folders: Readonly<Record<string, string>>; readonly remotes: readonly RemoteSpec[] }

/** @param folder of viewshed.yaml. Throws `config/invalid` with the volume and what to do. */
export function readVolumes(section: VolumesSection, folder: string): VolumesConfig {
  const entries: readonly Entry[] = Array.isArray(section) ? section : Object.entries(section).map(([name, path]) => ({ name, path }))
  const folders: Record<string, string> = {}
  const remotes: RemoteSpec[] = []
  for (const entry of entries) {
    const wrong = (why: string, cause?: unknown) => new Fault('config/invalid', `${resolve(folder, 'viewshed.yaml')}, volume ${entry.name}: ${why}`, { cause })
    if (entry.name in folders || remotes.some(({ name }) => name === entry.name)) throw wrong('two volumes have this name')
    if ((entry.path === undefined) === (entry.url === undefined)) throw wrong('give a path (a folder of this machine) or a url (sftp://, s3://)')
    if (entry.path !== undefined) folders[entry.name] = resolve(folder, entry.path)
    else remotes.push(remoteOf(entry, entry.url!, folder, wrong))
  }
  return { folders, remotes }
}

type Wrong = (why: string, cause?: unknown) => Fault

function remoteOf(entry: Entry, text: string, folder: string, wrong: Wrong): RemoteSpec {
  if (!URL.canParse(text)) throw wrong(`url is ${JSON.stringify(text)}; expected an address such as sftp://user@host/folder`)
  const url = new URL(text)
  if (url.password !== '') throw wrong('a password does not belong into the address; use password_file')
  const secret = (value: string | undefined, file: string | undefined, what: string): string | null => {
    if (value !== undefined && file !== undefined) throw wrong(`give ${what} or ${what}_file, not both`)
    if (file === undefined) return value ?? null
    try {
      return readFileSync(resolve(folder, file), 'utf8').replace(/\r?\n$/, '')
    } catch (e) {
      throw wrong(`${what}_file: ${resolve(folder, file)} cannot be read (${e instanceof Error && 'code' in e ? String(e.code) : String(e)})`, e)
    }
  }
  const only = (kind: string, ...fields: readonly (keyof Entry)[]) => {
    for (const field of fields) if (entry[field] !== undefined) throw wrong(`${field} is not for ${kind}`)
  }
  const spec = (place: RemoteSpec['place']): RemoteSpec => ({ name: entry.name, org: HOME.org, url: text, place })
  const path = decodeURIComponent(url.pathname).replace(/^\/+|\/+$/g, '')
  if (url.protocol === 'sftp:') {
    only('SFTP', 'access_key_id', 'secret_key', 'secret_key_file', 'region')
    const key = secret(undefined, entry.key_file, 'key')
    const password = secret(entry.password, entry.password_file, 'password')
    if (url.username === '') throw wrong('url names no user; expected sftp://user@host/folder')
    if (key === null && password === null) throw wrong('give a key_file or a password_file')
    return spec({ kind: 'sftp', host: url.hostname, port: Number(url.port || 22), user: decodeURIComponent(url.username), root: `/${path}`, key: key === null ? null : `${key}\n`, passphrase: secret(undefined, entry.passphrase_file, 'passphrase'), password })
  }
  if (url.protocol === 's3:' || url.protocol === 's3+http:') {
    only('S3', 'key_file', 'passphrase_file', 'password', 'password_file')
    const secret_key = secret(entry.secret_key, entry.secret_key_file, 'secret_key')
    const [bucket, ...prefix] = path.split('/')
    if (!bucket) throw wrong('url names no bucket; expected s3://host/bucket')
    if (entry.access_key_id === undefined || secret_key === null) throw wrong('give access_key_id and secret_key_file')
    return spec({ kind: 's3', endpoint: `${url.protocol === 's3:' ? 'https' : 'http'}://${url.host}`, bucket, prefix: prefix.length === 0 ? '' : `${prefix.join('/')}/`, region: entry.region ?? 'us-east-1', access_key_id: entry.access_key_id, secret_key })
  }
  throw wrong(`url is ${JSON.stringify(text)}; known are sftp://, s3:// and s3+http://`)
}

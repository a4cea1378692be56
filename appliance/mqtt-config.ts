/** `mqtt` of viewshed.yaml: a broker of the user's own, with its files read. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Type, type Static } from 'typebox'
import { Fault } from '../core/contract/fault.ts'
import type { OutsideSettings } from '../core/mqtt/outside.ts'

const Text = Type.Optional(Type.String({ minLength: 1 }))
const File = Type.Optional(Type.String({ minLength: 1, description: 'A file; from the configuration folder, unless it begins with /' }))
const LOGIN = { username: Text, password: Text, password_file: File }

export const MqttSection = Type.Object({
  url: Type.String({ description: 'mqtt://host:1883, mqtts://host:8883, ws:// or wss://' }),
  ...LOGIN,
  ca: File, cert: File, key: File, // PEM
  requests: Type.Optional(Type.Boolean({ description: 'Whether pause, retry and the like are taken from that broker; its own rules say from whom' })),
  devices: Type.Optional(Type.Object({ url: Text, ...LOGIN }, { additionalProperties: false, description: 'What devices that join are told, where it is something else' })),
}, { additionalProperties: false })
export type MqttSection = Static<typeof MqttSection>

/** @param folder of viewshed.yaml. Throws `config/invalid` with the field and what to do. */
export function readMqtt(section: MqttSection, folder: string): OutsideSettings {
  const { url, ca, cert, key, requests = true, devices = {} } = section
  const wrong = (field: string, why: string, cause?: unknown) => new Fault('config/invalid', `${resolve(folder, 'viewshed.yaml')}, mqtt.${field}: ${why}`, { cause })
  const file = (field: string, path: string | undefined) => {
    if (path === undefined) return null
    try {
      return readFileSync(resolve(folder, path), 'utf8')
    } catch (e) {
      throw wrong(field, `${resolve(folder, path)} cannot be read (${e instanceof Error && 'code' in e ? String(e.code) : String(e)})`, e)
    }
  }
  const login = (at: string, { username, password, password_file }: { username?: string; password?: string; password_file?: string }) => {
    if (password !== undefined && password_file !== undefined) throw wrong(`${at}password`, 'give the password or its file, not both')
    const secret = password ?? file(`${at}password_file`, password_file)?.replace(/\r?\n$/, '') ?? null
    if (secret !== null && username === undefined) throw wrong(`${at}username`, 'is missing; a password needs a user name')
    return { username: username ?? null, password: secret }
  }
  const address = (field: string, text: string) => {
    const at = /^(mqtts?|wss?):\/\//.test(text) && URL.canParse(text) ? new URL(text) : null
    if (at === null || at.hostname === '') throw wrong(field, `is ${JSON.stringify(text)}; expected an address such as mqtt://host:1883 or mqtts://host:8883`)
    if (at.username !== '' || at.password !== '') throw wrong(field, 'user name and password do not belong into the address; use username, and password_file')
    return at
  }

  const isSafe = /^(mqtts|wss):$/.test(address('url', url).protocol)
  if (devices.url !== undefined) address('devices.url', devices.url)
  if (!isSafe && (ca ?? cert ?? key) !== undefined) throw wrong('url', 'certificates are for mqtts:// or wss://')
  if ((cert === undefined) !== (key === undefined)) throw wrong(cert === undefined ? 'cert' : 'key', 'is missing; a certificate and its key go together')
  return { url, ...login('', section), ca: file('ca', ca), cert: file('cert', cert), key: file('key', key), requests, devices: { url: devices.url ?? null, ...login('devices.', devices) } }
}

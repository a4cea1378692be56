/** The flow file and the key beside it, as Node-RED finds them at its start. */
import { randomBytes } from 'node:crypto'
import { mkdir, readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Fault } from '../core/contract/fault.ts'
import { readOrNull, writeDurable } from '../core/store/durable.ts'
import type { FlowEntry } from './red.ts'

/** What was found, and under which name a broken file is kept, beside `flows.json`. */
export type FlowFile = { readonly found: 'there' | 'installed' } | { readonly found: 'restored' | 'broken'; readonly aside: string }

/**
 * Installs the shipped flow where there is none yet. A file that is no flow is kept as `flows.broken-<time>.json` and
 * replaced by what was deployed last, else by Node-RED's own backup of the deploy before (`restored`); without one,
 * nothing may run (`broken`): a flow that lost its nodes would call every outcome that waits for them gone.
 * @param deployed What was deployed last, if that is known; asked for only when the file is broken.
 */
export async function installFlow(userDir: string, shipped: readonly FlowEntry[], deployed: () => Promise<readonly FlowEntry[] | null>, now_ms: number): Promise<FlowFile> {
  await mkdir(userDir, { recursive: true, mode: 0o700 })
  const path = join(userDir, 'flows.json')
  const text = await readOrNull(path)
  if (text === null) {
    await writeDurable(path, `${JSON.stringify(shipped, null, 4)}\n`, 0o600)
    return { found: 'installed' }
  }
  if (readFlow(text)) return { found: 'there' }
  const aside = (await keptAs(userDir, text)) ?? `flows.broken-${now_ms}.json`
  await writeDurable(join(userDir, aside), text, 0o600)
  const flow = (await deployed()) ?? readFlow((await readOrNull(join(userDir, '.flows.json.backup'))) ?? '')
  if (flow === null) return { found: 'broken', aside }
  await writeDurable(path, `${JSON.stringify(flow, null, 4)}\n`, 0o600)
  return { found: 'restored', aside }
}

/** The name under which an earlier start kept the same. */
async function keptAs(userDir: string, text: string): Promise<string | null> {
  for (const name of await readdir(userDir)) if (/^flows\.broken-\d+\.json$/.test(name) && (await readOrNull(join(userDir, name))) === text) return name
  return null
}

/**
 * The key by which Node-RED encrypts what nodes keep secret; made once, readable by its owner alone.
 * One at `path` that is there goes on being used: what is encrypted with it would be lost.
 * @param outside A file elsewhere that has it instead, where a backup of `path` and `userDir` does not reach; null: none.
 * @param userDir Of Node-RED. Where it keeps secrets already, no other key is made for them.
 * Throws Fault `config/invalid`.
 */
export async function credentialKey(path: string, outside: string | null, userDir: string, warn: (text: string) => void): Promise<string> {
  const [inside, given] = await Promise.all([keyIn(path), outside === null ? null : keyIn(outside)])
  if (inside !== null && outside !== null && given !== inside) warn(`what nodes keep secret is encrypted with the key in ${path}: put its content into ${outside}, start again, and remove ${path}`)
  const known = inside ?? given
  if (known !== null) return known
  if (outside !== null) throw new Fault('config/invalid', `There is no key for what nodes keep secret in ${outside}: put 64 random hexadecimal digits there, for instance with openssl rand -hex 32.`)
  const secrets = join(userDir, 'flows_cred.json')
  if (((await readOrNull(secrets)) ?? '{}').includes('"$"')) throw new Fault('config/invalid', `${secrets} is encrypted with a key that is not there: put it back at ${path}, or remove that file and enter the passwords of the nodes again.`)
  const key = randomBytes(32).toString('hex')
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await writeDurable(path, `${key}\n`, 0o600)
  return key
}

const keyIn = async (path: string) => (await readOrNull(path))?.trim() || null

/** What the text of a flow file says; null: it is no flow. */
export function readFlow(text: string): readonly FlowEntry[] | null {
  try {
    const entries: unknown = JSON.parse(text)
    const isFlow = Array.isArray(entries) && entries.every((entry) => typeof entry === 'object' && entry !== null && typeof entry.id === 'string' && typeof entry.type === 'string')
    return isFlow ? (entries as FlowEntry[]) : null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

/** The flow file and the key beside it, as Node-RED finds them at its start. */
import { randomBytes } from 'node:crypto'
import { mkdir, readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
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

/** The key by which Node-RED encrypts what nodes keep secret; made once, readable by its owner alone. */
export async function credentialKey(path: string): Promise<string> {
  const known = await readOrNull(path)
  if (known !== null && known.trim() !== '') return known.trim()
  const key = randomBytes(32).toString('hex')
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await writeDurable(path, `${key}\n`, 0o600)
  return key
}

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

/** The flow file and the key beside it, as Node-RED finds them at its start. */
import { randomBytes } from 'node:crypto'
import { copyFile, mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { readOrNull, writeDurable } from '../core/store/durable.ts'
import type { FlowEntry } from './red.ts'

/** What was found: a broken file is kept aside, and what it said is not run until a person has looked. */
export type FlowFile = 'there' | 'installed' | 'restored' | 'broken'

/**
 * Installs the shipped flow where there is none yet. A file that is no flow is kept as `flows.broken-<time>.json` and
 * replaced by Node-RED's own backup of the deploy before (`restored`); without one, nothing may run (`broken`): a flow
 * that lost its nodes would call every outcome that waits for them gone.
 */
export async function installFlow(userDir: string, shipped: readonly FlowEntry[], now_ms: number): Promise<FlowFile> {
  await mkdir(userDir, { recursive: true, mode: 0o700 })
  const path = join(userDir, 'flows.json')
  const text = await readOrNull(path)
  if (text === null) {
    await writeDurable(path, `${JSON.stringify(shipped, null, 4)}\n`, 0o600)
    return 'installed'
  }
  if (readFlow(text)) return 'there'
  const aside = join(userDir, `flows.broken-${now_ms}.json`)
  await copyFile(path, aside)
  const backup = await readOrNull(join(userDir, '.flows.json.backup'))
  if (backup === null || !readFlow(backup)) return 'broken'
  await writeDurable(path, backup, 0o600)
  return 'restored'
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

/**
 * Devices that the appliance knows, and what people decided about them: one synced record each, with the audit's event in
 * the same batch. What devices say of themselves is not in here.
 */
import type { Home } from '../access/scope.ts'
import { Fault } from '../contract/fault.ts'
import { past, type Log } from '../store/log.ts'
import { Batch } from '../tasks/batch.ts'
import { noteEvent } from '../tasks/event-record.ts'
import { Lanes } from '../tasks/lanes.ts'
import type { Sequence } from '../tasks/sequence.ts'
import { SETTINGS, type Settings } from './settings.ts'

export interface DeviceRecord {
  readonly id: string
  readonly org: string
  readonly site: string
  readonly allowed: readonly string[] | null // stages; null: all that it can
  readonly settings: Settings
  readonly joined_ms: number
  /** Stands in its tokens. One that joins anew under the name of one that was revoked has another. Null: started by the appliance itself, which hands it a token that ends with it. */
  readonly generation: string | null
  readonly token_ends_ms: number | null // of the last one it was given
  /** SHA-256 of the secret that it joined with, until it first comes with a token: a crash in between must not cost it the answer. */
  readonly secret_digest: string | null
}

/** Whether a person lets it run the stage. */
export const isAllowed = ({ allowed }: DeviceRecord, stage: string): boolean => allowed === null || allowed.includes(stage)

export interface AuditEvent { readonly type: 'device.joined' | 'device.refused' | 'device.revoked' | 'device.steered' | 'device.set'; readonly payload: Record<string, unknown> }

export interface Records {
  get(id: string): DeviceRecord | null
  /** The one that has this name, however it is written. */
  named(name: string): DeviceRecord | null
  joinedWith(secret_digest: string): DeviceRecord | null
  all(): readonly DeviceRecord[]
  /** One that the appliance starts itself; in memory until somebody decides something about it. */
  own(id: string, home: Home): void
  /** Synced. Fault `input/invalid` when the name is taken. */
  add(record: DeviceRecord, event: AuditEvent): Promise<void>
  /** Synced; changes of one device go one after another. Fault `not-found`. @param event Null: nothing that a person did. */
  change(id: string, how: (record: DeviceRecord) => DeviceRecord, event: AuditEvent | null): Promise<DeviceRecord>
  /** Synced, and nobody's from the first moment on. Faults `not-found`, `access/denied` for one of the appliance's own. */
  remove(id: string, event: AuditEvent): Promise<DeviceRecord>
  /** It came with a token, so nobody asks for its first one again. */
  used(id: string): void
  /** Something about joining that leaves no record. */
  note(home: Home, event: AuditEvent): Promise<void>
}

const PREFIX = 'access!device!'

export async function openRecords({ log, sequence, clock }: { log: Log; sequence: Sequence; clock: () => number }): Promise<Records> {
  const rows = await log.range({ gte: PREFIX, lt: past(PREFIX) })
  const records = new Map(rows.map(([key, value]) => [key.slice(PREFIX.length), JSON.parse(value) as DeviceRecord]))
  const lanes = new Lanes()
  const forgetting = new Set<string>() // devices whose secret is just being dropped
  const named = (name: string) => [...records.values()].find(({ id }) => id.toLowerCase() === name.toLowerCase()) ?? null

  /** Null takes the record away. Memory changes first, so that no two see the former state; when the disk refuses, it is as it was. */
  async function write(id: string, next: DeviceRecord | null, home: Home, event: AuditEvent | null): Promise<void> {
    const former = records.get(id)
    const batch = new Batch()
    if (next === null) batch.del(PREFIX + id)
    else batch.put(PREFIX + id, next)
    if (event !== null) noteEvent(batch, sequence, home, event.type, clock(), event.payload)
    if (next === null) records.delete(id)
    else records.set(id, next)
    batch.undo(() => void (former === undefined ? records.delete(id) : records.set(id, former)))
    await batch.commit(log)
  }
  const found = (id: string): DeviceRecord => {
    const record = records.get(id)
    if (!record) throw new Fault('not-found', `There is no device ${id}. There are: ${[...records.keys()].join(', ') || 'none yet'}.`)
    return record
  }

  const change: Records['change'] = (id, how, event) => lanes.alone([id], async () => {
    const next = how(found(id))
    await write(id, next, next, event)
    return next
  })

  return {
    get: (id) => records.get(id) ?? null,
    named,
    joinedWith: (digest) => [...records.values()].find(({ secret_digest }) => secret_digest === digest) ?? null,
    all: () => [...records.values()],
    own(id, { org, site }) {
      const known = records.get(id)
      if (known && known.generation !== null) throw new Fault('config/invalid', `A device called ${id} joined; the appliance cannot start one of that name.`)
      if (!known) records.set(id, { id, org, site, allowed: null, settings: SETTINGS, joined_ms: clock(), generation: null, token_ends_ms: null, secret_digest: null })
    },
    async add(record, event) {
      const taken = named(record.id)
      if (taken) throw new Fault('input/invalid', `name: there is a device called ${taken.id} already. Accept this one under another name (viewshed devices accept CODE --name NAME), or revoke the other one first.`)
      await write(record.id, record, record, event)
    },
    change,
    remove: (id, event) => lanes.alone([id], async () => {
      const record = found(id)
      if (record.generation === null) throw new Fault('access/denied', `${id} is started by the appliance itself. Pause it to keep it from working.`)
      await write(id, null, record, event)
      return record
    }),
    used(id) {
      if (!records.get(id)?.secret_digest || forgetting.has(id)) return
      forgetting.add(id)
      change(id, (record) => ({ ...record, secret_digest: null }), null).catch((error: unknown) => {
        // No room, or revoked just now: it is tried again with its next word.
        if (!(error instanceof Fault)) throw error
      }).finally(() => forgetting.delete(id))
    },
    async note(home, event) {
      const batch = new Batch()
      noteEvent(batch, sequence, home, event.type, clock(), event.payload)
      await batch.commit(log)
    },
  }
}

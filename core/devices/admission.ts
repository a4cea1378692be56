/** Joining: a device knocks, a person decides, the device fetches its token. */
import { randomBytes } from 'node:crypto'
import type { Access } from '../access/access.ts'
import { limit } from '../access/limit.ts'
import type { Principal } from '../access/scope.ts'
import { Fault } from '../contract/fault.ts'
import type { Answer, Ask, JoiningView } from '../http/api.ts'
import { isDeviceName } from '../mqtt/topics.ts'
import { digestOf, openJoining, type Waiting } from './joining.ts'
import type { DeviceRecord, Records } from './records.ts'
import { SETTINGS } from './settings.ts'

export interface Admission {
  /** Fault `access/limited` when one address knocks too often or too many wait; `input/invalid` for a name that cannot be one. */
  join(ask: Ask<'join'>, address: string): Answer<'join'>
  /** Asked again, an accepted device gets a fresh token until it has come with one. Fault `access/limited` for guessing. */
  state(ask: Ask<'joinState'>, address: string): Promise<Answer<'joinState'>>
  /** Synced. Faults `not-found` and `access/limited` for wrong codes, `input/invalid` for a name that is taken. */
  accept(ask: Ask<'acceptDevice'>, by: Principal): Promise<DeviceRecord>
  refuse(ask: Ask<'refuseDevice'>, by: Principal): Promise<void>
  waiting(): readonly JoiningView[]
}

/** @param clock Epoch, ms. @param onChange Somebody came to the door, or left it. */
export function openAdmission({ records, access, clock, checkStages, onChange }: {
  readonly records: Records
  readonly access: Pick<Access, 'signDevice'>
  readonly clock: () => number
  /** Throws Fault `input/invalid` for a stage that is none. */
  readonly checkStages: (stages: readonly string[] | null) => void
  readonly onChange: () => void
}): Admission {
  const joining = openJoining(clock)
  const knocks = limit({ tries: 30, refill_ms: 10_000, clock })
  const secrets = limit({ tries: 60, refill_ms: 2_000, clock }) // unknown ones
  const codes = limit({ tries: 10, refill_ms: 30_000, clock }) // wrong ones

  function take(code: string, by: Principal): Waiting {
    if (!codes.take(by.id)) throw new Fault('access/limited', 'Too many wrong codes. Wait a minute, then look at the code that the device shows.')
    const waiting = joining.take(code)
    if (!waiting) throw new Fault('not-found', `No device waits with the code ${code}. A code is good for ten minutes; the device shows a new one when it is started again.`)
    codes.forgive(by.id)
    return waiting
  }
  /** Takes it for as long as `decide` needs; when that fails it goes on waiting. */
  async function decided<T>(code: string, by: Principal, decide: (waiting: Waiting) => Promise<T>): Promise<T> {
    const waiting = take(code, by)
    try {
      return await decide(waiting)
    } catch (error) {
      joining.back(waiting)
      throw error
    } finally {
      onChange()
    }
  }

  return {
    join(ask, address) {
      if (!isDeviceName(ask.name)) throw new Fault('input/invalid', `name: ${ask.name} is not a name that a device can have; choose another.`)
      if (!knocks.take(address)) throw new Fault('access/limited', 'This address asks to join too often. Wait a minute, then try again.')
      const answer = joining.knock(ask, address)
      onChange()
      return answer
    },

    async state({ secret }, address) {
      const digest = digestOf(secret)
      const record = records.joinedWith(digest)
      if (record) {
        const { token, ends_ms } = await access.signDevice(record)
        await records.change(record.id, (now) => ({ ...now, token_ends_ms: ends_ms }), null)
        return { state: 'accepted', device: record.id, token, org: record.org, site: record.site }
      }
      const state = joining.stateOf(digest)
      if (state === null && !secrets.take(address)) throw new Fault('access/limited', 'Too many secrets that nobody has. Wait a minute, then join again.')
      return { state: state ?? 'expired' }
    },

    accept({ code, name, stages = null }, by) {
      checkStages(stages)
      return decided(code, by, async (waiting) => {
        const id = name ?? waiting.name
        if (!isDeviceName(id)) throw new Fault('input/invalid', `name: ${id} is not a name that a device can have; choose another.`)
        const record: DeviceRecord = {
          id, org: by.scope.org, site: by.scope.site, allowed: stages, settings: SETTINGS, joined_ms: clock(),
          generation: randomBytes(12).toString('base64url'), token_ends_ms: null, secret_digest: waiting.secret_digest,
        }
        await records.add(record, { type: 'device.joined', payload: { device: id, by: by.name, address: waiting.address, host: waiting.capability.host, stages } })
        return record
      })
    },

    refuse: ({ code }, by) => decided(code, by, async (waiting) => {
      await records.note(by.scope, { type: 'device.refused', payload: { name: waiting.name, by: by.name, address: waiting.address } })
      joining.refuse(waiting)
    }),

    waiting: joining.list,
  }
}

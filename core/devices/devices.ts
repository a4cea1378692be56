/**
 * The devices as a whole: who they are, what they can do, whether they are there and may work. Listens to the broker, the
 * board's routes and the board; tells devices what people decided.
 */
import type { Access } from '../access/access.ts'
import type { Home, Principal, Scope } from '../access/scope.ts'
import { Fault } from '../contract/fault.ts'
import type { Needs } from '../contract/plugin.ts'
import type { Answer, Ask, DeviceDetail, DeviceView, HelloAnswer, JoiningView } from '../http/api.ts'
import type { DeviceWord } from '../mqtt/broker.ts'
import { unmet } from '../plugins/registry.ts'
import type { Log } from '../store/log.ts'
import type { OpenBoard } from '../tasks/board.ts'
import type { DeviceGate, TaskEnd } from '../tasks/gate.ts'
import { OWN } from '../tasks/port.ts'
import { openAdmission } from './admission.ts'
import type { Capability, Conditions } from './capability.ts'
import { ended, isSameQuarter, looked } from './history.ts'
import { openMemory } from './memory.ts'
import { LOOK_MS, watchPresence } from './presence.ts'
import { isAllowed, type DeviceRecord, type Records } from './records.ts'
import { rests } from './rests.ts'
import { heldTo } from './versions.ts'
import { viewsOf } from './views.ts'

/** What the broker does for devices. */
export interface Announcer {
  /** What a device is to hear, now and whenever it connects. */
  order(device: string, order: Order): void
  /** Puts it out, and takes back what it said of itself. */
  forget(device: string): void
  announce(scope: Home, kinds: readonly string[]): void
}

/** What a device hears at once when somebody decides something about it; the same as in its hello's answer. */
export type Order = Pick<HelloAnswer, 'settings' | 'allowed' | 'rests'>

export interface DevicesParts {
  readonly log: Log
  readonly records: Records
  readonly access: Pick<Access, 'signDevice'>
  readonly board: Pick<OpenBoard, 'gone' | 'letGo' | 'progress' | 'running' | 'counts'>
  /** Names of devices that hold a task, of all orgs and sites. */
  readonly holders: () => ReadonlySet<string>
  /** By name; null: there is no such stage. */
  readonly stage: (name: string) => { readonly needs?: Needs; readonly version: number } | null
  /** Where a device finds the broker, and the disks of its org. */
  readonly whereabouts: (device: DeviceRecord) => Pick<HelloAnswer, 'mqtt' | 'volumes' | 'far'>
  readonly warn: (error: unknown, message: string) => void
  readonly clock: () => number // UTC epoch, ms
  readonly monotonic: () => number // ms
  readonly tick?: boolean // false: only when `look` is called
}

export interface Devices {
  readonly gate: DeviceGate
  /** The broker, once it is there, and again when it has forgotten what it was told. */
  attach(broker: Announcer): void
  /** What the broker heard of a device. */
  word(device: string, word: DeviceWord): void
  ended(end: TaskEnd): void
  join(ask: Ask<'join'>, address: string): Answer<'join'>
  joinState(ask: Ask<'joinState'>, address: string): Promise<Answer<'joinState'>>
  accept(ask: Ask<'acceptDevice'>, by: Principal): Promise<Answer<'acceptDevice'>>
  refuse(ask: Ask<'refuseDevice'>, by: Principal): Promise<void>
  /** Synced, and at once: paused, it lets go of what it has. Fault `not-found`. */
  steer(ask: Ask<'steerDevice'>, by: Principal): Promise<void>
  set(ask: Ask<'setDevice'>, by: Principal): Promise<void>
  /** Synced, and at once: its token is nobody's, its connections end, its work is offered again. */
  revoke(id: string, by: Principal): Promise<void>
  hello(ask: Ask<'hello'>, who: Principal): HelloAnswer
  /** What it holds is offered again, and nothing is said against the work. */
  goodbye(who: Principal): Promise<void>
  renew(who: Principal): Promise<Answer<'renewToken'>>
  joining(): readonly JoiningView[]
  views(scope: Scope): Promise<readonly DeviceView[]>
  /** Fault `not-found`. */
  view(scope: Scope, id: string): Promise<DeviceDetail>
  /** Once a second: who is there, who may work. */
  look(): void
  close(): Promise<void>
}

const SAMPLE_EVERY = 5 // looks
const SAVE_EVERY = 60 // looks

export async function openDevices(parts: DevicesParts): Promise<Devices> {
  const { log, records, access, board, stage, warn, clock } = parts
  const memory = await openMemory(log)
  let broker: Announcer | null = null
  let looks = 0
  let sampled_ms = clock()

  const isOwn = (id: string) => records.get(id)?.generation === null
  const changed = (home: Home) => broker?.announce(home, ['devices'])
  const letGo = (id: string) => board.letGo(id).catch((error: unknown) => warn(error, `what ${id} held waits for its leases`))
  const restsNow = (record: DeviceRecord) => rests(record.settings, memory.of(record.id).conditions, new Date(clock()))

  const presence = watchPresence({
    clock: parts.monotonic, holders: parts.holders, exempt: isOwn,
    onChange(id) {
      const record = records.get(id)
      if (!record) return
      memory.of(id).unsaved = true
      changed(record)
    },
    onGone: (id) => void board.gone(id).catch((error: unknown) => warn(error, `what ${id} held waits for its leases`)),
  })
  const admission = openAdmission({
    records, access, clock, checkStages,
    onChange: () => {
      for (const home of homes()) changed(home)
    },
  })

  function heard(id: string): void {
    if (!records.get(id)) return
    memory.of(id).seen_ms = clock()
    presence.heard(id)
  }

  const held = (said: Capability) => heldTo(said, (name) => stage(name)?.version ?? null)

  function learn(record: DeviceRecord, said: Capability): void {
    const one = memory.of(record.id)
    const capability = held(said)
    // Free scratch space is another number each time; it is not worth a write.
    const isNew = one.capability === null || JSON.stringify({ ...one.capability, scratch_mib: 0 }) !== JSON.stringify({ ...capability, scratch_mib: 0 })
    if (isNew || !one.told) changed(record)
    one.unsaved ||= isNew
    one.capability = capability
    one.told = true
  }

  function feel(record: DeviceRecord, conditions: Conditions): void {
    memory.of(record.id).conditions = conditions
    tell(record)
  }

  /** Says what is new about it, to it and to the pages. */
  function tell(record: DeviceRecord): void {
    const one = memory.of(record.id)
    const order: Order = { settings: record.settings, allowed: record.allowed, rests: restsNow(record) }
    const text = JSON.stringify(order)
    if (broker === null || one.order === text) return
    one.order = text
    broker.order(record.id, order)
    changed(record)
  }

  function leave(id: string): Promise<void> {
    presence.left(id)
    return letGo(id)
  }

  function checkStages(stages: readonly string[] | null): void {
    const unknown = stages?.find((name) => stage(name) === null)
    if (unknown !== undefined) throw new Fault('input/invalid', `stages: there is no stage ${unknown}.`)
  }

  const canRun = (capability: Capability, name: string) => capability.stages.includes(name) && unmet(stage(name)?.needs, capability) === null
  const shown = (scope: Scope, of: readonly DeviceRecord[]) => viewsOf(of, {
    heard: memory.of, isHere: presence.isHere, running: board.running(scope), counts: () => board.counts(scope), canRun, rests: restsNow, now_ms: clock(),
  })
  const homes = (): readonly Home[] => [...new Map(records.all().map(({ org, site }) => [`${org}/${site}`, { org, site }])).values()]
  const within = (scope: Home) => records.all().filter(({ org, site }) => org === scope.org && site === scope.site)
  const known = (id: string): DeviceRecord => {
    const record = records.get(id)
    if (!record) throw new Fault('not-found', `The appliance knows no device ${id}; it must join first.`)
    return record
  }
  const visible = (id: string, by: Principal): DeviceRecord => {
    const record = records.get(id)
    if (!record || record.org !== by.scope.org || record.site !== by.scope.site) throw new Fault('not-found', `There is no device ${id}.`)
    return record
  }

  function look(): void {
    looks++
    presence.look()
    // Whoever was revoked while its claim was under way holds what nobody will bring.
    for (const id of parts.holders()) if (id !== OWN && !records.get(id)) void board.gone(id).catch((error: unknown) => warn(error, `what ${id} held waits for its leases`))
    if (looks % SAMPLE_EVERY === 0) sample()
    if (looks % SAVE_EVERY === 0) void memory.save().catch((error: unknown) => warn(error, 'what devices did is not saved yet; it is tried again'))
  }
  function sample(): void {
    const now_ms = clock()
    const holding = parts.holders()
    const turned = !isSameQuarter(sampled_ms, now_ms)
    sampled_ms = now_ms
    for (const record of records.all()) {
      const one = memory.of(record.id)
      const here = presence.isHere(record.id)
      one.history = looked(one.history, now_ms, { here, busy: holding.has(record.id) })
      one.unsaved ||= here && turned
      if (here) tell(record) // hours begin and end
    }
  }
  const ticking = parts.tick === false ? undefined : setInterval(look, LOOK_MS).unref()

  return {
    gate: {
      stagesFor(who, stages) {
        if (who.kind !== 'device') return stages
        const record = known(who.id)
        const { capability, told } = memory.of(who.id)
        if (capability === null || !told) throw new Fault('device/unheard', `${who.id} has not said what it can do since the appliance started: say hello, then go on.`)
        if (restsNow(record) !== null) return []
        return stages.filter((name) => isAllowed(record, name) && canRun(capability, name))
      },
      mayAnswer: (who, stage) => who.kind !== 'device' || isAllowed(known(who.id), stage),
      heard,
    },

    attach(announcer) {
      broker = announcer
      for (const record of records.all()) {
        memory.of(record.id).order = null
        tell(record)
      }
    },

    word(id, word) {
      const record = records.get(id)
      if (!record) return
      if (word.kind === 'lost') return presence.lost(id)
      if (word.kind === 'remembered') return presence.heard(id) // until it is silent for too long
      if (word.kind === 'said' && word.said.kind === 'availability' && !word.said.online) return void leave(id)
      memory.of(id).seen_ms = clock()
      presence.connected(id)
      if (word.kind === 'here') return
      const { said } = word
      if (said.kind === 'birth') learn(record, said.capability)
      else if (said.kind === 'state') feel(record, said.conditions)
      else if (said.kind === 'progress') board.progress(id, said.progress.task, said.progress.done, said.progress.what ?? undefined)
    },

    ended(end) {
      if (!records.get(end.device)) return
      const one = memory.of(end.device)
      one.history = ended(one.history, end)
      one.unsaved = true
    },

    join: (ask, address) => admission.join({ ...ask, capability: held(ask.capability) }, address),
    joinState: admission.state,
    async accept(ask, by) {
      const record = await admission.accept(ask, by)
      tell(record)
      changed(record)
      return { device: record.id }
    },
    refuse: admission.refuse,

    async steer({ id, mode }, by) {
      visible(id, by)
      const record = await records.change(id, (now) => ({ ...now, settings: { ...now.settings, mode } }), { type: 'device.steered', payload: { device: id, by: by.name, mode } })
      tell(record)
      if (mode === 'paused') await letGo(id)
    },
    async set({ id, stages, settings }, by) {
      visible(id, by)
      if (stages !== undefined) checkStages(stages)
      const record = await records.change(id, (now) => ({ ...now, ...(stages === undefined ? {} : { allowed: stages }), settings: { ...now.settings, ...settings } }), { type: 'device.set', payload: { device: id, by: by.name, stages, settings } })
      tell(record)
      if (record.settings.mode === 'paused') await letGo(id)
    },
    async revoke(id, by) {
      visible(id, by)
      const record = await records.remove(id, { type: 'device.revoked', payload: { device: id, by: by.name } })
      presence.forget(id)
      broker?.forget(id)
      changed(record)
      await Promise.all([board.gone(id), memory.forget(id)])
    },

    hello({ capability, conditions }, who) {
      const record = known(who.id)
      heard(who.id)
      learn(record, capability)
      feel(record, conditions)
      const { settings, allowed, org, site, token_ends_ms } = record
      return { device: record.id, org, site, allowed, settings, rests: restsNow(record), token_ends_ms, ...parts.whereabouts(record) }
    },
    async goodbye(who) {
      known(who.id)
      await leave(who.id)
    },
    async renew(who) {
      const record = known(who.id)
      if (record.generation === null) throw new Fault('access/denied', `${who.id} is started by the appliance itself; its token ends with it.`)
      heard(who.id)
      const { token, ends_ms } = await access.signDevice(record)
      await records.change(who.id, (now) => ({ ...now, token_ends_ms: ends_ms }), null)
      return { token, ends_ms }
    },

    joining: admission.waiting,
    async views(scope) {
      return (await shown(scope, within(scope))).map(({ recent: _, ...view }) => view)
    },
    async view(scope, id) {
      const record = within(scope).find((one) => one.id === id)
      if (!record) throw new Fault('not-found', `There is no device ${id}.`)
      return (await shown(scope, within(scope))).find((one) => one.id === id)!
    },

    look,
    async close() {
      clearInterval(ticking)
      await memory.save()
    },
  }
}

/** How cameras stood when they were last heard of: kept over a restart, for the page of a car that is away. Never worth a sync of its own. */
import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import type { Home } from '../access/scope.ts'
import { CameraClips, CameraStanding } from '../contract/camera.ts'
import { past, type Log, type LogOp } from '../store/log.ts'

const Saved = Type.Object({ plugin: Type.String(), device: Type.String(), standing: CameraStanding, clips: CameraClips })

export interface Heard extends Static<typeof Saved> {
  readonly home: Home
  readonly name: string
  readonly heard_ms: number | null // epoch; null: not since core started
}

export interface Memory {
  of(home: Home, name: string): Heard | null
  all(home: Home): readonly Heard[]
  hear(heard: Heard): void
  forget(heard: Heard): void
  /** One synced batch for all that changed; nothing when nothing did. */
  save(): Promise<void>
}

const PREFIX = 'camera!heard!'
const keyOf = ({ org, site }: Home, name: string) => `${PREFIX}${org}!${site}!${name}`

export async function openMemory(log: Log): Promise<Memory> {
  const all = new Map<string, Heard>()
  const unsaved = new Set<string>()
  for (const [key, value] of await log.range({ gte: PREFIX, lt: past(PREFIX) })) {
    const saved: unknown = JSON.parse(value)
    const [org, site, ...name] = key.slice(PREFIX.length).split('!')
    // Of another version of ours: the watcher says it anew.
    if (Value.Check(Saved, saved)) all.set(key, { ...saved, home: { org: org!, site: site! }, name: name.join('!'), heard_ms: null })
  }
  return {
    of: (home, name) => all.get(keyOf(home, name)) ?? null,
    all: ({ org, site }) => [...all.values()].filter(({ home }) => home.org === org && home.site === site),
    hear(heard) {
      const key = keyOf(heard.home, heard.name)
      all.set(key, heard)
      unsaved.add(key)
    },
    forget({ home, name }) {
      const key = keyOf(home, name)
      if (all.delete(key)) unsaved.add(key)
    },
    async save() {
      const keys = [...unsaved]
      if (keys.length === 0) return
      unsaved.clear()
      try {
        await log.commit(keys.map((key): LogOp => {
          const heard = all.get(key)
          if (!heard) return { type: 'del', key }
          const { plugin, device, standing, clips } = heard
          return { type: 'put', key, value: JSON.stringify({ plugin, device, standing: { ...standing, fetching: [] }, clips } satisfies Static<typeof Saved>) }
        }))
      } catch (error) {
        for (const key of keys) unsaved.add(key)
        throw error
      }
    },
  }
}

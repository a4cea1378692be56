/** Volumes that an agent reaches over the network by itself, as core knows them: which they are and which machines. */
import type { HelloAnswer } from '../core/http/api.ts'
import { openRemotes, type Remotes, type RemoteSpec } from '../core/store/volume/remotes.ts'

/** All that a child needs to write there. */
export interface FarOrder {
  readonly specs: readonly RemoteSpec[]
  readonly known: Readonly<Record<string, { readonly id: string | null; readonly host_key: string | null }>>
}

export function openFar({ specs, known }: FarOrder): Remotes {
  return openRemotes(specs, { id: (name) => known[name]?.id ?? undefined, hostKey: (name) => known[name]?.host_key ?? undefined, keep: null }, { look_ms: 0 })
}

const LOOK_EVERY_MS = 20_000

export function agentFar(specs: readonly RemoteSpec[]) {
  const known: Record<string, { id: string | null; host_key: string | null }> = {}
  let all: readonly string[] = [] // that core reaches over the network
  const far = openFar({ specs, known })
  const look = () => Promise.all(far.names.map((name) => far.look(name)))
  const looking = specs.length > 0 ? setInterval(() => void look(), LOOK_EVERY_MS).unref() : undefined
  return {
    order: (): FarOrder => ({ specs, known }),
    hear({ volumes, far: heard = [] }: Pick<HelloAnswer, 'volumes' | 'far'>): void {
      all = heard.map(({ name }) => name)
      let news = false
      for (const { name, host_key } of heard) {
        const id = volumes.find((volume) => volume.name === name)?.id ?? null
        news ||= known[name]?.id !== id || known[name]?.host_key !== host_key
        known[name] = { id, host_key }
      }
      if (news) void look()
    },
    /** Those of some volumes that cannot be written to from here now. @param mounts volumes that are folders here */
    away: (volumes: readonly string[], mounts: readonly string[]): string[] =>
      volumes.filter((name) => all.includes(name) && !mounts.includes(name) && !(far.has(name) && far.view(name).mounted)),
    look,
    close() {
      clearInterval(looking)
      far.close()
    },
  }
}

import { createHash } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { Fault } from '../../../core/contract/fault.ts'

type Emitted = { event: string; key: string; payload: Record<string, unknown> & { name: string } }

/** A core that remembers events, and a volume that is a folder. */
export class World {
  readonly emitted: Emitted[] = []
  readonly asked: [event: string, key: string][] = [] // whether they are known
  readonly written: string[] = []
  readonly changes = new EventEmitter()
  readonly stop = new AbortController()
  fault: ((path: string) => Fault | null) = () => null

  readonly volume: string
  constructor(volume: string) { this.volume = volume }

  ctx(inboxes: readonly { path: string; camera?: string; once?: boolean; poll?: boolean }[], stable_s: number, cards: readonly string[] = []) {
    return {
      config: { inboxes: [...inboxes], cards: [...cards], stable_s }, signal: this.stop.signal,
      media: {
        read: () => Promise.reject(new Error('a watcher reads nothing back')),
        receive: () => Promise.reject(new Error('a folder is copied')),
        write: async (volume: string, path: string, source: string) => {
          const fault = this.fault(source)
          if (fault) throw fault
          const bytes = await readFile(source)
          const sha256 = createHash('sha256').update(bytes).digest('hex')
          const there = await readFile(join(this.volume, path)).catch(() => null)
          if (there && !there.equals(bytes)) throw new Fault('media/conflict', `${path} holds other bytes`)
          await mkdir(dirname(join(this.volume, path)), { recursive: true })
          await writeFile(join(this.volume, path), bytes)
          this.written.push(path)
          return { volume, path, bytes: bytes.length, sha256 }
        },
      },
      cameras: () => Promise.resolve([]),
      warn: (error: unknown) => { throw error }, // nothing is to fail
      came: () => Promise.resolve(null),
      lock: () => Promise.resolve('later' as const),
      archived: () => Promise.resolve({ media: null, original: null, why: 'nothing is archived here' } as const),
      known: (event: string, key: string) => {
        this.asked.push([event, key])
        return Promise.resolve(this.emitted.some((e) => e.event === event && e.key === key))
      },
      emit: (event: string, key: string, payload: object) => {
        if (!this.emitted.some((e) => e.event === event && e.key === key)) this.emitted.push({ event, key, payload: payload as Emitted['payload'] })
        this.changes.emit('change')
        return Promise.resolve()
      },
    }
  }

  async until(done: () => boolean): Promise<void> {
    while (!done()) await once(this.changes, 'change', { signal: AbortSignal.timeout(15_000) })
  }

  get arrived() { return this.emitted.filter((e) => e.event === 'arrived').map((e) => e.payload) }
  get refused() { return this.emitted.filter((e) => e.event === 'refused').map((e) => [basename(e.payload.name), e.payload.code]) }
}

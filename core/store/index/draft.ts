import type { Level } from 'level'
import { after } from './keys.ts'

export type Db = Level<Buffer, Buffer>

/** One batch of the index in the making: reads see what it has put so far. */
export class Draft {
  readonly #db: Db
  readonly #pending = new Map<number, Map<string, Buffer | null>>() // by family; latin1 of the key; null: deleted

  constructor(db: Db) {
    this.#db = db
  }

  get(key: Buffer): Buffer | undefined {
    const pending = this.#pending.get(key[0]!)?.get(key.toString('latin1'))
    return pending === undefined ? this.#db.getSync(key) : (pending ?? undefined)
  }

  json<T>(key: Buffer): T | undefined {
    const bytes = this.get(key)
    return bytes && (JSON.parse(bytes.toString()) as T)
  }

  put(key: Buffer, value: Buffer): void {
    this.#set(key, value)
  }

  putJson(key: Buffer, value: unknown): void {
    this.put(key, Buffer.from(JSON.stringify(value)))
  }

  del(key: Buffer): void {
    this.#set(key, null)
  }

  /** All keys that start with `prefix`, in order. */
  async range(prefix: Buffer): Promise<[key: Buffer, value: Buffer][]> {
    const stored = await this.#db.iterator({ gte: prefix, lt: after(prefix) }).all()
    const text = prefix.toString('latin1')
    const mine = [...(this.#pending.get(prefix[0]!) ?? [])].filter(([k]) => k.startsWith(text))
    const found = new Map<string, Buffer | null>([...stored.map(([k, v]) => [k.toString('latin1'), v] as const), ...mine])
    return [...found].flatMap(([k, v]): [Buffer, Buffer][] => (v ? [[Buffer.from(k, 'latin1'), v]] : [])).sort(([a], [b]) => Buffer.compare(a, b))
  }

  async write(): Promise<void> {
    // Not synced: `!seq` is in the same batch, so what a power cut takes away is read from the catalogue again.
    await this.#db.batch([...this.#pending.values()].flatMap((family) => [...family].map(([k, value]) => {
      const key = Buffer.from(k, 'latin1')
      return value ? { type: 'put', key, value } as const : { type: 'del', key } as const
    })))
  }

  #set(key: Buffer, value: Buffer | null): void {
    const family = this.#pending.get(key[0]!) ?? new Map<string, Buffer | null>()
    this.#pending.set(key[0]!, family)
    family.set(key.toString('latin1'), value)
  }
}

/** So many entries are kept, none longer than this as JSON. */
const MOST = 1_024
const MOST_LENGTH = 4_096

/** What was written to the log lately, as it stands there: most of it is read soon after, once. Whatever is not here, the log says. */
export class Lately<T> {
  readonly #entries = new Map<string, T>() // in the order in which they were written

  get(key: string): T | undefined {
    return this.#entries.get(key)
  }

  /** @param length Of its text. */
  put(key: string, entry: T, length: number): void {
    this.#entries.delete(key)
    if (length > MOST_LENGTH) return
    if (this.#entries.size >= MOST) this.#entries.delete(this.#entries.keys().next().value!)
    this.#entries.set(key, entry)
  }

  forget(key: string): void {
    this.#entries.delete(key)
  }
}

/** Lets those who touch the same thing go one after another, and everybody else at once. */
export class Lanes {
  readonly #tails = new Map<string, Promise<void>>()

  /** Runs `act` when everybody who came earlier for any of `names` has ended. All lanes are entered in one turn, so nobody waits in a circle. */
  async alone<T>(names: readonly string[], act: () => Promise<T>): Promise<T> {
    const before = names.flatMap((name) => this.#tails.get(name) ?? [])
    const running = before.length === 0 ? act() : Promise.all(before).then(act)
    const ended = running.then(() => undefined, () => undefined) // the failure is the caller's, not of those who wait
    for (const name of names) this.#tails.set(name, ended)
    try {
      return await running
    } finally {
      for (const name of names) if (this.#tails.get(name) === ended) this.#tails.delete(name)
    }
  }
}

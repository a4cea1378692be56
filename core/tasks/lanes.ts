/** Lets those who touch the same thing go one after another, and everybody else at once. */
export class Lanes {
  readonly #last = new Map<string, Turn>()

  /** Runs `act` when everybody who came earlier for any of `names` has ended. All lanes are entered in one turn, so nobody waits in a circle. */
  async alone<T>(names: readonly string[], act: () => Promise<T>): Promise<T> {
    const own = new Turn()
    const before: Turn[] = []
    for (const name of names) {
      const last = this.#last.get(name)
      if (last !== undefined && last !== own) before.push(last) // a name may be said twice
      this.#last.set(name, own)
    }
    try {
      if (before.length > 0) await Promise.all(before.map((turn) => turn.ended()))
      return await act()
    } finally {
      for (const name of names) if (this.#last.get(name) === own) this.#last.delete(name)
      own.end()
    }
  }
}

/** Mostly nobody waits for its end, and then there is no promise of it. */
class Turn {
  #over: PromiseWithResolvers<void> | null = null

  ended(): Promise<void> {
    this.#over ??= Promise.withResolvers<void>()
    return this.#over.promise
  }

  end(): void {
    this.#over?.resolve()
  }
}

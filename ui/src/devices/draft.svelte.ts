/** Fields that a person edits: they follow the box until the first change, then stay until saved or undone. */
export class Draft<T extends object> {
  value = $state() as T
  #kept = $state('')
  #theirs = $state('')

  constructor(value: T) {
    this.value = structuredClone(value)
    this.#kept = this.#theirs = JSON.stringify(value)
  }

  get dirty(): boolean { return JSON.stringify(this.value) !== this.#kept }
  /** Somebody else changed it since these edits began. */
  get overtaken(): boolean { return this.dirty && this.#theirs !== this.#kept }

  /** What the box says now. */
  follow(value: T): void {
    const text = JSON.stringify(value)
    if (text === this.#theirs) return
    const untouched = !this.dirty
    this.#theirs = text
    if (untouched || JSON.stringify(this.value) === text) this.#take(text)
  }

  undo(): void { this.#take(this.#theirs) }
  /** The box took what stands here. */
  saved(): void { this.#theirs = this.#kept = JSON.stringify(this.value) }

  #take(text: string): void {
    this.value = JSON.parse(text) as T
    this.#kept = text
  }
}

/** The agent's side of the cameras: what its watchers say goes to core, what people decided comes back, in one exchange for each watcher. */
import { setTimeout as wait } from 'node:timers/promises'
import { EXCHANGE_MS } from '../core/cameras/cameras.ts'
import { NO_ORDER, type CameraDesk, type CameraOrder, type CameraWord } from '../core/contract/camera.ts'
import type { Answer, Ask } from '../core/http/api.ts'
import { openBell } from './bell.ts'

export type Exchange = (ask: Ask<'sayCameras'>) => Promise<Answer<'sayCameras'>>

/** Between two exchanges, however much is new. */
const LEAST_MS = 500

/** Of lists in one exchange, before the last one: the others come with the next. */
const MOST_CHARS = 50_000

export interface CameraLink {
  /** A watcher's cameras, by their names; a watcher that begins again names them anew. */
  desks(plugin: string, names: readonly string[]): readonly CameraDesk[]
  /** There may be new orders. */
  wake(): void
  /** Until the signal. Throws what `exchange` throws. */
  run(signal: AbortSignal): Promise<void>
}

interface Line {
  order: CameraOrder
  version: string
  word: (() => CameraWord) | null
  isNew: boolean
  clips: string // as they were said last
  readonly listeners: Set<() => void>
}

export function openCameraLink(exchange: Exchange): CameraLink {
  const watchers = new Map<string, Map<string, Line>>()
  const bell = openBell()
  let life = ''

  async function speak(plugin: string, lines: ReadonlyMap<string, Line>): Promise<void> {
    const said: (() => void)[] = []
    let chars = 0
    const words = [...lines].flatMap(([name, line]) => {
      if (!line.isNew || !line.word) return []
      if (chars > MOST_CHARS) {
        bell.ring()
        return []
      }
      line.isNew = false
      const { standing, clips } = line.word()
      const text = JSON.stringify(clips)
      const before = line.clips
      if (text !== before) chars += text.length
      said.push(() => { line.isNew = true; line.clips = before })
      line.clips = text
      return [{ name, standing, ...(text === before ? {} : { clips }) }]
    })
    try {
      const answer = await exchange({ plugin, names: [...lines.keys()], words, knows: Object.fromEntries([...lines].map(([name, { version }]) => [name, version])) })
      for (const { name, version, order } of answer.orders) {
        const line = lines.get(name)
        if (!line) continue
        Object.assign(line, { order, version })
        for (const listener of [...line.listeners]) listener()
      }
      if (answer.life === life) return
      // Core was started again: it is told everything.
      const isFirst = life === ''
      life = answer.life
      if (!isFirst) for (const all of watchers.values()) for (const line of all.values()) Object.assign(line, { isNew: true, clips: '' })
      bell.ring()
    } catch (e) {
      for (const takeBack of said) takeBack()
      throw e
    }
  }

  return {
    desks(plugin, names) {
      const before = watchers.get(plugin)
      const lines = new Map(names.map((name): [string, Line] => {
        const line = before?.get(name)
        line?.listeners.clear()
        return [name, line ?? { order: NO_ORDER, version: '', word: null, isNew: false, clips: '', listeners: new Set() }]
      }))
      watchers.set(plugin, lines)
      bell.ring()
      return names.map((name) => deskOf(lines.get(name)!, bell.ring))
    },
    wake: bell.ring,
    async run(signal) {
      while (!signal.aborted) {
        for (const [plugin, lines] of watchers) await speak(plugin, lines)
        await wait(LEAST_MS, undefined, { signal })
        await bell.wait(EXCHANGE_MS, signal)
      }
    },
  }
}

const deskOf = (line: Line, ring: () => void): CameraDesk => ({
  get order() { return line.order },
  onOrder(listener) {
    line.listeners.add(listener)
    return () => void line.listeners.delete(listener)
  },
  says(word) {
    line.word = word
    line.isNew = true
    ring()
  },
})

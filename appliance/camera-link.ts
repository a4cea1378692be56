/** The agent's side of the cameras: what its watchers say goes to core, what people decided comes back, in one exchange for each watcher. */
import { setTimeout as wait } from 'node:timers/promises'
import { EXCHANGE_MS } from '../core/cameras/cameras.ts'
import { NO_ORDER, type CameraDesk, type CameraOrder, type CameraWord } from '../core/contract/camera.ts'
import { Fault } from '../core/contract/fault.ts'
import type { Answer, Ask } from '../core/http/api.ts'
import { openBell } from './bell.ts'

export type Exchange = (ask: Ask<'sayCameras'>) => Promise<Answer<'sayCameras'>>

/** Between two exchanges, however much is new. */
const LEAST_MS = 500

/** Of lists in one exchange, before the last one: the others come with the next. */
const MOST_CHARS = 50_000

export interface CameraLink {
  /** A watcher's cameras, by their names, once it is known what people decided about them; a watcher that begins again names them anew. Throws what core refuses. */
  desks(plugin: string, names: readonly string[]): Promise<readonly CameraDesk[]>
  /** There may be new orders. */
  wake(): void
  /** Until the signal. */
  run(signal: AbortSignal): Promise<void>
}

interface Watcher { readonly lines: ReadonlyMap<string, Line>; readonly heard: PromiseWithResolvers<void> }

interface Line {
  order: CameraOrder
  version: string
  word: (() => CameraWord) | null
  isNew: boolean
  clips: string // as they were said last
  readonly listeners: Set<() => void>
}

export function openCameraLink(exchange: Exchange): CameraLink {
  const watchers = new Map<string, Watcher>()
  const bell = openBell()
  let life = ''

  async function speak(plugin: string, { lines, heard }: Watcher): Promise<void> {
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
      heard.resolve()
      if (answer.life === life) return
      // Core was started again: it is told everything.
      const isFirst = life === ''
      life = answer.life
      if (!isFirst) for (const watcher of watchers.values()) for (const line of watcher.lines.values()) Object.assign(line, { isNew: true, clips: '' })
      bell.ring()
    } catch (e) {
      for (const takeBack of said) takeBack()
      if (!(e instanceof Fault)) throw e
      heard.reject(e) // of one that was heard before: it is said again with the next exchange
    }
  }

  return {
    async desks(plugin, names) {
      const before = watchers.get(plugin)?.lines
      const lines = new Map(names.map((name): [string, Line] => {
        const line = before?.get(name)
        line?.listeners.clear()
        return [name, line ?? { order: NO_ORDER, version: '', word: null, isNew: false, clips: '', listeners: new Set() }]
      }))
      const heard = Promise.withResolvers<void>()
      watchers.set(plugin, { lines, heard })
      bell.ring()
      await heard.promise
      return names.map((name) => deskOf(lines.get(name)!, bell.ring))
    },
    wake: bell.ring,
    async run(signal) {
      while (!signal.aborted) {
        for (const [plugin, watcher] of watchers) await speak(plugin, watcher)
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

/** The last that Node-RED said, over its restarts: what it said before it ended is what somebody wants to read. */

export interface Said { readonly at_ms: number; readonly level: 'info' | 'warn' | 'error'; readonly text: string } // UTC epoch

export type Logger = Readonly<Record<Said['level'], (text: string) => void>>

const MOST_LINES = 500
const MOST_CHARACTERS = 4_000 // of one line: a flow may print a recording

/** @param logger Is told all of it as well. */
export function remember(logger: Logger, clock: () => number): Logger & { lines(): readonly Said[] } {
  const lines: Said[] = []
  const at = (level: Said['level']) => (text: string) => {
    lines.push({ at_ms: clock(), level, text: text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)} … (${text.length} characters)` : text })
    if (lines.length > MOST_LINES) lines.shift()
    logger[level](text)
  }
  return { info: at('info'), warn: at('warn'), error: at('error'), lines: () => [...lines] }
}

import { spawnSync } from 'node:child_process'

/** Runs a tool of the system to its end and gives what it said. Throws with its own words when it fails. */
export function tool(command: string, ...args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`)
  return stdout
}

/** Null: it works here. Otherwise why not. */
export function whyNot(attempt: () => void): string | null {
  try {
    attempt()
    return null
  } catch (e) {
    if (e instanceof Error) return e.message
    throw e
  }
}

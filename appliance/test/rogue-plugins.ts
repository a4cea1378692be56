/** Stages that misbehave, for the tests of what contains them. */
import { Type } from 'typebox'
import { plugin, stage, type AnyPlugin } from '../../core/contract/plugin.ts'

const rogue = (run: (input: { text: string }, ctx: { scratch: string; signal: AbortSignal }) => Promise<{ text: string }>) =>
  stage({
    title: 'Rogue', help: 'Misbehaves.', version: 1, lease_s: 10,
    input: Type.Object({ text: Type.String() }), output: Type.Object({ text: Type.String() }),
    load: async () => ({ run }),
  })

const kept: unknown[] = []

const plugins: readonly AnyPlugin[] = [plugin({
  name: 'rogue', title: 'Rogue', config: Type.Object({}),
  stages: {
    echo: rogue(async ({ text }) => ({ text: `${text} by ${process.pid}` })),
    heap: rogue(async () => { for (;;) kept.push(Array.from({ length: 1e5 }, (_, i) => ({ i }))) }),
    native: rogue(async () => { for (;;) { kept.push(Buffer.alloc(64 << 20, 1)); await new Promise((next) => setTimeout(next, 20)) } }),
    abort: rogue(async () => process.abort()),
    throws: rogue(async () => { throw new TypeError('no such thing') }),
    wrong: rogue(async () => ({ wrong: true }) as never),
    deaf: rogue(async () => { for (;;); }),
    family: rogue(async (_, { scratch }) => {
      const { spawn } = await import('node:child_process')
      const { writeFileSync } = await import('node:fs')
      const sleeper = spawn('sleep', ['1000'])
      writeFileSync(`${scratch}/pid`, String(sleeper.pid))
      return new Promise(() => undefined)
    }),
  },
})]
export default plugins

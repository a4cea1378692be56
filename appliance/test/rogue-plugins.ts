/** Stages that misbehave, for the tests of what contains them. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { symlink, writeFile } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
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
    limits: rogue(async () => ({ text: readFileSync('/proc/self/limits', 'latin1') })),
    echo: rogue(async ({ text }) => ({ text: `${text} by ${process.pid}` })),
    heap: rogue(async () => { for (;;) kept.push(Array.from({ length: 1e5 }, (_, i) => ({ i }))) }),
    native: rogue(async () => { for (;;) { kept.push(Buffer.alloc(64 << 20, 1)); await new Promise((next) => setTimeout(next, 20)) } }),
    buffers: rogue(async () => { for (;;) kept.push(Buffer.alloc(16 << 20, 1)) }),
    abort: rogue(async () => process.abort()),
    segv: rogue(async () => { process.kill(process.pid, 'SIGSEGV'); return new Promise(() => undefined) }),
    exit: rogue(async () => process.exit(0)),
    flood: rogue(async () => ({ text: 'x'.repeat(8 << 20) })),
    /** Doubles eleven times and then sleeps: far beyond what a stage may have, and yet an end where nothing stops it. */
    forks: rogue(async () => { spawn('sh', ['-c', 'b() { [ $1 -gt 0 ] || exec sleep 20; b $(($1-1)) & b $(($1-1)) & wait; }; b 11'], { stdio: 'ignore' }); return new Promise(() => undefined) }),
    scatter: rogue(async () => { spawn('sh', ['-c', 'i=0; while [ $i -lt 600 ]; do setsid sleep 60 & i=$((i+1)); done; wait'], { stdio: 'ignore' }); return new Promise(() => undefined) }),
    daemon: rogue(async () => { spawn('setsid', ['sleep', '1000'], { stdio: 'ignore' }).unref(); await wait(200); return process.abort() }),
    silent: rogue(async (_, { signal }) => new Promise((_done, fail) => { signal.addEventListener('abort', () => fail(signal.reason as Error)) })),
    /** `text` names the place. */
    outside: rogue(async ({ text }) => { await writeFile(text, 'x'); return { text } }),
    outsideInScratch: rogue(async ({ text }, { scratch }) => { await writeFile(`${scratch}/${text}`, 'x'); return { text } }),
    link: rogue(async ({ text }, { scratch }) => { await symlink(text, `${scratch}/way-out`); await writeFile(`${scratch}/way-out/x`, 'x'); return { text } }),
    viaNode: rogue(async ({ text }) => {
      const tool = spawn(process.execPath, ['-e', 'require("fs").writeFileSync(process.argv[1], "x")', text], { stdio: 'ignore' })
      const [code] = (await once(tool, 'exit')) as [number]
      return { text: String(code) }
    }),
    throws: rogue(async () => { throw new TypeError('no such thing') }),
    wrong: rogue(async () => ({ wrong: true }) as never),
    deaf: rogue(async () => { for (;;); }),
    family: rogue(async (_, { scratch }) => {
      const sleeper = spawn('sleep', ['1000'])
      writeFileSync(`${scratch}/pid`, String(sleeper.pid))
      return new Promise(() => undefined)
    }),
  },
})]
export default plugins

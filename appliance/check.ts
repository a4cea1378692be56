/** `npm test`: types, lint with the import rule, the UI's types, then every test. Stops at nothing, fails at the end. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const BIN = join(ROOT, 'node_modules', '.bin')

const steps: readonly (readonly [name: string, command: string, args: readonly string[]])[] = [
  ['types', 'tsc', ['-p', '.']],
  ['lint', 'eslint', ['.']],
  ['types of the UI', 'svelte-check', ['--tsconfig', 'ui/tsconfig.json', '--fail-on-warnings', '--output', 'machine']],
]

const filters = process.argv.slice(2)
let failed = 0
if (filters.length === 0)
  for (const [name, command, args] of steps) {
    const started_ms = Date.now()
    const code = await run(command, args)
    if (code !== 0) failed++
    process.stdout.write(`${code === 0 ? '✓' : '✗'} ${name} (${((Date.now() - started_ms) / 1000).toFixed(1)} s)\n`)
  }

const out = await mkdtemp(join(tmpdir(), 'viewshed-check-'))
const code = await run('vitest', ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${join(out, 'tests.json')}`, ...filters])
const tests = JSON.parse(await readFile(join(out, 'tests.json'), 'utf8')) as { numPassedTests: number; numFailedTests: number; numPendingTests: number }
await rm(out, { recursive: true })
const bad = tests.numFailedTests + failed + (code !== 0 && tests.numFailedTests === 0 ? 1 : 0)
process.stdout.write(`${tests.numPassedTests} passed, ${bad} failed, ${tests.numPendingTests} skipped\n`)
process.exit(bad === 0 ? 0 : 1)

async function run(command: string, args: readonly string[]): Promise<number> {
  const child = spawn(join(BIN, command), args, { cwd: ROOT, stdio: 'inherit', env: { ...process.env, PATH: `${BIN}${delimiter}${process.env.PATH}` } })
  const [exit] = (await once(child, 'exit')) as [number | null]
  return exit ?? 1
}

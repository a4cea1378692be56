import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { StageContext } from '../../core/contract/plugin.ts'
import type { CommandConfig, CommandInput, CommandOptions } from './plugin.ts'
import { run } from './run.ts'

let folder = ''
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'viewshed-command-')) })
afterEach(() => rm(folder, { recursive: true, force: true }))

const MEDIA = { volume: 'media', path: 'raw/a.mp4', bytes: 3, sha256: 'a'.repeat(64) }
const written: [string, string][] = []

/** Runs `text` as the user's script. */
async function script(text: string, options: Partial<CommandOptions> = {}, input: CommandInput = {}, signal = new AbortController().signal) {
  written.length = 0
  const scratch = join(folder, 'scratch')
  await rm(scratch, { recursive: true, force: true })
  await mkdir(scratch)
  await writeFile(join(folder, 'mine.sh'), `#!/bin/sh\n${text}\n`)
  await chmod(join(folder, 'mine.sh'), 0o755)
  await writeFile(join(folder, 'clip'), 'abc')
  return run(input, {
    config: { scripts: folder }, options: { script: 'mine.sh', args: [], most_s: 20, memory_mib: 1024, ...options }, scratch, signal, progress: () => undefined, attempt: 1,
    media: {
      read: async () => join(folder, 'clip'), reread: async () => { throw new Error('never') },
      write: async (volume: string, path: string, local: string) => {
        written.push([path, (await stat(local)).size > 1_000 ? '(large)' : await readFile(local, 'utf8')])
        return { ...MEDIA, volume, path }
      },
    },
  } as StageContext<CommandConfig, CommandOptions>)
}

test('the recording comes at $MEDIA, the message on standard input, arguments as they stand; JSON goes on, files in $OUT are kept under the recording', async () => {
  const { result, made } = await script('cat > "$OUT/in.json"; cp "$MEDIA" "$OUT/copy"; printf \'{"args":"%s"}\' "$1"', { args: ['a "b"; c'.replaceAll('"', '')] }, { sha256: MEDIA.sha256, media: MEDIA, camera: 'Van' })
  expect(result).toEqual({ args: 'a b; c' })
  expect(written.map(([path, text]) => [basename(path).replace(/^[0-9a-f]{8}-/, ''), text])).toEqual([['copy', 'abc'], ['in.json', JSON.stringify({ sha256: MEDIA.sha256, media: MEDIA, camera: 'Van' })]])
  expect(made.every(({ path }) => path.startsWith(`derived/aa/${MEDIA.sha256}/mine.sh/`))).toBe(true)
})

test('what is no JSON is text; nothing is nothing', async () => {
  expect((await script('echo hello')).result).toEqual({ said: 'hello' })
  expect((await script('true')).result).toEqual({})
})

test('another end than 0, too late, too much: a fault that says so', async () => {
  await expect(script('echo first >&2; echo "no disk" >&2; exit 3')).rejects.toMatchObject({ code: 'command/failed', message: 'mine.sh ended with 3. first · no disk' })
  await expect(script('sleep 60 & sleep 60', { most_s: 1 })).rejects.toMatchObject({ code: 'command/failed', message: expect.stringContaining('was not done after 1 s') })
  await expect(script('yes')).rejects.toMatchObject({ code: 'command/failed', message: expect.stringContaining('printed more than') })
  await expect(script('tail /dev/zero', { memory_mib: 32 })).rejects.toMatchObject({ code: 'command/failed' })
  await expect(script('', { script: 'other.sh' })).rejects.toMatchObject({ code: 'tool/missing' })
})

test('a file of more than fits into memory is kept', { timeout: 60_000 }, async () => {
  await script('truncate -s 2200M "$OUT/large"')
  expect(written.map(([path, text]) => [basename(path).replace(/^[0-9a-f]{8}-/, ''), text])).toEqual([['large', '(large)']])
})

test.each([['a folder', 'mkdir "$OUT/frames"', 'left frames in $OUT, which is a folder'], ['a link', 'ln -s /etc/passwd "$OUT/frames"', 'left frames in $OUT, which is no plain file']])('%s in $OUT is refused with a sentence, and the script is not run again for it', async (_, text, sentence) => {
  await expect(script(text)).rejects.toMatchObject({ code: 'output/invalid', message: expect.stringContaining(sentence) })
  expect(written).toEqual([])
})

test.runIf(process.platform === 'linux')("the script's own limit counts, not the cap of the process that runs it", async () => {
  const capped = (data: string) => promisify(execFile)('prlimit', ['--pid', String(process.pid), `--data=${data}`])
  await capped(`${64 * 2 ** 30}:`)
  try {
    expect((await script('echo "$(ulimit -S -d) $(ulimit -v)"', { memory_mib: 2048 })).result).toEqual({ said: `unlimited ${2 * 2 ** 20}` })
  } finally {
    await capped('unlimited:')
  }
})

test('given up, it ends with all that it started', async () => {
  const stop = new AbortController()
  setTimeout(() => stop.abort(new Error('given up')), 300)
  await expect(script(`sh -c 'sleep 1; touch ${folder}/late' & sleep 60`, {}, {}, stop.signal)).rejects.toThrow('given up')
  await new Promise((resolve) => setTimeout(resolve, 1_200))
  await expect(readFile(join(folder, 'late'))).rejects.toMatchObject({ code: 'ENOENT' })
})

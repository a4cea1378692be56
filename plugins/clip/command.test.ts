import { expect, test } from 'vitest'
import { Fault } from '../../core/contract/fault.ts'
import { command, lastWord } from './command.ts'

const never = new AbortController().signal

test('a tool is heard to its end', async () => {
  const ended = await command(process.execPath, ['-e', 'console.log(1); console.error("warned"); process.exit(3)'], { limit_ms: 10_000, signal: never })
  expect([ended.code, ended.stdout.toString(), ended.stderr]).toEqual([3, '1\n', 'warned\n'])
})
test('one that hangs is killed at the limit, which is no word about its input', async () => {
  await expect(command(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { limit_ms: 200, signal: never })).rejects.toMatchObject({ name: 'Fault', code: 'tool/failed' })
})
test('one that is given up is killed, and the reason comes back', async () => {
  const stop = new AbortController()
  const running = command(process.execPath, ['-e', 'console.error("ready"); setInterval(() => {}, 1000)'], { limit_ms: 10_000, signal: stop.signal, onStderr: () => stop.abort(new Error('lease lost')) })
  await expect(running).rejects.toThrow('lease lost')
  await expect(command(process.execPath, [], { limit_ms: 1, signal: stop.signal })).rejects.toThrow('lease lost')
})
test('one that is not installed is named', async () => {
  const failed = await command('no-such-tool', [], { limit_ms: 1000, signal: never }).catch((cause: unknown) => cause)
  expect(failed).toBeInstanceOf(Fault)
  expect((failed as Fault).code).toBe('tool/missing')
})
test.each([
  ['somebody else ended', 'process.kill(process.pid, "SIGKILL")', 'stage/killed'],
  ['had no room to write', 'console.error("frame.jpg: No space left on device"); process.exit(1)', 'media/full'],
])('one that %s has said nothing of its input', async (_, script, code) => {
  await expect(command(process.execPath, ['-e', script], { limit_ms: 10_000, signal: never })).rejects.toMatchObject({ name: 'Fault', code })
})
test('one that crashed on its input is for the caller to judge', async () => {
  expect(await command(process.execPath, ['-e', 'process.kill(process.pid, "SIGSEGV")'], { limit_ms: 10_000, signal: never })).toMatchObject({ code: null })
})
test('of what ffmpeg says, the last line counts', () => {
  expect(lastWord('[mov @ 0x55] moov atom not found\n[in#0] Invalid data found\n')).toBe('Invalid data found')
  expect(lastWord('')).toBe('')
})

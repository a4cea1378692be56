import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { shiftedClock, whyNoClock } from './clock.ts'

const DAY_S = 86_400
const why = whyNoClock()

describe.skipIf(why !== null)(`another clock${why === null ? '' : ` (not here: ${why})`}`, () => {
  test.each([['ahead', 3 * DAY_S], ['behind', -2 * DAY_S]])('is %s for a process and for what it starts; time passes as always and files keep their dates', (_, offset_s) => {
    const folder = mkdtempSync(join(tmpdir(), 'viewshed-clock-'))
    const { stdout } = spawnSync(process.execPath, ['-e', SCRIPT, join(folder, 'file')], { encoding: 'utf8', env: { ...process.env, ...shiftedClock(offset_s) } })
    rmSync(folder, { recursive: true })
    const { now_ms, passed_ms, counted_ms, file_ms, below_s } = JSON.parse(stdout) as Record<string, number>
    const off_s = (at_ms: number) => Math.round((at_ms - Date.now()) / 1000 / 60) * 60 + 0 // to the minute: this machine may be busy
    expect({ own: off_s(now_ms!), below: off_s(below_s! * 1000), file: off_s(file_ms!) }).toEqual({ own: offset_s, below: offset_s, file: 0 })
    expect(Math.abs(passed_ms! - counted_ms!)).toBeLessThan(50)
    expect(counted_ms).toBeGreaterThanOrEqual(300)
  })
})

const SCRIPT = `
const fs = require('node:fs')
const [now_ms, at] = [Date.now(), performance.now()]
fs.writeFileSync(process.argv[1], '')
setTimeout(() => console.log(JSON.stringify({
  now_ms, passed_ms: Date.now() - now_ms, counted_ms: performance.now() - at, file_ms: fs.statSync(process.argv[1]).mtimeMs,
  below_s: Number(require('node:child_process').execFileSync('date', ['+%s'])),
})), 300)`

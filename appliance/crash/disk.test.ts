import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openDisk, sweepDisks, whyNoDisk } from './disk.ts'
import { tool } from './tool.ts'

const why = whyNoDisk()

describe.skipIf(why !== null)(`a small disk${why === null ? '' : ` (not here: ${why})`}`, () => {
  let folder: string
  beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'viewshed-disk-')) })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  test('takes nothing more when it was filled, and all when it was freed; closed, nothing of it is left', () => {
    const disk = openDisk(join(folder, 'disk'), 4)
    const write = () => writeFileSync(join(disk.folder, 'file'), 'a recording')
    write()
    disk.fill()
    expect(() => writeFileSync(join(disk.folder, 'other'), Buffer.alloc(100_000))).toThrow('ENOSPC')
    expect(readFileSync(join(disk.folder, 'file'), 'utf8')).toBe('a recording')
    disk.free()
    writeFileSync(join(disk.folder, 'other'), Buffer.alloc(100_000))
    disk.close()
    expect(existsSync(join(disk.folder, 'file'))).toBe(false)
    expect(readFileSync('/proc/mounts', 'utf8')).not.toContain(disk.folder)
  })

  test('what a killed run left mounted is swept', () => {
    tool('mount', '-t', 'tmpfs', '-o', 'size=1m', `viewshed-crash-${spawnSync('true').pid}`, folder)
    sweepDisks()
    expect(readFileSync('/proc/mounts', 'utf8')).not.toContain(folder)
  })
})

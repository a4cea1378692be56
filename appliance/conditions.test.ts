import { mkdtemp, rm, statfs, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Value } from 'typebox/value'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Conditions } from '../core/devices/capability.ts'
import { rests } from '../core/devices/rests.ts'
import { SETTINGS } from '../core/devices/settings.ts'
import { differs, othersAmong, readConditions, watchConditions, type Look, type Ours } from './conditions.ts'
import { openDisk, whyNoDisk } from './crash/disk.ts'
import { plant, tools } from './test/tree.ts'

const NO_DISK = whyNoDisk()

const NOTHING_RUNS: Ours = { busy: () => false, has: () => false }
const ours = (...pids: number[]): Ours => ({ busy: () => true, has: (pid) => pids.includes(pid) })

let dir: string
let look: Look
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'conditions-'))
  look = { here: { platform: 'linux', sys: join(dir, 'sys'), proc: join(dir, 'proc'), dev: join(dir, 'dev'), patience_ms: 10_000 }, nvidia: false, cores: 4, scratch: join(dir, 'nowhere'), ours: NOTHING_RUNS }
  await plant(look.here.proc, { loadavg: '3.00 0.63 0.58 1/512 12345\n' })
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(dir, { recursive: true, force: true })
})

test('a machine that tells nothing is known by its load alone', async () => {
  const found = await readConditions(look)
  expect(found).toEqual({ gpu_busy_percent: null, temperature_c: null, on_battery: false, battery_percent: null, scratch_free_mib: null, load: 0.75 })
  expect(Value.Check(Conditions, found)).toBe(true)
})

/** Recorded of a ThinkPad on its battery. */
const LAPTOP = {
  'class/power_supply/AC/type': 'Mains\n', 'class/power_supply/AC/online': '0\n',
  'class/power_supply/BAT0/type': 'Battery\n', 'class/power_supply/BAT0/status': 'Discharging\n', 'class/power_supply/BAT0/capacity': '71\n',
  'class/power_supply/hid-34:88:5d:9d:00:11-battery/type': 'Battery\n', 'class/power_supply/hid-34:88:5d:9d:00:11-battery/scope': 'Device\n', 'class/power_supply/hid-34:88:5d:9d:00:11-battery/capacity': '5\n',
  'class/thermal/thermal_zone0/type': 'acpitz\n', 'class/thermal/thermal_zone0/temp': '97000\n',
  'class/thermal/thermal_zone1/type': 'x86_pkg_temp\n', 'class/thermal/thermal_zone1/temp': '58000\n',
  'class/thermal/thermal_zone2/type': 'iwlwifi_1\n', 'class/thermal/thermal_zone2/temp': '99000\n',
  'class/thermal/cooling_device0/type': 'Processor\n',
  'class/hwmon/hwmon3/name': 'nvme\n', 'class/hwmon/hwmon3/temp1_input': '84850\n',
  'class/hwmon/hwmon5/name': 'coretemp\n', 'class/hwmon/hwmon5/temp1_input': '61000\n', 'class/hwmon/hwmon5/temp1_crit': '100000\n', 'class/hwmon/hwmon5/temp2_input': '-128000\n',
}

test('the hottest of CPU and GPU counts, the battery is the machine\'s own, and a plug decides whether it runs on it', async () => {
  await plant(look.here.sys, LAPTOP)
  expect(await readConditions(look)).toMatchObject({ temperature_c: 61, on_battery: true, battery_percent: 71 })
  await writeFile(join(look.here.sys, 'class/power_supply/AC/online'), '1\n')
  expect(await readConditions(look)).toMatchObject({ on_battery: false, battery_percent: 71 })
})

test('a small board without a plug to look at says by its battery whether it runs on it', async () => {
  await plant(look.here.sys, {
    'class/power_supply/axp20x-battery/type': 'Battery\n', 'class/power_supply/axp20x-battery/status': 'Discharging\n', 'class/power_supply/axp20x-battery/capacity': 'garbage\n',
    'class/thermal/thermal_zone0/type': 'cpu-thermal\n', 'class/thermal/thermal_zone0/temp': '48312\n',
  })
  expect(await readConditions(look)).toMatchObject({ on_battery: true, battery_percent: null, temperature_c: 48 })
})

const SMI = (busy: string, pmon: string) => `case "$*" in
*utilization.gpu,temperature.gpu*) echo '0, ${busy}, 67' ;;
pmon*) cat <<'PMON'
${pmon}
PMON
;;
esac`
/** Of driver 550; older ones have no jpg and ofa columns. */
const PMON = `# gpu         pid   type     sm    mem    enc    dec    jpg    ofa    command 
# Idx           #    C/G      %      %      %      %      %      %    name 
    0       2111     G      4      2      -      -      -      -    Xorg           
    0       4242     C     55     20      -      -      -      -    node           
    0       5555   C+G     31     12      -      -      -      -    game.x86_64    `

describe('how much of a GPU others use', () => {
  const nvidia = async (busy: string, pmon = PMON) => vi.stubEnv('PATH', `${await tools(join(dir, 'bin'), { 'nvidia-smi': SMI(busy, pmon) })}:/bin:/usr/bin`)

  test('is all that it does while nothing of ours runs', async () => {
    await nvidia('38')
    expect(await readConditions({ ...look, nvidia: true })).toMatchObject({ gpu_busy_percent: 38, temperature_c: 67 })
  })

  test('is what is left without our own processes while a stage runs', async () => {
    await nvidia('90')
    expect(await readConditions({ ...look, nvidia: true, ours: ours(4242) })).toMatchObject({ gpu_busy_percent: 35 })
  })

  test('is not known where a card does not tell', async () => {
    await nvidia('[N/A]')
    expect(await readConditions({ ...look, nvidia: true })).toMatchObject({ gpu_busy_percent: null, temperature_c: 67 })
    await nvidia('90', '# gpu pid type sm mem enc dec command\n    0          -     -      -      -      -      -   -')
    expect(await readConditions({ ...look, nvidia: true, ours: ours(4242) })).toMatchObject({ gpu_busy_percent: null })
  })

  test('is not guessed from processes that we cannot see', () => {
    expect(othersAmong(PMON, { busy: () => true, has: () => null })).toBeNull()
    expect(othersAmong('Not supported on the device(s)', ours())).toBeNull()
  })

  test('is the busiest card\'s', () => {
    expect(othersAmong('    0   1   C   40   1   -   -   a\n    1   2   C   20   1   -   -   b\n    1   3   C   30   1   -   -   c\n    2   4   C   -   -   -   -   d', ours(1))).toBe(50)
  })

  test('is told by AMD\'s driver, for whom only while nothing of ours runs', async () => {
    await plant(look.here.sys, { 'class/drm/card0/device/gpu_busy_percent': '23\n', 'class/drm/card0-DP-1/status': 'connected\n' })
    expect((await readConditions(look)).gpu_busy_percent).toBe(23)
    expect((await readConditions({ ...look, ours: ours(1) })).gpu_busy_percent).toBeNull()
  })

  test('costs no process where there is no card of NVIDIA\'s', async () => {
    vi.stubEnv('PATH', await tools(join(dir, 'bin'), { 'nvidia-smi': `touch ${dir}/asked` }))
    await readConditions(look)
    await expect(rm(join(dir, 'asked'))).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

test('others hear of what moved enough to matter', () => {
  const calm: Conditions = { gpu_busy_percent: 10, temperature_c: 50, on_battery: false, battery_percent: 80, scratch_free_mib: 9000, load: 0.5 }
  expect(differs(calm, { ...calm, gpu_busy_percent: 15, temperature_c: 53, battery_percent: 78, load: 0.7 })).toBe(false)
  for (const change of [{ gpu_busy_percent: 20 }, { gpu_busy_percent: null }, { temperature_c: 55 }, { on_battery: true }, { battery_percent: 75 }, { load: 1 }, { scratch_free_mib: 6000 }, { scratch_free_mib: null }] satisfies Partial<Conditions>[])
    expect(differs(calm, { ...calm, ...change })).toBe(true)
})

test('a disk that comes to its end is told of, though little has changed, and so is one that has room again', () => {
  const low: Conditions = { gpu_busy_percent: null, temperature_c: null, on_battery: false, battery_percent: null, scratch_free_mib: 70, load: 0 }
  expect([differs(low, { ...low, scratch_free_mib: 60 }), differs({ ...low, scratch_free_mib: 60 }, low), differs(low, { ...low, scratch_free_mib: 900 }), differs({ ...low, scratch_free_mib: 3 }, { ...low, scratch_free_mib: 40 })]).toEqual([true, true, false, false])
})

test('what is free where stages write is what the file system says', async () => {
  const { bavail, bsize } = await statfs(dir)
  const { scratch_free_mib } = await readConditions({ ...look, scratch: dir })
  expect(Math.abs(scratch_free_mib! - (bavail * bsize) / 2 ** 20)).toBeLessThan(2048) // others write meanwhile
})

test.skipIf(NO_DISK !== null)(`a disk that is full leaves nothing to work in${NO_DISK === null ? '' : ` (${NO_DISK})`}`, async () => {
  const disk = openDisk(join(dir, 'disk'), 100)
  try {
    const rest = async () => rests(SETTINGS, await readConditions({ ...look, scratch: disk.folder }), new Date())
    expect(await rest()).toBeNull()
    disk.fill()
    expect(await rest()).toBe('its disk is full: 0 MiB left to work in')
    disk.free()
    expect(await rest()).toBeNull()
  } finally {
    disk.close()
  }
})

test('it is looked at again and again, and a plug that is pulled is told of once', async () => {
  await plant(look.here.sys, { ...LAPTOP, 'class/power_supply/AC/online': '1\n' })
  const told: Conditions[] = []
  let looks = 0
  const watch = await watchConditions(look, 10, (now) => told.push(now), () => looks++)
  await vi.waitFor(() => expect(looks).toBeGreaterThan(2))
  expect(told).toEqual([])
  await writeFile(join(look.here.sys, 'class/power_supply/AC/online'), '0\n')
  await vi.waitFor(() => expect(watch.now().on_battery).toBe(true))
  const later = looks
  await vi.waitFor(() => expect(looks).toBeGreaterThan(later + 2))
  watch.stop()
  expect(told.map((now) => now.on_battery)).toEqual([true])
})

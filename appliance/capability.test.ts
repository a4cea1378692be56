import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, totalmem, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Value } from 'typebox/value'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Capability } from '../core/devices/capability.ts'
import plugins from '../plugins/index.ts'
import { probe, TOOLS } from './capability.ts'
import type { Here } from './machine/here.ts'
import { plant, tools } from './test/tree.ts'

let dir: string
let here: Here
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'capability-'))
  here = { platform: 'linux', sys: join(dir, 'sys'), proc: join(dir, 'proc'), dev: join(dir, 'dev'), patience_ms: 10_000 }
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(dir, { recursive: true, force: true })
})
const only = async (scripts: Record<string, string>) => vi.stubEnv('PATH', await tools(join(dir, 'bin'), scripts))

const FFMPEG_VERSION = `echo 'ffmpeg version 6.1.1-3ubuntu5 Copyright (c) 2000-2023 the FFmpeg developers
built with gcc 13 (Ubuntu 13.2.0-23ubuntu3)'`
const HW_LIST = `echo 'Supported hardware device types:
vdpau
cuda
vaapi
qsv
drm'`
/** As ffmpeg 6.1 answers on a machine with one NVIDIA card and an Intel one beside it. */
const FFMPEG = (works: string) => `case "$*" in
-version) ${FFMPEG_VERSION} ;;
*'-init_hw_device list'*) ${HW_LIST} ;;
${works}
*h264_nvenc*) echo '[h264_nvenc @ 0x55] Cannot load libnvidia-encode.so.1' >&2; exit 1 ;;
*vaapi*) echo 'Failed to initialise VAAPI connection: -1 (unknown libva error).' >&2; exit 251 ;;
*) echo 'Device creation failed: -542398533.' >&2; exit 1 ;;
esac`
const NVIDIA_SMI = `case "$*" in *--query-gpu=name,memory.total,driver_version*) printf 'NVIDIA GeForce GTX 1050, 2048, 550.54.15\\nNVIDIA GeForce RTX 3090, 24576, 550.54.15\\n' ;; *) exit 2 ;; esac`

test('a machine with nothing has nothing, and says so in the agreed form', async () => {
  await only({})
  const found = await probe(dir, here)
  expect(Value.Check(Capability, { ...found, stages: [], lacks: {}, mounts: [] })).toBe(true)
  expect(found).toMatchObject({ cores: availableParallelism(), memory_mib: Math.floor(totalmem() / 2 ** 20), gpu_mib: 0, gpus: [], accelerators: [], tools: {}, platform: 'linux', battery: false })
})

describe('a GPU', () => {
  test('counts as far as it was seen to compute: of two cards the largest whose CUDA opens', async () => {
    await only({ ffmpeg: FFMPEG(`*cuda=card:0*|*h264_nvenc*) ;;`), 'nvidia-smi': NVIDIA_SMI })
    expect(await probe(dir, here)).toMatchObject({
      gpus: [{ name: 'NVIDIA GeForce GTX 1050', memory_mib: 2048, driver: '550.54.15' }, { name: 'NVIDIA GeForce RTX 3090', memory_mib: 24576, driver: '550.54.15' }],
      gpu_mib: 2048, accelerators: ['cuda', 'nvenc'],
    })
  })

  test('that is listed but cannot be used is listed, and counts for nothing', async () => {
    await only({ ffmpeg: FFMPEG(''), 'nvidia-smi': NVIDIA_SMI })
    expect(await probe(dir, here)).toMatchObject({ gpu_mib: 0, accelerators: [], gpus: [{ memory_mib: 2048 }, { memory_mib: 24576 }] })
  })

  test('whose driver answers in words instead of lines is none', async () => {
    await only({ 'nvidia-smi': `echo "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running."; exit 9` })
    expect(await probe(dir, here)).toMatchObject({ gpus: [], gpu_mib: 0 })
    await only({ 'nvidia-smi': `echo 'No devices were found'` })
    expect(await probe(dir, here)).toMatchObject({ gpus: [], gpu_mib: 0 })
  })

  test('without an ffmpeg counts as the driver says when its library loads, and here there is none', async () => {
    await only({ 'nvidia-smi': NVIDIA_SMI })
    expect(await probe(dir, here)).toMatchObject({ gpus: [{}, {}], gpu_mib: 0, accelerators: [] })
  })

  test('of another maker is told by the kernel; a virtual screen is none', async () => {
    await only({})
    await plant(here.sys, {
      'class/drm/card0/device/vendor': '0x1234\n', 'class/drm/card0/device/device': '0x1111\n', 'class/drm/card0-Virtual-1/status': 'connected\n',
      'class/drm/card1/device/vendor': '0x1002\n', 'class/drm/card1/device/device': '0x73bf\n', 'class/drm/card1/device/mem_info_vram_total': '17163091968\n', 'class/drm/card1/device/driver': '-> ../../../../bus/pci/drivers/amdgpu',
      'class/drm/card2/device/vendor': '0x8086\n', 'class/drm/card2/device/device': '0x46a6\n', 'class/drm/card2/device/driver': '-> ../../../bus/pci/drivers/i915', 'class/drm/renderD128/dev': '226:128\n',
    })
    expect((await probe(dir, here)).gpus).toEqual([{ name: 'AMD GPU 73bf', memory_mib: 16368, driver: 'amdgpu' }, { name: 'Intel GPU 46a6', memory_mib: 0, driver: 'i915' }])
  })
})

test('an encoder counts when one of its devices encoded', async () => {
  await plant(here.dev, { 'dri/renderD128': '', 'dri/renderD129': '', 'dri/card0': '', video0: '' })
  await only({ ffmpeg: FFMPEG(`*renderD129*h264_vaapi*|*h264_v4l2m2m*|*qsv=hw*h264_qsv*) ;;`) })
  expect((await probe(dir, here)).accelerators).toEqual(['qsv', 'vaapi', 'v4l2'])
})

test('on a Mac it is videotoolbox that is tried, and pmset that knows of the battery', async () => {
  await only({ ffmpeg: FFMPEG('*h264_videotoolbox*) ;;'), pmset: `printf "Now drawing from 'AC Power'\\n -InternalBattery-0 (id=4653155)\\t100%%; charged; 0:00 remaining present: true\\n"` })
  expect(await probe(dir, { ...here, platform: 'darwin' })).toMatchObject({ accelerators: ['videotoolbox'], battery: true, platform: 'darwin' })
})

test('tools that hang, fail, or print nonsense without end are not there, and hold nobody up', async () => {
  await plant(here.dev, { 'dri/renderD128': '' })
  await only({
    ffmpeg: FFMPEG('*h264_nvenc*|*h264_qsv*|*vaapi*) exec /bin/sleep 1000 ;;'), 'nvidia-smi': 'exec /bin/sleep 1000', perl: 'exec /bin/cat /dev/zero', rclone: 'exit 1', colmap: `printf '\\377\\376\\0garbage'`, exiftool: 'exec /bin/sleep 1000',
  })
  const from_ms = performance.now()
  expect(await probe(dir, { ...here, patience_ms: 4_000 })).toMatchObject({ tools: { ffmpeg: '6.1.1-3ubuntu5' }, gpus: [], accelerators: [] })
  expect(performance.now() - from_ms).toBeLessThan(60_000) // and not the thousand seconds of a tool that hangs
}, 120_000)

test('each tool is known by what it says of itself', async () => {
  await only({
    ffmpeg: FFMPEG(''), ffprobe: `echo 'ffprobe version n7.0.1 Copyright (c) 2007-2024 the FFmpeg developers'`, exiftool: 'echo 12.57', rclone: `printf 'rclone v1.60.1-DEV\\n- os/version: debian 12.7 (64 bit)\\n'`,
    perl: `printf '\\nThis is perl 5, version 36, subversion 0 (v5.36.0) built for x86_64-linux-gnu-thread-multi\\n'`,
    colmap: `printf 'COLMAP 3.8 -- Structure-from-Motion and Multi-View Stereo\\n              (Commit Unknown on Unknown without CUDA)\\n\\nUsage:\\n'`,
  })
  expect((await probe(dir, here)).tools).toEqual({ ffmpeg: '6.1.1-3ubuntu5', ffprobe: 'n7.0.1', perl: '5.36.0', exiftool: '12.57', colmap: '3.8', rclone: '1.60.1-DEV' })
})

test('what a stage asks for is looked for', () => {
  const wanted = plugins.flatMap((plugin) => Object.values(plugin.stages ?? {}).flatMap((stage) => stage.needs?.tools ?? []))
  expect([...new Set(wanted)].filter((tool) => !(tool in TOOLS))).toEqual([])
})

describe('cores and memory', () => {
  test.each([
    ['cgroup v2, set on a group above', { 'proc/self/cgroup': '0::/system.slice/viewshed-agent.service\n', 'sys/fs/cgroup/system.slice/cpu.max': '100000 100000\n', 'sys/fs/cgroup/system.slice/memory.max': '1073741824\n', 'sys/fs/cgroup/system.slice/viewshed-agent.service/cpu.max': 'max 100000\n', 'sys/fs/cgroup/system.slice/viewshed-agent.service/memory.max': 'max\n' }],
    ['a container that sees the path of its host', { 'proc/self/cgroup': '0::/docker/abc\n', 'sys/fs/cgroup/cpu.max': '150000 100000\n', 'sys/fs/cgroup/memory.max': '1073741824\n' }],
    ['cgroup v1', { 'proc/self/cgroup': '4:memory:/box\n2:cpu,cpuacct:/box\n0::/\n', 'sys/fs/cgroup/memory/box/memory.limit_in_bytes': '1073741824\n', 'sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us': '100000\n', 'sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_period_us': '100000\n' }],
  ])('are what %s leaves', async (_, files) => {
    await only({})
    await plant(dir, files)
    expect(await probe(dir, here)).toMatchObject({ cores: 1, memory_mib: 1024 })
  })

  test('are the machine\'s where nothing limits them', async () => {
    await only({})
    await plant(dir, { 'proc/self/cgroup': '4:memory:/\n2:cpu:/\n', 'sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n', 'sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n', 'sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n' })
    expect(await probe(dir, here)).toMatchObject({ cores: availableParallelism(), memory_mib: Math.floor(totalmem() / 2 ** 20) })
  })
})

test('asked alone it prints what it found', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [fileURLToPath(new URL('./capability.ts', import.meta.url)), dir])
  const found: unknown = JSON.parse(stdout)
  expect(Value.Check(Capability, { ...(found as object), stages: [], lacks: {}, mounts: [] })).toBe(true)
})

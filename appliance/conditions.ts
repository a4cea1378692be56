/** How this machine is just now: read every few seconds, and cheap, since it is read for as long as the machine lives. */
import { statfs } from 'node:fs/promises'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import type { Conditions } from '../core/devices/capability.ts'
import { LEAST_SCRATCH_MIB } from '../core/devices/rests.ts'
import { errno } from '../core/store/durable.ts'
import { ask } from './machine/ask.ts'
import { battery } from './machine/battery.ts'
import type { Here } from './machine/here.ts'
import { list, read, readNumber } from './machine/tree.ts'

/** Whose work a process is. */
export interface Ours {
  /** Whether a stage of ours runs at all. */
  busy(): boolean
  /** Null: there is no such process as far as we can see, so nobody can say. */
  has(pid: number): boolean | null
}

export interface Look {
  readonly here: Here
  readonly nvidia: boolean // whether there is a card that nvidia-smi knows
  readonly cores: number
  readonly scratch: string // folder of its stages
  readonly ours: Ours
}

const SENSORS = /^(coretemp|k8temp|k10temp|zenpower|cpu_?thermal|amdgpu|radeon|nouveau|i915|xe)$/
const ZONES = /^(x86_pkg_temp|cpu|soc|gpu|bigcore|littlecore)|(cpu|gpu|soc)\d*[-_]?thermal/i

export async function readConditions({ here, nvidia, cores, scratch, ours }: Look): Promise<Conditions> {
  const [power, cards, free_mib] = await Promise.all([battery(here), nvidia ? nvidiaCards(here) : null, freeIn(scratch)])
  const heat = [...(cards?.flatMap((card) => (card.temperature_c === null ? [] : [card.temperature_c])) ?? []), ...sensors(here)].filter((t) => t > -50 && t < 150)
  return {
    gpu_busy_percent: cards !== null && cards.length > 0 ? await othersOf(cards, ours, here) : kernelBusy(here, ours),
    temperature_c: heat.length > 0 ? Math.round(Math.max(...heat)) : null,
    on_battery: power?.discharging ?? false,
    battery_percent: power?.percent ?? null,
    scratch_free_mib: free_mib,
    load: Math.round(((Number(read(join(here.proc, 'loadavg'))?.split(' ')[0]) || loadavg()[0]!) / cores) * 100) / 100,
  }
}

/** Whether somebody else would want to hear of it. */
export function differs(a: Conditions, b: Conditions): boolean {
  const moved = (x: number | null, y: number | null, by: number) => (x === null || y === null ? x !== y : Math.abs(x - y) >= by)
  return a.on_battery !== b.on_battery || moved(a.gpu_busy_percent, b.gpu_busy_percent, 10) || moved(a.temperature_c, b.temperature_c, 5)
    || moved(a.battery_percent, b.battery_percent, 5) || moved(a.load, b.load, 0.5) || moved(a.scratch_free_mib, b.scratch_free_mib, 2048) || isFull(a) !== isFull(b)
}

const isFull = ({ scratch_free_mib }: Conditions): boolean => scratch_free_mib !== null && scratch_free_mib < LEAST_SCRATCH_MIB

/** For whoever is not root, in MiB. Null: the folder is away, or its file system does not say. */
async function freeIn(folder: string): Promise<number | null> {
  try {
    const { bavail, bsize, blocks } = await statfs(folder)
    return blocks > 0 ? Math.floor((bavail * bsize) / 2 ** 20) : null
  } catch (e) {
    if (['ENOENT', 'EIO', 'ESTALE', 'EACCES', 'ENOSYS'].includes(errno(e))) return null
    throw e
  }
}

interface Card { readonly index: number; readonly busy_percent: number | null; readonly temperature_c: number | null }

async function nvidiaCards({ patience_ms }: Here): Promise<Card[]> {
  const said = await ask('nvidia-smi', ['--query-gpu=index,utilization.gpu,temperature.gpu', '--format=csv,noheader,nounits'], patience_ms)
  return (said ?? '').split('\n').map((line) => line.split(',').map((field) => field.trim())).flatMap(([index, busy, heat]) =>
    /^\d+$/.test(index ?? '') ? [{ index: Number(index), busy_percent: percent(busy), temperature_c: /^-?\d+$/.test(heat ?? '') ? Number(heat) : null }] : [])
}

/** Of the busiest card. What a whole card does is others' when nothing of ours runs; only otherwise is it asked process by process. */
async function othersOf(cards: readonly Card[], ours: Ours, { patience_ms }: Here): Promise<number | null> {
  const known = cards.map((card) => card.busy_percent).filter((busy) => busy !== null)
  if (known.length === 0) return null
  const most = Math.max(...known)
  if (most === 0 || !ours.busy()) return most
  return othersAmong((await ask('nvidia-smi', ['pmon', '-c', '1', '-s', 'u'], patience_ms)) ?? '', ours)
}

/** `nvidia-smi pmon`: `# gpu pid type sm mem enc dec … command`. Null when it names no process, or one that is out of our sight: a container's own, or none of a system that hides them. */
export function othersAmong(pmon: string, ours: Ours): number | null {
  const rows = pmon.split('\n').filter((line) => !line.startsWith('#')).map((line) => line.trim().split(/\s+/)).filter(([gpu, pid]) => /^\d+$/.test(gpu ?? '') && /^\d+$/.test(pid ?? ''))
  if (rows.length === 0) return null
  const byCard = new Map<string, number>()
  for (const [gpu, pid, , sm] of rows) {
    const own = ours.has(Number(pid))
    if (own === null) return null
    byCard.set(gpu!, (byCard.get(gpu!) ?? 0) + (own ? 0 : percent(sm) ?? 0))
  }
  return Math.min(100, Math.max(...byCard.values()))
}

/** AMD's driver says what a card does, not for whom. */
function kernelBusy({ sys }: Here, ours: Ours): number | null {
  const folder = join(sys, 'class/drm')
  const busy = list(folder).filter((name) => /^card\d+$/.test(name)).map((card) => percent(read(join(folder, card, 'device/gpu_busy_percent')) ?? undefined)).filter((part) => part !== null)
  return busy.length > 0 && (!ours.busy() || Math.max(...busy) === 0) ? Math.max(...busy) : null
}

/** Of CPU and GPU, in °C; a disk or a radio may be hotter and means nothing here. */
function sensors({ sys }: Here): number[] {
  const zones = join(sys, 'class/thermal')
  const chips = join(sys, 'class/hwmon')
  const ofZones = list(zones).filter((zone) => zone.startsWith('thermal_zone') && ZONES.test(read(join(zones, zone, 'type')) ?? '')).map((zone) => readNumber(join(zones, zone, 'temp')))
  const ofChips = list(chips).filter((chip) => SENSORS.test(read(join(chips, chip, 'name')) ?? '')).flatMap((chip) =>
    list(join(chips, chip)).filter((name) => /^temp\d+_input$/.test(name)).map((name) => readNumber(join(chips, chip, name))))
  return [...ofZones, ...ofChips].filter((milli) => milli !== null).map((milli) => milli / 1000)
}

function percent(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,3}$/.test(text) && Number(text) <= 100 ? Number(text) : null
}

/** @param onRead told of every look; onChange only when others would want to hear of it */
export async function watchConditions(look: Look, every_ms: number, onChange: (now: Conditions) => void, onRead: (now: Conditions) => void) {
  let now = await readConditions(look)
  let said = now
  let stopped = false
  let timer: NodeJS.Timeout
  const again = async () => {
    now = await readConditions(look)
    if (stopped) return
    onRead(now)
    if (differs(said, now)) onChange((said = now))
    next()
  }
  const next = () => { timer = setTimeout(() => void again(), every_ms).unref() }
  next()
  return { now: () => now, stop: () => { stopped = true; clearTimeout(timer) } }
}

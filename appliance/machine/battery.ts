import { join } from 'node:path'
import { ask } from './ask.ts'
import type { Here } from './here.ts'
import { list, read, readNumber } from './tree.ts'

/** Null: the machine has none. */
export interface Battery { readonly discharging: boolean; readonly percent: number | null }

export async function battery({ platform, sys, patience_ms }: Here): Promise<Battery | null> {
  if (platform === 'darwin') return ofMac((await ask('pmset', ['-g', 'batt'], patience_ms)) ?? '')
  return platform === 'linux' ? ofLinux(sys) : null
}

/** A mouse has a battery too: those of `scope` Device are none of the machine's. Where a mains plug is listed it decides, since a full battery may say anything. */
function ofLinux(sys: string): Battery | null {
  const folder = join(sys, 'class/power_supply')
  const supplies = list(folder).map((name) => join(folder, name)).filter((at) => read(join(at, 'scope')) !== 'Device')
  const batteries = supplies.filter((at) => read(join(at, 'type')) === 'Battery')
  if (batteries.length === 0) return null
  const plugs = supplies.filter((at) => ['Mains', 'USB'].includes(read(join(at, 'type')) ?? '')).map((at) => readNumber(join(at, 'online'))).filter((online) => online !== null)
  const levels = batteries.map((at) => readNumber(join(at, 'capacity'))).filter((level) => level !== null && level >= 0 && level <= 100) as number[]
  return {
    discharging: plugs.length > 0 ? plugs.every((online) => online === 0) : batteries.some((at) => read(join(at, 'status')) === 'Discharging'),
    percent: levels.length > 0 ? Math.min(...levels) : null,
  }
}

/** `Now drawing from 'Battery Power'` and ` -InternalBattery-0 (id=…)	84%; discharging; …` */
function ofMac(said: string): Battery | null {
  if (!said.includes('InternalBattery')) return null
  const level = /(\d{1,3})%/.exec(said)
  return { discharging: said.includes("'Battery Power'"), percent: level ? Math.min(100, Number(level[1])) : null }
}

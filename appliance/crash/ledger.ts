/** What the log of a stopped appliance says: who waited for which work and was answered, and what is still on its way. */
import { join } from 'node:path'
import { openLog, past } from '../../core/store/log.ts'
import { JOURNAL, OUTCOMES, PROJECTIONS } from '../../core/tasks/keys.ts'

export interface Ledger {
  /** `task node`, one for each time somebody asked for it: a successor that was published twice stands here twice. */
  readonly deliveries: readonly string[]
  readonly wrong: readonly string[]
}

interface Delivery { readonly node: string; readonly message: unknown }

export async function readLedger(home: string): Promise<Ledger> {
  const log = await openLog(join(home, 'config', 'log'))
  try {
    const wrong: string[] = []
    const deliveries: string[] = []
    for (const [key, value] of await log.range({ gte: DELIVERIES, lt: past(DELIVERIES) })) {
      const { node, message } = JSON.parse(value) as Delivery
      const task = key.split('!')[1]!
      deliveries.push(`${task} ${node}`)
      if (message !== null) wrong.push(`${node} was never answered for ${task}`)
    }
    for (const [prefix, what] of UNDER_WAY) {
      const left = await log.range({ gte: prefix, lt: past(prefix) })
      if (left.length > 0) wrong.push(`${left.length} ${what}: ${left[0]!.join(' ').slice(0, 500)}`)
    }
    return { deliveries: deliveries.sort(), wrong }
  } finally {
    await log.close()
  }
}

const DELIVERIES = 'd!'
const UNDER_WAY = [[OUTCOMES, 'outcomes that the flow never took'], [PROJECTIONS, 'records that the catalogue never got'], [JOURNAL, 'journals of files that were never put in their place']] as const

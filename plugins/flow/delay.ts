import { nextSun, nextTime } from '../../core/contract/clock.ts'
import { Fault } from '../../core/contract/fault.ts'
import type { OwnAnswer, OwnContext } from '../../core/contract/plugin.ts'
import type { DelayInput, DelayOptions, FlowConfig } from './schemas.ts'

export async function run(input: DelayInput, { config, options, asked_ms, now_ms }: OwnContext<FlowConfig, DelayOptions>): Promise<OwnAnswer<Record<string, never>>> {
  const until_ms = momentOf(input, options, config, asked_ms)
  return until_ms <= now_ms ? { output: {} } : { not_before_ms: until_ms, what: `until ${new Date(until_ms).toISOString()}` }
}

/** UTC epoch. Told from the moment of asking alone, so it is the same after every restart. */
export function momentOf({ until_ms }: DelayInput, { until, wait_s, at = '22:00' }: DelayOptions, { home }: FlowConfig, asked_ms: number): number {
  switch (until) {
    case 'for a while': return asked_ms + wait_s * 1_000
    case 'a time of day': return nextTime(asked_ms, at)
    case 'until_ms of the message': {
      if (until_ms === undefined || until_ms === null) throw new Fault('input/invalid', 'The message has no until_ms to wait for.')
      return until_ms + wait_s * 1_000
    }
    case 'sunrise': case 'sunset': {
      if (home === null) throw new Fault('config/invalid', 'Say where the sun is meant: plugins.flow.home in viewshed.yaml.')
      return (nextSun(asked_ms, home, until) ?? asked_ms) + wait_s * 1_000
    }
  }
}

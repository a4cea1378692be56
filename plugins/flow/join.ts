import type { OwnAnswer, OwnContext } from '../../core/contract/plugin.ts'
import type { FlowConfig, JoinOptions } from './schemas.ts'

/** The board completes it when all have come; here only the end of patience is kept. */
export async function run({ count }: { count: number }, { options, asked_ms, now_ms }: OwnContext<FlowConfig, JoinOptions>): Promise<OwnAnswer<{ gathered: number }>> {
  const until_ms = options.most_s === 0 ? Infinity : asked_ms + options.most_s * 1_000
  return until_ms <= now_ms ? { output: { gathered: 0 } } : { not_before_ms: until_ms, what: `for ${count} to come` }
}

import type { OwnAnswer, OwnContext } from '../../core/contract/plugin.ts'
import type { FlowConfig, ReviewOptions, ReviewOutput } from './schemas.ts'

export async function run(_input: unknown, { options, asked_ms, now_ms }: OwnContext<FlowConfig, ReviewOptions>): Promise<OwnAnswer<ReviewOutput>> {
  const until_ms = options.most_s === 0 ? Infinity : asked_ms + options.most_s * 1_000
  return until_ms <= now_ms ? { output: { way: 'no', by: '', note: 'nobody answered in time' } } : { not_before_ms: until_ms, what: options.question, asks: true }
}

import type { OwnAnswer, OwnContext } from '../../core/contract/plugin.ts'
import type { FlowConfig } from './schemas.ts'

export async function run({ sha256 }: { sha256: string }, { edit }: OwnContext<FlowConfig>): Promise<OwnAnswer<Record<string, never>>> {
  await edit(`asset:${sha256}`, { keep: true })
  return { output: {} }
}

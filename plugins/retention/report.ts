import type { Static } from 'typebox'
import type { Query } from '../../core/contract/plugin.ts'
import type { CopyDoc } from '../../core/contract/records.ts'
import { plan, type Original } from './plan.ts'
import type { Report, ReportQuery, RetentionConfig } from './plugin.ts'

/** What the policy would let go of. A report: nothing is deleted. */
export async function run(query: Static<typeof ReportQuery>, ctx: { readonly config: Static<typeof RetentionConfig>; readonly query: Query }): Promise<Static<typeof Report>> {
  const copies = new Map<string, CopyDoc[]>()
  for await (const copy of ctx.query.list<CopyDoc>('copy')) {
    const known = copies.get(copy.asset)
    if (known) known.push(copy)
    else copies.set(copy.asset, [copy])
  }
  const originals: { asset: Original; copies: readonly CopyDoc[] }[] = []
  for await (const asset of ctx.query.list<Original>('asset')) originals.push({ asset, copies: copies.get(asset.sha256) ?? [] })

  const lines = plan(originals, ctx.config, Date.now())
  const reasons = new Map<string, { reason: string; originals: number; bytes: number }>()
  for (const { reason, bytes } of lines) {
    const sum = reasons.get(reason) ?? { reason, originals: 0, bytes: 0 }
    reasons.set(reason, { reason, originals: sum.originals + 1, bytes: sum.bytes + bytes })
  }
  const going = lines.filter((line) => line.goes)
  return {
    originals: lines.length,
    bytes: lines.reduce((sum, line) => sum + line.bytes, 0),
    could_go: going.length,
    wins_bytes: going.reduce((sum, line) => sum + line.wins_bytes, 0),
    reasons: [...reasons.values()],
    assets: lines.slice(0, query.limit ?? 500),
  }
}

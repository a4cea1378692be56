/** What access asks of the log: synced batches under its own prefix, and a walk through it at start. */
export interface AccessLog {
  /** One synced batch. */
  commit(ops: readonly ({ readonly type: 'put'; readonly key: string; readonly value: string } | { readonly type: 'del'; readonly key: string })[]): Promise<void>
  range(range: { gte: string; lt: string; limit?: number; reverse?: boolean }): AsyncIterable<readonly [string, string]> | Iterable<readonly [string, string]> | Promise<Iterable<readonly [string, string]>>
}

/** All entries under `prefix`, keys without it. */
export async function entries(log: AccessLog, prefix: string): Promise<[string, string][]> {
  const found: [string, string][] = []
  for await (const [key, value] of await log.range({ gte: prefix, lt: `${prefix}\uffff` })) found.push([key.slice(prefix.length), value])
  return found
}

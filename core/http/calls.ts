/** The calls of plugins: `POST /api/plugins/<plugin>/<call>`, checked by the call's own schemas, with a reader bound to who asks. */
import type { Middleware } from 'koa'
import type { Scope } from '../access/scope.ts'
import type { AnyPlugin, Query } from '../contract/plugin.ts'
import { checked as complete } from '../plugins/registry.ts'
import { readJson } from './body.ts'
import { checked } from './check.ts'
import { demandOrFlows, type DoorState } from './pass.ts'

const PATH = /^\/api\/plugins\/([a-z][a-z0-9-]*)\/([a-zA-Z][a-zA-Z0-9]*)$/
const BODY_BYTES = 1 << 20

export interface Callables {
  readonly plugins: readonly AnyPlugin[]
  readonly config: (plugin: string) => unknown
  readonly reader: (scope: Scope) => Query
}

export function calls({ plugins, config, reader }: Callables): Middleware<DoorState> {
  return async (ctx, next) => {
    const [, plugin, name] = PATH.exec(ctx.path) ?? []
    const call = plugins.find((p) => p.name === plugin)?.calls?.[name ?? '']
    if (!call || ctx.method !== 'POST') return next()
    const who = demandOrFlows(ctx.state.principal, call.role)
    const input = checked(call.input, await readJson(ctx.req, BODY_BYTES))
    const { run } = await call.load()
    const output: unknown = await run(input as never, { config: config(plugin!) as never, query: reader(who.scope) })
    // A call that answers what it did not declare is a fault of the plugin, not of who asked.
    ctx.body = complete(call.output, output, 'output/invalid', `answer of ${plugin}.${name}`)
  }
}

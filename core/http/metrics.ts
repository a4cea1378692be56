import type { Middleware } from 'koa'
import { collectDefaultMetrics, Histogram, Registry } from 'prom-client'
import { demand, type DoorState } from './pass.ts'

/** Request times by kind of path and status, and what Node says of itself, at `/metrics`: for an admin, or a scraper on this machine. */
export function metrics(registry: Registry): { measure: Middleware<DoorState>; page: Middleware<DoorState> } {
  collectDefaultMetrics({ register: registry, prefix: 'viewshed_', eventLoopMonitoringPrecision: 100 })
  const seconds = new Histogram({
    name: 'viewshed_http_request_seconds', help: 'Time to the end of the answer, seconds', registers: [registry],
    labelNames: ['method', 'area', 'status'] as const, buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60],
  })
  return {
    async measure(ctx, next) {
      const stop = seconds.startTimer({ method: METHODS.has(ctx.method) ? ctx.method : 'other', area: areaOf(ctx.path) })
      ctx.res.once('close', () => stop({ status: ctx.res.statusCode }))
      await next()
    },
    async page(ctx, next) {
      if (ctx.path !== '/metrics') return next()
      if (!isLoopback(ctx)) demand(ctx.state.principal, 'admin')
      ctx.type = registry.contentType
      ctx.body = await registry.metrics()
    },
  }
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE'])
/** Few values: a label for each path would fill the memory. */
const areaOf = (path: string): string => /^\/(api|media|flows|metrics|healthz)(?=\/|$)/.exec(path)?.[1] ?? 'pages'

/** A proxy on this machine forwards for others, and says so. */
function isLoopback(ctx: Parameters<Middleware<DoorState>>[0]): boolean {
  const { remoteAddress } = ctx.req.socket
  const forwarded = ctx.headers.forwarded !== undefined || ctx.headers['x-forwarded-for'] !== undefined
  return !forwarded && (remoteAddress === undefined || ['127.0.0.1', '::1', '::ffff:127.0.0.1'].includes(remoteAddress))
}

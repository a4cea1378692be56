import type { Middleware } from 'koa'
import type { DoorState } from './pass.ts'

/**
 * What a browser may do with our answers.
 * @param tileUrl The map tiles' URL template when the user allows them, such as `https://tile.example.org/{z}/{x}/{y}.png`.
 */
export function securityHeaders(tileUrl: () => string | null): Middleware<DoorState> {
  return (ctx, next) => {
    ctx.set('Content-Security-Policy', policy(ctx.host, tileUrl()))
    ctx.set('X-Content-Type-Options', 'nosniff')
    ctx.set('X-Frame-Options', 'SAMEORIGIN')
    // Tile servers want to know which site asks; no path of ours is any business of theirs.
    ctx.set('Referrer-Policy', 'strict-origin-when-cross-origin')
    if (ctx.secure) ctx.set('Cross-Origin-Opener-Policy', 'same-origin') // browsers complain about it on plain HTTP
    ctx.set('Cross-Origin-Resource-Policy', 'same-origin')
    return next()
  }
}

function policy(host: string, tileUrl: string | null): string {
  // Older browsers do not count a WebSocket of the same host as 'self'.
  const feed = /^[\w.:[\]-]+$/.test(host) ? ` ws://${host} wss://${host}` : ''
  const tiles = tileUrl === null ? '' : ` ${originOf(tileUrl)}`
  return [
    "default-src 'self'", "script-src 'self'", "style-src 'self' 'unsafe-inline'", `img-src 'self' data: blob:${tiles}`, "media-src 'self' blob:",
    "font-src 'self' data:", `connect-src 'self'${feed}`, "worker-src 'self' blob:", "object-src 'none'", "base-uri 'self'", "form-action 'self'", "frame-ancestors 'self'",
  ].join('; ')
}

/** `https://{s}.tile.example.org/…` → `https://*.tile.example.org`. */
const originOf = (template: string): string => new URL(template.replace(/\{s\}/g, 'wildcard')).origin.replace('//wildcard.', '//*.')

/** Byte ranges as RFC 9110 §14 has them, for a player that seeks. One range only: what asks for several gets the whole. */
export interface ByteRange { readonly start: number; readonly end: number } // both inclusive

/** Null: send the whole, for there is no range or none that is understood. */
export function parseRange(header: string | undefined, bytes: number): ByteRange | 'unsatisfiable' | null {
  const match = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(header ?? '')
  if (!match || bytes === 0) return null // an empty file has no part, but asking for all of it is no mistake
  const [, first, last] = match as unknown as [string, string, string]
  if (first === '') {
    if (last === '') return null
    const length = Number(last)
    return length === 0 ? 'unsatisfiable' : { start: Math.max(0, bytes - length), end: bytes - 1 }
  }
  const start = Number(first)
  const end = last === '' ? bytes - 1 : Math.min(Number(last), bytes - 1)
  if (last !== '' && Number(last) < start) return null
  return start >= bytes ? 'unsatisfiable' : { start, end }
}

/** Whether the file is still what the client has a part of. @param mtime_ms Of the file. */
export function rangeStillFits(ifRange: string | undefined, etag: string, mtime_ms: number): boolean {
  if (ifRange === undefined) return true
  if (ifRange.startsWith('"')) return ifRange === etag
  if (ifRange.startsWith('W/')) return false // a weak tag promises nothing of single bytes
  return Date.parse(ifRange) === Math.floor(mtime_ms / 1000) * 1000
}

/** Whether the client holds this very file (If-None-Match first, If-Modified-Since where there is none). */
export function isFresh(headers: { 'if-none-match'?: string | undefined; 'if-modified-since'?: string | undefined }, etag: string, mtime_ms: number): boolean {
  const tags = headers['if-none-match']
  if (tags !== undefined) return tags.trim() === '*' || tags.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag)
  const since = headers['if-modified-since']
  return since !== undefined && Date.parse(since) >= Math.floor(mtime_ms / 1000) * 1000
}

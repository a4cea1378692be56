/** What a file may be, as far as taking it in is concerned. */
export type Content = 'media' | 'nmea' | 'gpx' | '70mai' | 'kaiserbaas' | 'unknown' | 'ignored'

const MEDIA = /\.(mp4|mov|m4v|ts|m2ts|mts|avi|mkv|webm|3gp|360|insv|jpe?g|png|webp|heic|heif|hif|avif|tiff?)$/i
/** What cameras put beside recordings (`DCIM/103thumb`), and what systems leave behind. Folders by their whole name: recordings lie on a thumb drive too. */
const IGNORED = /(^|\/)(\.|@eaDir\/|\$RECYCLE\.BIN\/|System Volume Information\/|lost\+found\/|Thumbs\.db$|desktop\.ini$|(\d{3})?thumb(s|nails?)?\/)|\.(xml|html?|css|js|thm|3gf|lrv|glv|sav|md|pdf|tmp|part|crdownload|ini|cfg|json|ya?ml|tsv|sha256|md5)$/i
/** What people put beside recordings; one that is named as media is media. */
const NOTES = /(^|\/)(README|LICEN[SC]E)[^/]*$/i
/** Text that is a log or nothing that concerns us. */
const TEXT = /\.(txt|dat|log|csv|nmea|gps|gpx|map)$/i

/** By name alone, as far as that goes. `look`: the content decides. @param path Relative to the inbox. */
export function contentByName(path: string): 'media' | 'ignored' | 'look' {
  if (IGNORED.test(path)) return 'ignored'
  if (MEDIA.test(path)) return 'media'
  return NOTES.test(path) ? 'ignored' : 'look'
}

/** By the first kilobytes. @param head Up to 4 kB. */
export function contentOf(path: string, head: Buffer): Content {
  const text = head.toString('latin1')
  const log = logOf(text)
  if (log) return log
  if (TEXT.test(path)) return 'ignored'
  return isMedia(head, text) ? 'media' : 'unknown'
}

function logOf(text: string): 'nmea' | 'gpx' | '70mai' | 'kaiserbaas' | null {
  if (text.includes('\0')) return null
  if (/<gpx[\s>]/i.test(text)) return 'gpx'
  if (/^(\xef\xbb\xbf)?\s*\$V0\d\s/.test(text)) return '70mai'
  if (/^#?\s*\d{14},\d+\.\d+,[NS],\d+\.\d+,[EW],/m.test(text)) return 'kaiserbaas'
  return /\$G[A-Z](RMC|GGA),/.test(text) ? 'nmea' : null
}

function isMedia(head: Buffer, text: string): boolean {
  const first = head.subarray(0, 4).toString('hex')
  if (['ftyp', 'moov', 'mdat', 'free', 'skip', 'wide'].includes(text.slice(4, 8))) return true
  if (text.startsWith('RIFF') || text.slice(1, 4) === 'PNG' || text.startsWith('GIF8') || text.startsWith('II*\0') || text.startsWith('MM\0*')) return true
  return first.startsWith('ffd8') || ['1a45dfa3', '000001ba', '000001b3'].includes(first) || (head[0] === 0x47 && head[188] === 0x47 && head[376] === 0x47)
}

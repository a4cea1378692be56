/** A VIOFO as it answers on its network, after recorded replies. Imports nothing of the plugin. */
import { serve, type Answer, type Content, type FakeServer } from '../../camera/testing/serve.ts'

export interface CardFile {
  readonly content: Content
  readonly time: string // `2026/03/02 07:43:12`, the camera's own clock
  readonly attr?: 32 | 33 // 33: locked
  readonly listed_bytes?: number // another size than it has
  readonly listed_time?: string
}

export interface FakeViofo extends FakeServer {
  readonly files: Map<string, CardFile> // by path: /DCIM/Movie/2026_0302_074212_000002F.MP4
  recording: boolean | null // null: the reply says nothing of it
  xml: 'sound' | 'absent' | 'empty' | 'broken' // the listing by cmd=3015
  sized: boolean // whether listings tell their length
  readonly deleted: string[] // paths, in order
  refuses: boolean // to delete anything
}

const XML = '<?xml version="1.0" encoding="UTF-8" ?>\n'
const FOLDERS = ['/DCIM/Movie', '/DCIM/Movie/Parking', '/DCIM/Movie/RO', '/DCIM/Parking', '/DCIM/RO', '/DCIM']

export async function fakeViofo(files: Iterable<readonly [string, CardFile]> = []): Promise<FakeViofo> {
  const card = new Map(files)
  const fake: FakeViofo = Object.assign(await serve(answer), { files: card, recording: false, xml: 'sound' as const, sized: false, deleted: [], refuses: false })
  return fake

  function answer(url: URL): Answer {
    if (url.searchParams.get('custom') === '1') return command(Number(url.searchParams.get('cmd')), url.searchParams.get('str'))
    const path = decodeURIComponent(url.pathname).replace(/\/$/, '')
    const file = card.get(path)
    if (file) return { content: file.content, type: 'video/mp4' }
    return FOLDERS.includes(path) ? { text: index(path), type: 'text/html', sized: fake.sized } : 404
  }

  function command(cmd: number, str: string | null): Answer {
    if (cmd === 4003) return xml(`<Function>\n<Cmd>4003</Cmd>\n<Status>${remove(str ?? '') ? 0 : -4}</Status>\n</Function>\n`)
    if (cmd === 3016) return xml(`<Function>\n  <Cmd>3016</Cmd>\n  <Status>0</Status>\n</Function>\n`)
    if (cmd === 3014) return xml(`<Function>\n<Cmd>2003</Cmd>\n<Status>5</Status>\n<Function>\n<Cmd>2005</Cmd>\n<Status>0</Status>\n<String>6,6,6</String>\n</Function>${fake.recording === null ? '' : `<Cmd>2001</Cmd>\n<Status>${fake.recording ? 1 : 0}</Status>\n`}<Cmd>2006</Cmd>\n<Status>0</Status>\n</Function>\n`)
    if (cmd !== 3015 || fake.xml === 'absent') return 404
    if (fake.xml === 'broken') return { text: listing(card).slice(0, 700), type: 'text/xml', sized: fake.sized }
    return { text: fake.xml === 'empty' ? `${XML}<LIST>\n</LIST>\n` : listing(card), type: 'text/xml', sized: fake.sized }
  }
  /** By a path of its own: `A:\\DCIM\\Movie\\…`. */
  function remove(where: string): boolean {
    const path = /^A:(\\.+)$/.exec(where)?.[1]?.replaceAll('\\', '/')
    if (fake.refuses || path === undefined || !card.delete(path)) return false
    fake.deleted.push(path)
    return true
  }
  function xml(text: string): Answer {
    return { text: XML + text, type: 'text/xml' }
  }


  function index(folder: string): string {
    const rows = [...card].filter(([path]) => path.slice(0, path.lastIndexOf('/')) === folder)
      .map(([path, file]) => `<tr><td><a href="${path}"><b>${nameOf(path)}</b></a><td align=right> ${((file.listed_bytes ?? file.content.bytes) / 2 ** 20).toFixed(2)} MB<td align=right>${file.listed_time ?? file.time}<td align=right><a href="${path}?del=1"><b>Remove</b></a>\n`)
    return `<html><body><table>\n${rows.join('')}</table></body></html>\n`
  }
}

/** The reply to cmd=3015. `TIMECODE` is some number: never a time. */
export function listing(card: ReadonlyMap<string, CardFile>): string {
  const rows = [...card].map(([path, file], i) => `<ALLFile><File>
<NAME>${nameOf(path)}</NAME>
<FPATH>A:${path.replaceAll('/', '\\')}</FPATH>
<SIZE>${file.listed_bytes ?? file.content.bytes}</SIZE>
<TIMECODE>${1504235027 + i * 1_234_567}</TIMECODE>
<TIME>${file.listed_time ?? file.time}</TIME>
<ATTR>${file.attr ?? 32}</ATTR></File>
</ALLFile>
`)
  return `${XML}<LIST>\n${rows.join('')}</LIST>\n`
}

const nameOf = (path: string) => path.slice(path.lastIndexOf('/') + 1)

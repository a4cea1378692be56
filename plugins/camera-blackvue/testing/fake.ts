/** A BlackVue as it answers on its network. Imports nothing of the plugin. */
import { serve, type Answer, type Content, type FakeServer } from '../../camera/testing/serve.ts'

export interface FakeBlackvue extends FakeServer {
  readonly files: Map<string, Content> // by name: 20260718_060329_NF.mp4, 20260718_060329_N.gps
}

/** @param files The listing names the .mp4 only, each with a size that is none, as the cameras do. */
export async function fakeBlackvue(files: Iterable<readonly [string, Content]> = []): Promise<FakeBlackvue> {
  const card = new Map(files)
  const server = await serve((url): Answer => {
    if (url.pathname === '/blackvue_vod.cgi') {
      const rows = [...card.keys()].filter((name) => name.endsWith('.mp4')).map((name) => `n:/Record/${name},s:1000000\r\n`)
      return { text: `v:1.00\r\n${rows.join('')}`, type: 'text/plain', sized: false }
    }
    const file = card.get(url.pathname.replace(/^\/Record\//, ''))
    return file ? { content: file, type: 'video/mp4' } : 404
  })
  return Object.assign(server, { files: card })
}

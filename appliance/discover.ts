/** Appliances of the local network by multicast DNS (RFC 6762, service type `_viewshed._tcp`). */
import { Bonjour } from 'bonjour-service'
import { Fault } from '../core/contract/fault.ts'

const TYPE = 'viewshed'
const LISTEN_MS = 3_000

export interface Found { readonly name: string; readonly address: string } // `http://192.168.1.20:8080`

/** What multicast-dns may be told: the interface whose network is meant, and a port of its own. */
export interface Where { readonly interface?: string; readonly bind?: string; readonly port?: number }

/** Lets others find the appliance until the returned function is called. */
export function announce({ name, port }: { readonly name: string; readonly port: number }, where: Where = {}): () => Promise<void> {
  // What the network has against it is no reason not to run: devices can be given the address.
  const bonjour = new Bonjour(where, () => undefined)
  bonjour.publish({ name, type: TYPE, port, probe: false })
  return () => new Promise((gone) => bonjour.unpublishAll(() => bonjour.destroy(() => gone())))
}

/** Those that answer within `listen_ms`, by name. */
export async function discover(where: Where = {}, listen_ms = LISTEN_MS): Promise<Found[]> {
  const bonjour = new Bonjour(where, () => undefined)
  const found = new Map<string, Found>()
  const browser = bonjour.find({ type: TYPE }, ({ name, port, addresses = [], referer }) => {
    const ip = referer?.address ?? addresses[0] // the address that it answers from can be reached; of those that it names, who knows
    if (ip !== undefined) found.set(name, { name, address: `http://${ip.includes(':') ? `[${ip}]` : ip}:${port}` })
  })
  await new Promise((done) => setTimeout(done, listen_ms))
  browser.stop()
  await new Promise<void>((gone) => bonjour.destroy(() => gone()))
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** The one that is meant. @param wish its name, or null. Throws Fault `not-found` with what to do. */
export function choose(found: readonly Found[], wish: string | null): Found {
  if (found.length === 0) throw new Fault('not-found', 'No appliance answers on this network. Give its address: viewshed agent --join http://nas:8080')
  const named = wish === null ? found : found.filter(({ name }) => name.toLowerCase() === wish.toLowerCase())
  if (named.length === 1) return named[0]!
  const list = found.map(({ name, address }) => `  ${name}  ${address}`).join('\n')
  throw new Fault('not-found', wish === null ? `Several appliances answer; say which, as in viewshed agent --join ${found[0]!.name}\n${list}` : `No appliance is called ${wish} here. There are\n${list}`)
}

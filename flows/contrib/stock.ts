/**
 * The palette in a Node-RED that is not ours: what `node-red-contrib-viewshed` runs. Bundled into one file, for Node reads no TypeScript
 * inside `node_modules`.
 */
import { Fault } from '../../core/contract/fault.ts'
import type { BeatAnswer } from '../../core/tasks/seat.ts'
import { nodeRoutes } from '../admin.ts'
import { checkFlow } from '../check.ts'
import { createNodes, type LiveNodes } from '../nodes.ts'
import type { Palette } from '../palette.ts'
import type { FlowEntry, RedNode, StockApi } from '../red.ts'
import { track, type Tracker } from '../tracker.ts'
import { onUncaught } from '../uncaught.ts'
import { openLink, type Link, type Trouble } from './link.ts'

/** What lies beside the bundle. */
export interface Packed { readonly version: string; readonly palette: Palette }

/** Hands the palette over to Node-RED, file by file. */
export interface Stock {
  /** The node in which somebody says where their appliance is. */
  appliance(red: StockApi): void
  plugin(red: StockApi, name: string): void
}

/** Of the node `viewshed`, which says where the appliance is. */
export const APPLIANCE = 'viewshed'

const TICK_MS = 1_000

let made: Stock | null = null

/** Always the same: all files of the palette share one. */
export const stock = (packed: Packed): Stock => (made ??= create(packed))

interface Appliance { readonly node: RedNode; readonly address: string; readonly key: string }

function create({ version, palette }: Packed): Stock {
  const appliances = new Map<string, Appliance>() // by id of their nodes
  const types = new Set(palette.filter(({ kind }) => kind !== 'rule').map(({ type }) => type))
  let red: StockApi | null = null
  let link: Link | null = null
  let linked: Appliance | null = null
  let flow: readonly FlowEntry[] | null = null // that runs
  let trouble: Trouble | null = null
  let told: BeatAnswer | null = null
  let tracker: Tracker | null = null // one for all links: it knows of each message whose it was
  let ended = (_root: string): void => undefined

  const now = (): Link => {
    if (link === null) throw new Fault('flows/unavailable', `${trouble?.sentence ?? NOT_SET.sentence}`)
    return link
  }
  const nodes: LiveNodes = createNodes({
    palette,
    ask: (...args) => now().ask(...args),
    nameOf: (message) => link?.nameOf(message) ?? null,
    core: {
      call: async (...args) => now().core.call(...args),
      again: async (...args) => now().core.again(...args),
      lastEvent: async (...args) => now().core.lastEvent(...args),
    },
    emit: async (...args) => now().emit(...args),
  })

  function say(next: Trouble | null): void {
    if (next?.sentence === trouble?.sentence) return
    trouble = next
    nodes.say(next?.word ?? null)
    const { node } = linked ?? [...appliances.values()][0] ?? {}
    if (next !== null) node?.warn(next.sentence)
  }

  function hear(answer: BeatAnswer): void {
    if (answer.version !== version && told?.version !== answer.version) linked?.node.warn(`The appliance is Viewshed ${answer.version} and this palette was made of ${version}: what one of them does not know is refused. Install the palette of the appliance’s version.`)
    told = answer
    nodes.count(answer.counts)
  }

  function tracked(onEnded: (root: string) => void): Tracker {
    ended = onEnded
    return tracker!
  }

  /** The appliance that is set, or what is wrong with that. */
  function chosen(): Appliance | Trouble {
    const all = [...appliances.values()].filter(({ address }) => address !== '')
    const [one] = all
    if (!one) return NOT_SET
    if (all.some(({ address, key }) => address !== one.address || key !== one.key)) return { word: 'two appliances are set', sentence: 'One Node-RED runs the flows of one appliance: leave one of the nodes “Viewshed appliance” in its configuration.' }
    if (!URL.canParse(one.address) || !/^https?:$/.test(new URL(one.address).protocol)) return { word: 'its address is none', sentence: `${one.address} is no address such as http://viewshed.lan:8080.` }
    if (one.key === '') return { word: 'no key is set', sentence: 'The node “Viewshed appliance” has no key. `viewshed keys add NAME --role flows` makes one, on the appliance.' }
    return one
  }

  function drop(): void {
    link?.close()
    link = null
    linked = null
  }

  function connect(): void {
    const one = chosen()
    if ('word' in one) {
      drop()
      return say(one)
    }
    if (link !== null && linked?.address === one.address && linked.key === one.key) linked = one
    else {
      drop()
      linked = one
      link = openLink({
        address: one.address, key: one.key, red: red!, tracked, nodes: () => nodes, onTrouble: say, onTold: hear,
        onLost() {
          drop()
          connect()
        },
      })
    }
    if (flow !== null) link.started(flow, flow.some(runsOurs(flow, types)) ? null : 'no node of Viewshed is in its flow')
  }

  function open(api: StockApi): void {
    if (red !== null) return
    red = api
    tracker = track(api.hooks, { onEnded: (root) => ended(root) })
    onUncaught(api.log, (node, fault) => link?.failed(node, fault))
    nodeRoutes(api, {
      again: (id) => nodes.again(id),
      check: (entries) => checkFlow(entries, { palette, unable: (stage) => told?.unable[stage] ?? null, isKnown: () => true }), // Node-RED itself says which types are missing
    })
    api.events.on('flows:started', ({ config }) => {
      flow = config.flows
      connect()
    })
    api.events.on('flows:stopping', () => {
      flow = null
      link?.stopping()
    })
    setInterval(() => { if (link !== null) nodes.tick() }, TICK_MS).unref()
  }

  return {
    appliance(api) {
      open(api)
      api.nodes.registerType(APPLIANCE, function (config) {
        api.nodes.createNode(this, config)
        appliances.set(this.id, { node: this, address: String(config['address'] ?? '').trim().replace(/\/+$/, ''), key: this.credentials?.['key']?.trim() ?? '' })
        this.on('close', () => void appliances.delete(this.id))
      }, { credentials: { key: { type: 'password' } } })
    },
    plugin(api, name) {
      open(api)
      nodes.register(api, name)
    },
  }
}

const NOT_SET: Trouble = { word: 'no appliance set', sentence: 'No appliance is set: open a node of Viewshed, and say at “Appliance” where yours is.' }

/** Whether a node is one of ours, and neither it nor its tab is disabled. */
function runsOurs(flow: readonly FlowEntry[], types: ReadonlySet<string>): (entry: FlowEntry) => boolean {
  const off = new Set(flow.filter(({ disabled }) => disabled).map(({ id }) => id))
  return ({ type, z, d }) => types.has(type) && !d && !off.has(z ?? '')
}

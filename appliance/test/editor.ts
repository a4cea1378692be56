/** An appliance with the real Node-RED, and a real browser before it: what somebody sees and does in the editor, with mouse and keyboard alone. */
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Locator, type Page } from 'playwright-core'
import { readConfig } from '../config.ts'
import { serve, type Appliance } from '../serve.ts'

const CHROMIUM = '/usr/bin/chromium'
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']
const SCREENS = join(import.meta.dirname, '..', '..', '.viewshed', 'screens')

export const installed = existsSync(CHROMIUM)
/** For the title of a suite: why it did not run. */
export const skipped = installed ? '' : `: skipped, ${CHROMIUM} is not installed`

export interface Desk {
  readonly box: Appliance
  readonly page: Page
  readonly inbox: string
  readonly userDir: string // of Node-RED
  /** Opens our page that nobody set up yet, and makes the administrator. */
  setUp(): Promise<void>
  node(label: string): Locator
  /** Where it is when it has come to rest: the palette slides, the canvas scrolls. */
  middle(of: Locator): Promise<[number, number]>
  drag(from: [number, number], to: [number, number]): Promise<void>
  wire(from: string, to: string): Promise<void>
  deploy(): Promise<void>
  /** Until the editor says so: what it says is gone after seconds, which a busy machine may not look at. `since` forgets what it said before. */
  told(text: string, since?: () => Promise<void>): Promise<void>
  /** Kept to be looked at. */
  shot(name: string): Promise<void>
  /** The appliance ends, something happens to its files, and it begins again. */
  restart(between: () => Promise<void>): Promise<void>
  end(): Promise<void>
}

/** Notes what the editor says. */
const LISTEN = `
  globalThis.said = []
  new MutationObserver((changes) => {
    for (const { addedNodes } of changes) for (const added of addedNodes) if (added.parentElement?.closest('#red-ui-notifications')) said.push(added.textContent)
  }).observe(document, { childList: true, subtree: true })
`
type Said = typeof globalThis & { said?: string[] }

export async function desk(colorScheme: 'light' | 'dark' = 'light'): Promise<Desk> {
  const folder = await mkdtemp(join(tmpdir(), 'viewshed-editor-'))
  await mkdir(SCREENS, { recursive: true })
  process.env.VIEWSHED_LOG = 'silent'
  const env = { VIEWSHED_CONFIG: join(folder, 'config'), VIEWSHED_MEDIA: join(folder, 'media'), VIEWSHED_HOST: '127.0.0.1', VIEWSHED_PORT: '0', VIEWSHED_MQTT_PORT: '0' }
  const config = readConfig(env)
  await mkdir(config.inbox, { recursive: true })
  let box = await serve(config)
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
  const page = await (await browser.newContext({ viewport: { width: 1600, height: 900 }, colorScheme })).newPage()
  page.setDefaultTimeout(60_000)
  await page.addInitScript({ content: LISTEN })
  page.on('dialog', (dialog) => void dialog.accept()) // leaving what was drawn and not deployed

  const node = (label: string) => page.locator('.red-ui-flow-node-group', { has: page.locator('.red-ui-flow-node-label', { hasText: new RegExp(`^${label}$`) }) })
  const middle = async (of: Locator): Promise<[number, number]> => {
    await of.first().scrollIntoViewIfNeeded()
    for (let before = ''; ;) {
      const { x, y, width, height } = (await of.first().boundingBox())!
      const now = `${x} ${y}`
      if (now === before) return [x + width / 2, y + height / 2]
      before = now
      await page.waitForTimeout(400)
    }
  }
  const drag = async (from: [number, number], to: [number, number]) => {
    await page.mouse.move(...from)
    await page.mouse.down()
    await page.mouse.move(from[0] + 20, from[1] + 10, { steps: 4 })
    await page.mouse.move(...to, { steps: 12 })
    await page.mouse.up()
  }
  const told = async (text: string, since?: () => Promise<void>) => {
    if (since) await page.evaluate(() => { (globalThis as Said).said!.length = 0 })
    await since?.()
    await page.waitForFunction((wanted) => (globalThis as Said).said!.some((said) => said.includes(wanted)), text)
  }
  return {
    get box() { return box },
    page, inbox: config.inbox, userDir: join(config.folder, 'node-red'), node, middle, drag,
    async setUp() {
      await page.goto(`${box.url}/setup?token=${await box.access.setupToken()}`)
      await page.getByLabel('Name').fill('Ann')
      for (const field of await page.locator('input[type=password]').all()) await field.fill('correct horse battery')
      await page.keyboard.press('Enter')
      await page.waitForURL(`${box.url}/`)
    },
    wire: async (from, to) => drag(await middle(node(from).locator('.red-ui-flow-port-output')), await middle(node(to).locator('.red-ui-flow-port-input'))),
    deploy: () => told('Successfully deployed', () => page.locator('#red-ui-header-button-deploy').click()),
    told,
    async shot(name) { await page.screenshot({ path: join(SCREENS, `${name}.png`) }) },
    async restart(between) {
      const port = new URL(box.url).port
      await box.close()
      await between()
      box = await serve(readConfig({ ...env, VIEWSHED_PORT: port })) // the browser's session is for this one
    },
    async end() {
      await browser.close()
      await box.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

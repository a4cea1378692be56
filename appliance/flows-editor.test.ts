/** Somebody rewires the pipeline in a real browser, with mouse and keyboard alone, and what comes in then takes the new way. */
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Browser, type Locator, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readConfig } from './config.ts'
import { serve, type Appliance } from './serve.ts'

const CHROMIUM = '/usr/bin/chromium'
const installed = existsSync(CHROMIUM)
const skipped = installed ? '' : `: skipped, ${CHROMIUM} is not installed`
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']
const ROOT = join(import.meta.dirname, '..')
const SCREENS = join(ROOT, '.viewshed', 'screens')
const GPX = `<?xml version="1.0"?><gpx version="1.1" creator="test" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>${
  Array.from({ length: 60 }, (_, i) => `<trkpt lat="${52.5 + i / 10_000}" lon="13.4"><time>2026-11-20T12:00:${String(i).padStart(2, '0')}Z</time></trkpt>`).join('')}</trkseg></trk></gpx>`

let folder = ''
let box: Appliance
let browser: Browser
let page: Page
let inbox = ''

describe.skipIf(!installed)(`the editor in a browser${skipped}`, () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'viewshed-editor-'))
    await mkdir(SCREENS, { recursive: true })
    process.env.VIEWSHED_LOG = 'error'
    const config = readConfig({ VIEWSHED_CONFIG: join(folder, 'config'), VIEWSHED_MEDIA: join(folder, 'media'), VIEWSHED_HOST: '127.0.0.1', VIEWSHED_PORT: '0', VIEWSHED_MQTT_PORT: '0' })
    inbox = config.inbox
    await mkdir(inbox, { recursive: true })
    box = await serve(config)
    browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
    page = await (await browser.newContext({ viewport: { width: 1600, height: 900 } })).newPage()
    page.setDefaultTimeout(60_000)
  }, 180_000)
  afterAll(async () => {
    await browser?.close()
    await box?.close()
    await rm(folder, { recursive: true, force: true })
  }, 60_000)

  const node = (label: string): Locator => page.locator('.red-ui-flow-node-group', { has: page.locator('.red-ui-flow-node-label', { hasText: new RegExp(`^${label}$`) }) })
  /** Where it is when it has come to rest: the palette slides. */
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

  test('opened from the Work page without a second sign-in, a stage is dragged in, wired and deployed; a file takes the new way', async () => {
    await page.goto(`${box.url}/setup?token=${await box.access.setupToken()}`)
    await page.getByLabel('Name').fill('Ann')
    for (const field of await page.locator('input[type=password]').all()) await field.fill('correct horse battery')
    await page.keyboard.press('Enter')
    await page.waitForURL(`${box.url}/`)
    await page.goto(`${box.url}/work`)
    await page.getByRole('link', { name: 'Edit in Node-RED' }).click()
    await node('taken\\?').waitFor()
    expect(page.url()).toContain('/flows')
    expect(await page.locator('input[type=password]:visible').count()).toBe(0)

    const inPalette = page.locator('.red-ui-palette-node[data-palette-type="flow.keep"]')
    await page.locator('#red-ui-palette-search input').pressSequentially('keep', { delay: 60 })
    await page.locator('.red-ui-palette-node[data-palette-type="folder.arrived"]').waitFor({ state: 'hidden' })
    const [x, y] = await middle(node('taken\\?'))
    await drag(await middle(inPalette), [x + 40, y + 420])
    await node('Keep').waitFor()
    // It leads nowhere yet, and says so before anything is deployed.
    await page.waitForFunction(() => (globalThis as unknown as { document: { querySelectorAll(what: string): Iterable<{ classList: { contains(name: string): boolean } }> } }).document.querySelectorAll('.viewshed-warning:not(.hide)')[Symbol.iterator]().next().done === false)
    await page.screenshot({ path: join(SCREENS, 'flows-dragged.png') })
    await drag(await middle(node('taken\\?').locator('.red-ui-flow-port-output')), await middle(node('Keep').locator('.red-ui-flow-port-input')))
    await page.screenshot({ path: join(SCREENS, 'flows-wired.png') })
    await page.locator('#red-ui-header-button-deploy').click()
    await page.getByText('Successfully deployed').waitFor()
    await page.screenshot({ path: join(SCREENS, 'flows-deployed.png') })

    await writeFile(join(inbox, 'drive.gpx'), GPX)
    await page.goto(`${box.url}/work?state=complete&stage=flow.keep`)
    await page.getByRole('region', { name: 'Tasks' }).locator('tr.pick').first().waitFor({ timeout: 120_000 })
    await page.screenshot({ path: join(SCREENS, 'flows-taken.png') })
    const { tasks } = (await (await page.request.get(`${box.url}/api/tasks?stage=flow.keep`)).json()) as { tasks: { state: string; device: string }[] }
    expect(tasks).toMatchObject([{ state: 'complete', device: 'core' }])
  }, 300_000)
})

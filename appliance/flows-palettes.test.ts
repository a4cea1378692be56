/** Palettes of others, as an administrator meets them in a real browser before a real appliance: off, under what it means on, installed, used, removed. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { NAME, packPackage, VERSION } from '../flows/testing/package.ts'
import { desk, installed, skipped, type Desk } from './test/editor.ts'

describe.skipIf(!installed)(`palettes of others in a browser${skipped}`, { timeout: 180_000 }, () => {
  let d: Desk
  let dir: string
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'palettes-'))
    d = await desk()
    await d.setUp()
  }, 180_000)
  afterAll(async () => {
    await d?.end()
    await rm(dir, { recursive: true, force: true })
  }, 60_000)

  const editor = async () => {
    await d.page.goto(`${d.box.url}/flows`)
    await d.node('A file was refused').waitFor()
    await d.page.locator('#red-ui-header-button-sidemenu').click()
    await d.page.locator('#red-ui-header-button-sidemenu-submenu').waitFor()
  }
  const managing = () => d.page.locator('#red-ui-header-button-sidemenu-submenu').getByText('Manage palette')
  const panel = () => d.page.getByRole('region', { name: 'Palettes of others' })
  const settings = async () => {
    await d.page.goto(`${d.box.url}/settings`)
    await panel().waitFor()
  }
  const palette = () => d.page.locator('.red-ui-palette-node[data-palette-type=upside-down]')

  test('the editor offers none, until it is switched on in the settings with the name of the box; then one is uploaded and is a node', async () => {
    await editor()
    expect(await managing().count()).toBe(0)

    await settings()
    await panel().getByRole('button', { name: 'Let them be installed…' }).click()
    await d.page.getByRole('dialog').getByText('delete every recording').waitFor()
    await d.page.getByLabel(/the name of this box/).fill((await (await d.page.request.get(`${d.box.url}/api/status`)).json() as { box: string }).box)
    await d.page.keyboard.press('Enter')
    await panel().getByText(/by Ann\./).waitFor()
    await d.page.getByRole('region', { name: 'What Node-RED says' }).getByText('Started flows').nth(1).waitFor() // again

    await editor()
    await managing().click()
    const sheet = d.page.locator('.red-ui-palette-editor, #red-ui-settings-tab-palette').first()
    await sheet.getByText('Install', { exact: true }).first().click()
    await d.shot('flows-palette-manager')
    const file = await packPackage(dir)
    const choosing = d.page.waitForEvent('filechooser')
    await sheet.getByRole('button', { name: /upload/i }).or(sheet.locator('.red-ui-palette-editor-upload-button, button:has(.fa-upload)')).first().click()
    await (await choosing).setFiles(file)
    const upload = sheet.locator('.red-ui-palette-editor-upload .primary, .placeholder-upload .primary').or(sheet.getByRole('button', { name: 'Upload', exact: true })).first()
    await upload.click()
    await palette().waitFor({ state: 'attached' })
    await d.shot('flows-palette-installed')
  })

  test('it is on the canvas, wired and deployed; the settings name it, and removed there it is gone and what misses it is said', async () => {
    await settings()
    await panel().getByText(NAME).waitFor()
    await panel().getByText(VERSION).waitFor()
    await d.shot('settings-palette')

    await d.page.goto(`${d.box.url}/flows`)
    await d.node('A file was refused').waitFor()
    await palette().scrollIntoViewIfNeeded()
    const [x, y] = await d.middle(d.node('A file was refused'))
    await d.drag(await d.middle(palette()), [x, y + 120])
    await d.wire('A file was refused', 'upside down')
    await d.deploy()
    await d.shot('flows-palette-deployed')

    await settings()
    await panel().getByRole('button', { name: `Remove ${NAME}` }).click()
    await d.page.getByRole('dialog').getByRole('button', { name: 'Remove it' }).click()
    await panel().getByText('None is installed.').waitFor()
    await d.page.getByText(/It has nodes of types that are not installed: upside-down/).first().waitFor()
    await d.shot('settings-palette-missed')
  })
})

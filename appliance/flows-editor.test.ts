/** Somebody rewires the pipeline in a real browser, with mouse and keyboard alone, and what comes in then takes the new way. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { desk, installed, skipped, type Desk } from './test/editor.ts'

const GPX = `<?xml version="1.0"?><gpx version="1.1" creator="test" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>${
  Array.from({ length: 60 }, (_, i) => `<trkpt lat="${52.5 + i / 10_000}" lon="13.4"><time>2026-11-20T12:00:${String(i).padStart(2, '0')}Z</time></trkpt>`).join('')}</trkseg></trk></gpx>`

describe.skipIf(!installed)(`the editor in a browser${skipped}`, () => {
  let d: Desk
  beforeAll(async () => { d = await desk() }, 180_000)
  afterAll(() => d?.end(), 60_000)

  test('opened from the Work page without a second sign-in, a stage is dragged in, wired and deployed; a file takes the new way', async () => {
    const { page, node, middle, drag } = d
    await d.setUp()
    await page.goto(`${d.box.url}/work`)
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
    await page.locator('.viewshed-warning:not(.hide)').first().waitFor()
    await d.shot('flows-dragged')
    await d.wire('taken\\?', 'Keep')
    await d.shot('flows-wired')
    await d.deploy()
    await d.shot('flows-deployed')

    await writeFile(join(d.inbox, 'drive.gpx'), GPX)
    await page.goto(`${d.box.url}/work?state=complete&stage=flow.keep`)
    await page.getByRole('region', { name: 'Tasks' }).locator('tr.pick').first().waitFor({ timeout: 120_000 })
    await d.shot('flows-taken')
    const { tasks } = (await (await page.request.get(`${d.box.url}/api/tasks?stage=flow.keep`)).json()) as { tasks: { state: string; device: string }[] }
    expect(tasks).toMatchObject([{ state: 'complete', device: 'core' }])
  }, 300_000)

  test('one click on a stage of the picture opens the editor at its node, chosen and in the middle', async () => {
    const { page } = d
    await page.goto(`${d.box.url}/work`)
    await page.getByRole('link', { name: 'Read plates in the editor' }).click()
    const chosen = page.locator('.red-ui-flow-node-selected')
    await chosen.waitFor()
    expect(await chosen.locator('.red-ui-flow-node-label').textContent()).toBe('Read plates')
    // By itself the editor leaves it half behind the side bar.
    await expect.poll(async () => {
      const [of, at] = [(await page.locator('#red-ui-workspace-chart').boundingBox())!, (await chosen.boundingBox())!]
      return Math.abs(at.x + at.width / 2 - of.x - of.width / 2)
    }, { timeout: 10_000 }).toBeLessThan(40)
    await d.shot('flows-at-node')
  }, 120_000)

  test('a tab that is exported and imported has its junctions and groups again, and the wires through them', async () => {
    const { page } = d
    await page.evaluate(() => {
      const { view } = (globalThis as unknown as { RED: { view: { importNodes(nodes: object[], how: object): void } } }).RED
      view.importNodes([
        { id: 'around', type: 'tab', label: 'Round the corner' },
        { id: 'group', type: 'group', z: 'around', name: 'Both', nodes: ['from'], style: { label: true }, x: 100, y: 60, w: 200, h: 80 },
        { id: 'bend', type: 'junction', z: 'around', x: 300, y: 100, wires: [['to']] },
        { id: 'from', type: 'function', z: 'around', g: 'group', name: 'From', func: 'return msg', outputs: 1, x: 200, y: 100, wires: [['bend']] },
        { id: 'to', type: 'function', z: 'around', name: 'To', func: 'return msg', outputs: 1, x: 420, y: 100, wires: [[]] },
      ], { generateIds: false })
    })
    await page.evaluate(() => (globalThis as unknown as { RED: { workspaces: { show(id: string): void }; sidebar: { show(id: string): void } } }).RED.workspaces.show('around'))
    await page.evaluate(() => (globalThis as unknown as { RED: { sidebar: { show(id: string): void } } }).RED.sidebar.show('viewshed'))
    await page.locator('.viewshed-bar summary', { hasText: 'Pipelines' }).click()
    const saved = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Export this tab' }).click()
    await page.getByLabel('A pipeline’s file').setInputFiles({ name: 'around.json', mimeType: 'application/json', buffer: await readFile(await (await saved).path()) })
    interface Entry { readonly id: string; readonly type: string; readonly z?: string; readonly g?: string; readonly name?: string; readonly label?: string; readonly wires?: readonly (readonly string[])[] }
    const flow = () => page.evaluate(() => (globalThis as unknown as { RED: { nodes: { createCompleteNodeSet(how: object): unknown[] } } }).RED.nodes.createCompleteNodeSet({ credentials: false })) as Promise<Entry[]>
    const imported = async () => (await flow()).find(({ type, label, id }) => type === 'tab' && label === 'Round the corner' && id !== 'around')?.id
    await expect.poll(imported, { timeout: 20_000 }).toBeDefined()
    const tab = await imported()
    const on = (await flow()).filter(({ z }) => z === tab)
    const [from, bend, to, group] = [on.find(({ name }) => name === 'From'), on.find(({ type }) => type === 'junction'), on.find(({ name }) => name === 'To'), on.find(({ type }) => type === 'group')]
    expect([from!.wires, bend!.wires, from!.g]).toEqual([[[bend!.id]], [[to!.id]], group!.id])
  }, 120_000)

  test('before one goes back, the nodes are named that come back without their passwords', async () => {
    const { page } = d
    await page.evaluate(() => {
      const { view, workspaces } = (globalThis as unknown as { RED: { view: { importNodes(nodes: object[], how: object): void }; workspaces: { show(id: string): void } } }).RED
      view.importNodes([
        { id: 'asks', type: 'tab', label: 'Asks' },
        { id: 'ask', type: 'http request', z: 'asks', name: 'Ask the gate', method: 'GET', ret: 'txt', url: 'http://127.0.0.1:1', x: 300, y: 100, wires: [[]] },
      ], { generateIds: false })
      workspaces.show('asks')
    })
    await d.deploy()
    await page.mouse.click(...await d.middle(d.node('Ask the gate')))
    await page.keyboard.press('Delete')
    await d.node('Ask the gate').waitFor({ state: 'detached' })
    await d.deploy()
    await page.locator('.viewshed-bar summary', { hasText: 'Versions' }).click()
    await page.locator('.viewshed-bar').getByText('1 removed · now').waitFor() // until then the list is that of before this deploy
    await page.locator('.viewshed-bar').getByRole('button', { name: 'Go back' }).first().click()
    const told = page.locator('.red-ui-notification', { hasText: 'come back without the passwords' })
    await told.waitFor()
    expect(await told.locator('li').allInnerTexts()).toEqual(['Ask the gate (http request)'])
    await d.shot('flows-go-back-bare')
    await told.getByRole('button', { name: 'Cancel' }).click()
  }, 120_000)
})

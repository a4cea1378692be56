/** Somebody rewires the pipeline in a real browser, with mouse and keyboard alone, and what comes in then takes the new way. */
import { writeFile } from 'node:fs/promises'
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
})

/** What surrounds a deploy, and what is bad input, as somebody meets it in a real browser before a real appliance. */
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Answer } from '../core/http/api.ts'
import type { FlowEntry } from '../flows/red.ts'
import { desk, installed, skipped, type Desk } from './test/editor.ts'

describe.skipIf(!installed)(`deploying in a browser${skipped}`, { timeout: 180_000 }, () => {
  let d: Desk
  beforeAll(async () => {
    d = await desk('dark')
    await d.setUp()
  }, 180_000)
  afterAll(() => d?.end(), 60_000)
  beforeEach(() => open())

  const open = async () => {
    await d.page.goto(`${d.box.url}/flows`)
    await d.node('A file was refused').waitFor()
    await d.page.locator('.viewshed-bar', { hasText: 'Drive' }).waitFor({ state: 'attached' }) // the side bar has been told
  }
  const answer = async <T>(path: string) => (await (await d.page.request.get(`${d.box.url}/api/${path}`)).json()) as T
  const links = async () => (await answer<Answer<'work'>>('work')).links.map(({ from, to }) => `${from} → ${to}`)
  const trouble = async () => (await answer<Answer<'status'>>('status')).flows.trouble
  const mark = (label: string, level: 'error' | 'warning' = 'error') => d.node(label).locator(`.viewshed-${level}:not(.hide)`)
  const part = async (title: string) => {
    if (!(await d.page.locator('.viewshed-bar').isVisible())) await d.page.getByRole('button', { name: 'Viewshed', exact: true }).click()
    const of = d.page.locator('.viewshed-bar details', { hasText: title })
    if ((await of.getAttribute('open')) === null) {
      await of.locator('summary').focus()
      await d.page.keyboard.press('Enter')
    }
    return of
  }
  /** The page comes anew with what the server has. */
  const confirmed = async (name: string) => {
    const loaded = d.page.waitForEvent('load')
    await d.page.locator('.red-ui-notification').getByRole('button', { name }).click()
    await loaded
    await d.node('A file was refused').waitFor()
  }
  const banner = async () => {
    await d.page.goto(`${d.box.url}/work`)
    const said = d.page.locator('.stuck')
    await expect.poll(async () => (await said.innerText()).includes('starting'), { timeout: 60_000 }).toBe(false)
    return (await said.innerText()).replace(/\s+/g, ' ')
  }

  test('what does not fit is said on the node before the deploy, and in the deploy’s notification; a message that comes all the same is refused on the node', async () => {
    await d.wire('A file was refused', 'Archive copy')
    await mark('Archive copy').waitFor()
    await d.page.mouse.move(...await d.middle(mark('Archive copy')))
    const words = 'It takes media (file), which nothing before it gives.'
    await d.page.locator('.red-ui-popover, .red-ui-flow-port-tooltip', { hasText: words }).first().waitFor()
    await d.shot('flows-mismatch')
    await d.deploy()
    const told = d.page.locator('.red-ui-notification', { hasText: 'Something can be said against it' })
    await told.getByText(words).first().waitFor()
    expect(await told.innerText()).toContain(`Archive copy: ${words} It takes sha256 (string), which nothing before it gives.`)
    await d.shot('flows-mismatch-deployed')
    await told.getByRole('button', { name: 'Show all' }).click()
    await d.page.locator('.viewshed-bar').getByText(words).first().waitFor()

    await writeFile(join(d.inbox, 'empty.mp4'), '')
    const status = d.node('Archive copy').locator('.red-ui-flow-node-status-label')
    await expect.poll(() => status.textContent(), { timeout: 60_000 }).toBe('archive.copy: its input does not fit: it lacks media and sha256')
    await d.shot('flows-mismatch-refused')
    expect(await links()).toContain('folder.refused → archive.copy')
  })

  test('the versions in the side bar: what changed since in words, and back to how it was', async () => {
    const versions = await part('Versions')
    await versions.getByRole('button', { name: 'Compare' }).first().click()
    expect(await versions.locator('pre').first().innerText()).toBe('wires\n- Note a refusal\n+ Note a refusal, Archive copy')
    await d.shot('flows-versions')
    await versions.getByRole('button', { name: 'Go back' }).first().click()
    await d.shot('flows-go-back')
    await confirmed('Go back')
    await expect.poll(() => mark('Archive copy').count()).toBe(0)
    expect(await links()).not.toContain('folder.refused → archive.copy')
    expect(await (await part('Versions')).locator('li').first().innerText()).toMatch(/Ann · 1 changed · now/)
  })

  test('a shipped pipeline that somebody took a stage out of is restored, and the rest is left as it is', async () => {
    await d.page.mouse.click(...await d.middle(d.node('Make a filmstrip')))
    await d.page.keyboard.press('Delete')
    await d.node('Make a filmstrip').waitFor({ state: 'detached' })
    await d.deploy()
    await expect.poll(links).not.toContain('clip.probe → clip.filmstrip')
    const pipelines = await part('Pipelines')
    const drive = pipelines.locator('li', { hasText: 'From a file in the inbox' })
    await drive.getByText('Changed.').waitFor()
    await d.shot('flows-pipelines')
    await drive.getByRole('button', { name: 'Restore' }).click()
    await d.shot('flows-restore')
    await confirmed('Restore')
    await d.node('Make a filmstrip').waitFor()
    expect(await links()).toContain('clip.probe → clip.filmstrip')
    await (await part('Pipelines')).locator('li', { hasText: 'From a file in the inbox' }).getByText('As shipped.').waitFor()
  })

  test('a circle, a way that nothing begins and work that no device may do are warned of on their nodes, as they are drawn', async () => {
    const { page } = d
    await page.goto(`${d.box.url}/devices/nas`)
    const may = (name: string) => page.getByRole('checkbox', { name })
    await may('Everything it can').uncheck()
    await may('Make thumbnails').uncheck()
    const kept = page.waitForResponse((response) => response.request().method() !== 'GET' && response.url().includes('/api/devices/nas'))
    await page.getByRole('button', { name: 'Save stages' }).click()
    await kept
    await open()
    await mark('Make thumbnails', 'warning').waitFor()
    const bar = await part('What can be said against it')
    await bar.getByText('Nothing here can run this: no device that could is allowed to.').waitFor()
    await d.wire('moving picture\\?', 'Archive copy')
    await mark('Archive copy', 'warning').waitFor()
    await bar.getByText('It goes round in a circle: Archive copy → moving picture?. Without a way out it never ends.').waitFor()
    await page.mouse.click(...await d.middle(d.node('A folder lacks something')))
    await page.keyboard.press('Delete')
    await mark('Archive folder', 'warning').waitFor()
    await bar.getByText('Nothing leads here: no event begins this way.').waitFor()
    await d.shot('flows-warnings')
  })

  test('a function of 50 MB: the node says so, a deploy is refused in words, and what runs runs on', async () => {
    // As pasted: a clipboard of this size is more than a browser without a screen takes.
    await d.page.evaluate(() => {
      const { view } = (globalThis as unknown as { RED: { view: { importNodes(nodes: object[], how: object): void } } }).RED
      view.importNodes([{ id: 'large', type: 'function', name: 'Large', func: `//${'x'.repeat(50_000_000)}`, outputs: 1, x: 300, y: 420, wires: [[]] }], { generateIds: true, addFlow: false })
    })
    await d.page.mouse.click(...await d.middle(d.page.locator('#red-ui-workspace-chart')))
    await mark('Large').waitFor()
    await (await part('What can be said against it')).getByText('It has 50 MB, and a flow of more than 5 MB is not taken.').waitFor()
    await d.told('Deploy failed: The flow has 50 MB, and more than 5 MB are not taken.', () => d.page.locator('#red-ui-header-button-deploy').click())
    await d.shot('flows-too-large')
    expect((await answer<Answer<'status'>>('status')).flows).toEqual({ running: true, trouble: null, held: 0, stuck: 0, faults: 1, elsewhere: null, last: null }) // the archive copy that could not use a refused file
  })

  const flowFile = () => join(d.userDir, 'flows.json')

  test('a flow with nodes of types that nobody installed: named on our page and on the canvas, taken out with a key, and all runs again', async () => {
    await d.restart(async () => {
      const flow = JSON.parse(await readFile(flowFile(), 'utf8')) as FlowEntry[]
      await writeFile(flowFile(), JSON.stringify([...flow, { id: 'odd', type: 'telegram sender', z: 'viewshed_drive', name: 'Tell me', x: 330, y: 420, wires: [[]] }]))
    })
    expect(await banner()).toBe('The flow does not run. It has nodes of types that are not installed: telegram sender. Take them out in the editor and deploy. What was done waits for it and is not lost. What Node-RED says')
    await d.shot('work-unknown-type')
    await writeFile(join(d.inbox, 'empty-too.mp4'), '') // is taken in all the same, and waits
    await d.page.getByRole('link', { name: 'Edit in Node-RED' }).click()
    await mark('unknown: telegram sender').waitFor()
    await d.page.locator('.red-ui-notification').getByRole('button', { name: 'Close' }).click()
    await d.shot('flows-unknown-type')
    await d.page.mouse.click(...await d.middle(d.node('unknown: telegram sender')))
    await d.page.keyboard.press('Delete')
    await d.deploy()
    await expect.poll(trouble, { timeout: 60_000 }).toBeNull()
    await expect.poll(async () => (await answer<Answer<'refusals'>>('refusals')).refusals.map(({ name }) => name.slice(name.lastIndexOf('/') + 1)), { timeout: 60_000 }).toContain('empty-too.mp4')
  })

  test('a flow file that is no JSON: what was deployed last runs, the file is kept and named until somebody deployed', async () => {
    const before = await links()
    await d.restart(() => writeFile(flowFile(), '[{"id": "viewshed_drive", "type": "ta'))
    const [kept] = (await readdir(d.userDir)).filter((name) => name.startsWith('flows.broken-'))
    expect(await readFile(join(d.userDir, kept!), 'utf8')).toBe('[{"id": "viewshed_drive", "type": "ta')
    await expect.poll(async () => (await answer<Answer<'status'>>('status')).flows.running, { timeout: 60_000 }).toBe(true)
    expect(await banner()).toBe(`The flow is in trouble. The flow file could not be read; it is kept as ${kept}. What was deployed before runs instead: look whether it is what you want, and deploy it. What Node-RED says`)
    await d.shot('work-broken-file')
    expect(await links()).toEqual(before)
    await open()
    const [x, y] = await d.middle(d.node('Make a filmstrip'))
    await d.drag([x, y], [x, y + 40])
    await d.deploy()
    await expect.poll(trouble, { timeout: 60_000 }).toBeNull()
  })
})

/** The settings: Node-RED as administrators see and steer it. Pictures stay in `.viewshed/screens/`. */
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { installed, LOOKS, NOON_MS, plain, sideways, skipped, visit, type Visit } from './chromium.ts'

describe.skipIf(!installed)(`settings in chromium${skipped}`, { timeout: 120_000 }, () => {
  let v: Visit
  beforeAll(async () => { v = await visit('settings') }, 240_000)
  afterAll(async () => { await v?.end() })
  beforeEach(async () => {
    await v.mend()
    v.box.engine.set('runs')
    v.box.engine.holds([])
    v.box.engine.fails([])
  })
  const region = (page: Page, name: string) => page.getByRole('region', { name, exact: true })
  const said = (page: Page) => region(page, 'What Node-RED says').getByRole('listitem')

  for (const [size, theme] of LOOKS) {
    test(`${size}, ${theme}: every state fits its width and complains of nothing`, async () => {
      const page = await v.open(await v.context(size, theme), '/settings')
      const look = v.look(page, size, theme)
      await look('settings', '/settings', '#said li', true)
      await look('settings-letting', '/settings', '#said li', false, async () => { await page.getByRole('button', { name: 'Let them be installed…' }).click(); await page.getByRole('dialog').waitFor() })
      for (const [scene, ready] of [['let', '#said li'], ['stalled', '.stuck'], ['left out', '.stuck']] as const) {
        v.box.engine.set(scene)
        await look(`settings-${scene.replace(' ', '-')}`, '/settings', ready, true)
      }
      await look('settings-remove', '/settings', '#said li', false, async () => { await page.getByRole('button', { name: /^Remove @flowfuse/ }).click(); await page.getByRole('dialog').waitFor() })
      v.box.engine.set('stalled')
      await look('work-stalled', '/work', '.stuck', false)
      v.box.engine.set('starts')
      await look('settings-starts', '/settings', '#said .empty', true)
      v.box.engine.set('elsewhere')
      await look('settings-elsewhere', '/settings', '.facts', true)
      v.box.engine.set('runs')
      await page.close() // an administrator's page goes on asking
      v.box.state.role = 'viewer'
      const viewer = await v.open(await v.context(size, theme), '/settings')
      await v.look(viewer, size, theme)('settings-viewer', '/settings', '.facts', true)
      v.box.state.role = 'admin'
      v.box.state.refuse = { flows: { code: 'log/failed', message: 'The log does not answer.' } }
      await v.look(viewer, size, theme)('settings-error', '/settings', '.page .empty', true)
      expect(v.complaints).toEqual([])
    }, 600_000)
  }

  test('on a phone the settings are one touch away from every page, in light and in dark', async () => {
    for (const theme of ['light', 'dark'] as const) {
      const made = await v.context('phone', theme)
      const page = await v.open(made, '/plates')
      await page.locator('tr.pick').first().waitFor()
      await v.shot(page, `top-phone-${theme}`)
      await page.getByRole('link', { name: 'Settings' }).tap({ timeout: 5_000 })
      await page.getByRole('button', { name: 'Sign out' }).waitFor()
      expect(new URL(page.url()).pathname).toBe('/settings')
      await v.shot(page, `top-settings-phone-${theme}`)
      await page.goto(`${v.box.url}/drives/${v.box.world.drives[0]!.id}`)
      await page.locator('video').waitFor()
      expect(await sideways(page)).toBeLessThanOrEqual(0)
      await v.shot(page, `top-drive-phone-${theme}`)
      await made.close()
    }
  })

  test('palettes of others may be installed once an administrator typed the name of the box under what it means, and no longer when one says so', async () => {
    const page = await v.desk('/settings')
    const palettes = region(page, 'Palettes of others')
    await palettes.getByText(/none can be installed/).waitFor()
    await palettes.getByRole('button', { name: 'Let them be installed…' }).click()
    const dialog = page.getByRole('dialog', { name: 'Let palettes of others be installed?' })
    await dialog.getByText('delete every recording').waitFor()
    const button = dialog.getByRole('button', { name: 'Let them be installed' })
    const field = dialog.getByLabel(/the name of this box/)
    await field.fill('another')
    await field.press('Enter')
    expect([await button.isDisabled(), v.asked('setPalettes')]).toEqual([true, []])
    await field.fill('viewshed')
    await field.press('Enter')
    await dialog.waitFor({ state: 'detached' })
    await palettes.getByText(/^Since today \d\d:\d\d, by anna\./).waitFor()
    await palettes.getByText('None is installed.').waitFor()
    await palettes.getByRole('button', { name: 'Switch off' }).click()
    await palettes.getByText(/none can be installed/).waitFor()
    expect(v.asked('setPalettes')).toEqual([{ on: true, name: 'viewshed' }, { on: false }])
  })

  test('a palette is removed after it was asked once more; what npm has against it is said, and the palette is there still', async () => {
    v.box.engine.set('let')
    const page = await v.desk('/settings')
    const palettes = region(page, 'Palettes of others')
    await palettes.getByRole('button', { name: 'Remove node-red-contrib-sun-position' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Keep it' }).click()
    expect(v.asked('removePalette')).toEqual([])
    await palettes.getByRole('button', { name: 'Remove node-red-contrib-sun-position' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Remove it' }).click()
    await expect.poll(() => palettes.getByRole('listitem').count()).toBe(1)
    await palettes.getByRole('button', { name: 'Remove @flowfuse/node-red-dashboard' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Remove it' }).click()
    await page.getByRole('dialog').getByText(/npm error code ENOSPC/).waitFor()
    await page.keyboard.press('Escape')
    await expect.poll(() => page.getByText(/ENOSPC/).count()).toBe(0)
    expect(await palettes.getByRole('listitem').count()).toBe(1)
  })

  test('what Node-RED says comes by itself; the newest is in sight, unless somebody reads further up; warnings can be had alone', async () => {
    for (let i = 0; i < 60; i++) v.box.engine.says('info', `news ${i}`)
    const page = await v.desk('/settings')
    const list = page.locator('#said ol')
    await expect.poll(() => said(page).last().innerText()).toContain('news 59')
    const fromEnd = () => list.evaluate((one) => one.scrollHeight - one.scrollTop - one.clientHeight)
    expect(await fromEnd()).toBeLessThan(2)
    v.box.engine.says('info', 'the newest')
    v.box.changed()
    await said(page).getByText('the newest', { exact: true }).waitFor()
    expect(await fromEnd()).toBeLessThan(2)
    await list.evaluate((one) => { one.scrollTop = 0 })
    v.box.engine.says('warn', 'newer still')
    v.box.changed()
    await said(page).getByText('newer still').waitFor()
    expect(await list.evaluate((one) => one.scrollTop)).toBe(0)
    await page.getByRole('radio', { name: 'Warnings' }).click()
    expect(await said(page).allInnerTexts()).toEqual([expect.stringContaining('E-mail me'), expect.stringContaining('TypeError'), expect.stringContaining('newer still')])
  })

  test('a flow that stood still is named where it is missed, with the way to its node and to what was said; starting again ends it', async () => {
    v.box.engine.set('stalled')
    const page = await v.desk('/work')
    const stuck = page.locator('.stuck')
    expect(plain(await stuck.innerText())).toContain('The last node that a message entered was Count up on “Drive”. What was done waits for it and is not lost: 12 results.')
    expect(await stuck.getByRole('link', { name: 'Count up' }).getAttribute('href')).toBe('/flows#node/count')
    await stuck.getByRole('link', { name: 'What Node-RED says' }).click()
    await said(page).getByText(/stood still for 10 s/).waitFor()
    await region(page, 'The flow').getByRole('button', { name: 'Start again' }).click()
    await page.locator('.stuck').waitFor({ state: 'detached' })
    expect(v.asked('restartFlows')).toEqual([{}])
  })

  const holds = () => {
    const { asset } = v.box.world.views[0]!
    v.box.engine.holds([
      { seq: '1', title: 'Probe', subject: asset.name, asset: asset.sha256, task: v.box.world.tasks[0]!.id, since_ms: NOON_MS - 3 * 3_600_000, last: { id: 'both', name: 'Wait for both halves', tab: 'Drive' }, words: null, waits: false },
      { seq: '2', title: 'A file was refused', subject: '20261117_181033_F.MP4', asset: null, task: null, since_ms: NOON_MS - 720_000, last: null, words: 'TypeError: Cannot read properties of undefined (reading \'length\')', waits: false },
      { seq: '3', title: 'A time of day came', subject: null, asset: null, task: null, since_ms: NOON_MS - 61_000, last: null, words: null, waits: true },
    ])
  }

  for (const [size, theme] of LOOKS) {
    test(`${size}, ${theme}: what nodes hold fits its width, on the page of the work and at home`, async () => {
      holds()
      const page = await v.open(await v.context(size, theme), '/work')
      const look = v.look(page, size, theme)
      await look('work-held', '/work', '[aria-label="Held messages"] li', false)
      await look('work-held-dismiss', '/work', '[aria-label="Held messages"] li', false, async () => { await page.getByRole('button', { name: 'Dismiss all…' }).click(); await page.getByRole('dialog').waitFor() })
      await look('home-held', '/', '.need:has-text("3 messages are held in the flow")', false)
      expect(v.complaints).toEqual([])
      await page.close()
    })
  }

  test('a message that a node swallowed is shown with its age and that node; sent again, or dismissed after it was asked once more', async () => {
    holds()
    const page = await v.desk('/work')
    const held = region(page, 'Held messages')
    const rows = held.getByRole('listitem')
    await rows.first().waitFor()
    expect((await rows.allInnerTexts()).map((text) => plain(text).replace(/\s+/g, ' '))).toEqual([
      `${v.box.world.views[0]!.asset.name} Probe · held for 3 h · last in Wait for both halves on “Drive” Send again Dismiss…`,
      '20261117_181033_F.MP4 A file was refused · held for 12 min · last in a node that is not in the flow any more TypeError: Cannot read properties of undefined (reading \'length\') Send again Dismiss…',
      'A time of day came held for 61 s · the node that it leaves from does not run Send again Dismiss…',
    ])
    expect(await held.getByRole('link', { name: 'Wait for both halves' }).getAttribute('href')).toBe('/flows#node/both')

    v.box.state.refuse = { resendHeld: { code: 'flows/unavailable', message: 'No flow runs now.' } }
    await rows.first().getByRole('button', { name: 'Send again' }).click()
    await held.getByText('No flow runs now.').waitFor()
    v.box.state.refuse = {}
    await rows.first().getByRole('button', { name: 'Send again' }).click()
    await page.getByText('1 message sent again.').waitFor()
    await expect.poll(() => rows.count()).toBe(2)
    await rows.first().getByRole('button', { name: 'Dismiss…' }).click()
    await page.getByRole('dialog', { name: 'Dismiss 20261117_181033_F.MP4?' }).getByRole('button', { name: 'Keep' }).click()
    expect(v.asked('dismissHeld')).toEqual([])
    await held.getByRole('button', { name: 'Dismiss all…' }).click()
    await page.getByRole('dialog', { name: 'Dismiss 2 messages?' }).getByRole('button', { name: 'Dismiss' }).click()
    await held.waitFor({ state: 'detached' })
    expect([v.asked('resendHeld'), v.asked('dismissHeld')]).toEqual([[{ seqs: ['1'] }, { seqs: ['1'] }], [{ seqs: ['2', '3'] }]])
  })

  const fails = () => {
    const done = v.box.world.tasks.find((task) => task.state === 'complete')!
    v.box.engine.fails([
      { node: { id: 'night', name: 'Only at night', tab: 'Drive' }, words: "TypeError: Cannot read properties of undefined (reading 'start_ms')", at_ms: NOON_MS - 180_000, first_ms: NOON_MS - 9_000_000, count: 214, title: 'Probe', task: done.id, subject: '20261120_135400_F.MP4' },
      { node: { id: 'copy', name: 'archive.copy', tab: 'Drive' }, words: 'archive.copy: its input does not fit: it lacks media and sha256', at_ms: NOON_MS - 7_200_000, first_ms: NOON_MS - 7_200_000, count: 1, title: 'A file was refused', task: null, subject: 'empty.MP4' },
    ])
    return done
  }

  for (const [size, theme] of LOOKS) {
    test(`${size}, ${theme}: what nodes could not do fits its width, on the page of the work, with its task and at home`, async () => {
      const done = fails()
      const page = await v.open(await v.context(size, theme), '/work')
      const look = v.look(page, size, theme)
      await look('work-failed', '/work', '[aria-label="Failed nodes"] li', false)
      await look('home-failed', '/', '.need:has-text("2 nodes of the flow failed")', false)
      Object.assign(done, { flow_faults: [{ node: 'night', name: 'Only at night', words: "TypeError: Cannot read properties of undefined (reading 'start_ms')", at_ms: NOON_MS - 180_000 }] })
      await look('task-failed', `/work/${done.id}`, '.after li', true)
      expect(v.complaints).toEqual([])
      await page.close()
    })
  }

  test('a node that failed is shown with its words, how often, and after what; dismissed, it is no more, one or all', async () => {
    const done = fails()
    const page = await v.desk('/work')
    const failed = region(page, 'Failed nodes')
    const rows = failed.getByRole('listitem')
    await rows.first().waitFor()
    expect((await rows.allInnerTexts()).map((text) => plain(text).replace(/\s+/g, ' '))).toEqual([
      "Only at night on “Drive” TypeError: Cannot read properties of undefined (reading 'start_ms') 214 times, last 3 min ago, after Probe of 20261120_135400_F.MP4 Dismiss",
      'archive.copy on “Drive” archive.copy: its input does not fit: it lacks media and sha256 2 h ago, after “A file was refused” (empty.MP4) Dismiss',
    ])
    expect(await failed.getByRole('link').evaluateAll((links) => links.map((link) => link.getAttribute('href')))).toEqual(['/flows#node/night', `/work/${done.id}`, '/flows#node/copy'])
    await rows.nth(1).getByRole('button', { name: 'Dismiss' }).click()
    await expect.poll(() => rows.count()).toBe(1)
    await rows.getByRole('button', { name: 'Dismiss' }).click()
    await failed.waitFor({ state: 'detached' })
    expect(v.asked('dismissFaults')).toEqual([{ nodes: ['copy'] }, { nodes: ['night'] }])
  })

  test('who may not act sees what is held, and no button', async () => {
    holds()
    v.box.state.role = 'viewer'
    const page = await v.open(await v.context('desk', 'light'), '/work')
    const held = region(page, 'Held messages')
    await held.getByRole('listitem').first().waitFor()
    expect(await held.getByRole('button').count()).toBe(0)
    await page.close()
  })

  test('who is no administrator sees where flows are wired and nothing of what Node-RED says; the box is not even asked', async () => {
    v.box.state.role = 'reviewer'
    const page = await v.open(await v.context('desk', 'light'), '/settings')
    const before = v.asked('flows').length
    await region(page, 'The flow').getByText(/is wired in Node-RED/).waitFor()
    await page.waitForTimeout(500)
    expect([await page.locator('#said').count(), await region(page, 'Palettes of others').count(), v.asked('flows').length]).toEqual([0, 0, before])
    await page.close()
  })
})

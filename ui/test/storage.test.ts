/** The storage page: what goes, what stays and why, the trash, and who may do what. Pictures stay in `.viewshed/screens/`. */
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { installed, LOOKS, plain, skipped, visit, type Visit } from './chromium.ts'

describe.skipIf(!installed)(`storage in chromium${skipped}`, { timeout: 120_000 }, () => {
  let v: Visit
  beforeAll(async () => { v = await visit('storage') }, 240_000)
  afterAll(async () => { await v?.end() })
  beforeEach(async () => {
    await v.mend()
    v.box.shelf.set('report')
  })
  const asked = (route: string) => v.asked(route)
  const lead = async (page: Page) => plain(await page.locator('.lead').innerText())
  const trashOf = () => v.box.shelf.answers.retention({}).trash

  for (const [size, theme] of LOOKS) {
    test(`${size}, ${theme}: every state fits its width and complains of nothing`, async () => {
      const page = await v.open(await v.context(size, theme), '/storage')
      const look = v.look(page, size, theme)
      await look('storage', '/storage', '.plot rect', true)
      await look('storage-why', '/storage?why=steps', '.lines li', true)
      await look('storage-second', '/storage', '.plot rect', false, async () => { await page.getByRole('button', { name: 'Second too' }).click() })
      await look('storage-switch', '/storage', '.plot rect', false, async () => { await page.getByRole('button', { name: 'Switch on…' }).click(); await page.getByRole('dialog').waitFor() })
      await look('trash-none', '/storage/trash', '.empty', false)
      v.box.shelf.set('on')
      await look('storage-on', '/storage', '.plot rect', true)
      await look('trash', '/storage/trash', 'section li', true)
      v.box.shelf.set('away')
      await look('storage-away', '/storage?why=away', '.lines li', true)
      v.box.state.role = 'viewer'
      await look('storage-viewer', '/storage', '.plot rect', false)
      v.box.state.role = 'admin'
      v.box.shelf.set('empty')
      await look('storage-empty', '/storage', '.empty', false)
      v.box.state.refuse = { retention: { code: 'store/unready', message: 'The index is being read.' } }
      await look('storage-error', '/storage', '.empty', false)
      expect(v.complaints).toEqual([])
    }, 600_000)
  }

  test('it says first what a run would do, then for every reason how much, and under it each file with its sentence', async () => {
    const page = await v.desk('/storage')
    await page.locator('.plot rect').first().waitFor()
    const { groups } = v.box.shelf.answers.retention({})
    const going = groups.filter((group) => group.goes)
    expect(await lead(page)).toMatch(/^A run would win .* GB: \d+ files step down, \d+ go, [\d ]+ stay\.$/)
    for (const { reason, files } of groups) expect(plain(await page.locator(`.group[aria-controls=why-${reason}]`).innerText())).toContain(String(files).replace(/\B(?=(\d{3})+$)/g, ' '))
    await page.locator(`.group[aria-controls=why-${going[0]!.reason}]`).click()
    await page.getByText(v.box.shelf.answers.retention({ reason: going[0]!.reason }).lines[0]!.why).first().waitFor()
    expect(asked('retention').some((query) => query.reason === going[0]!.reason)).toBe(true)
    expect(new URL(page.url()).searchParams.get('why')).toBe(going[0]!.reason)
    await page.locator('.group[aria-controls=why-rung]').click()
    await page.getByRole('button', { name: 'Show more' }).click()
    await expect.poll(() => page.locator('.lines li').count()).toBe(100)
  })

  test('switching on takes the name of the box, shows what would go once more, and says who did it', async () => {
    const page = await v.desk('/storage')
    await page.getByRole('button', { name: 'Switch on…' }).click()
    const dialog = page.getByRole('dialog', { name: 'Switch retention on?' })
    await dialog.getByText(/^Step down, \d+ files/).waitFor()
    const button = dialog.getByRole('button', { name: 'Switch on' })
    const field = dialog.getByLabel(/the name of this box/)
    await field.fill('nas')
    expect(await button.isDisabled()).toBe(true)
    await field.press('Enter')
    expect([v.box.shelf.on, asked('setRetention')]).toEqual([false, []])
    await field.fill('viewshed')
    await button.click()
    await dialog.waitFor({ state: 'detached' })
    await page.getByText(/^On since today 14:31, by anna\./).waitFor()
    expect(await lead(page)).toMatch(/^The run at 03:00 wins/)
    await page.getByRole('button', { name: 'Switch off' }).click()
    await page.getByText('Report only.').waitFor()
    expect(asked('setRetention')).toEqual([{ on: true, name: 'viewshed' }, { on: false }])
  })

  test('a run says what it did; what it took is in the trash with its days, and comes back one by one and all at once', async () => {
    v.box.shelf.set('on')
    const page = await v.desk('/storage')
    const { groups } = v.box.shelf.answers.retention({})
    const going = groups.filter((group) => group.goes).reduce((sum, { files }) => sum + files, 0)
    await page.getByRole('button', { name: 'Run now' }).click()
    await page.getByRole('status').filter({ hasText: `${going} files to the trash` }).waitFor()
    await page.getByRole('tab', { name: `Trash ${going + 7}` }).click()
    await page.getByText('3 days left').first().waitFor()
    const first = trashOf()[0]!
    await page.getByRole('button', { name: `Bring back ${first.name}` }).first().click()
    await page.getByRole('status').filter({ hasText: '1 file back at its place, and its recording marked keep.' }).waitFor()
    expect(asked('undoRetention').at(-1)).toEqual({ ids: [first.id] })
    expect(trashOf()).toHaveLength(going + 6)
    await page.getByRole('button', { name: 'Bring all back' }).click()
    await page.getByText('The trash is empty').waitFor()
    expect(asked('undoRetention').at(-1)).toEqual({})
    expect(v.box.shelf.answers.retention({}).groups.find(({ reason }) => reason === 'kept')!.files).toBeGreaterThan(going)
  })

  test('what stayed twice for one reason is said twice: front and rear may have one name', async () => {
    v.box.shelf.set('on')
    const [stayed] = v.box.shelf.last!.refused
    v.box.shelf.last = { ...v.box.shelf.last!, refused: [stayed!, stayed!] }
    const page = await v.desk('/storage')
    await page.getByText('stayed at the last look').first().waitFor()
    expect(await page.getByText('stayed at the last look').count()).toBe(2)
    expect(v.complaints).toEqual([])
  })

  test('what could not be done is said where the button is, and nothing is hidden', async () => {
    v.box.shelf.set('on')
    v.box.state.refuse = { runRetention: { code: 'input/invalid', message: 'Retention only reports: an administrator switches it on first.' }, undoRetention: { code: 'log/failed', message: 'The disk of the log does not answer.' } }
    const page = await v.desk('/storage')
    await page.getByRole('button', { name: 'Run now' }).click()
    await page.getByRole('alert').filter({ hasText: 'an administrator switches it on first. input/invalid' }).waitFor()
    await page.goto(`${v.box.url}/storage/trash`)
    await page.getByRole('button', { name: 'Bring all back' }).click()
    await page.getByRole('alert').filter({ hasText: 'The disk of the log does not answer. log/failed' }).waitFor()
    expect(await page.locator('section li').count()).toBe(7)
    v.box.state.refuse = {}
    v.box.shelf.away.add('media')
    await page.getByRole('button', { name: 'Bring all back' }).click()
    await page.getByRole('status').filter({ hasText: /^Nothing is back\..*media is not mounted.*4 more are not\.$/ }).waitFor()
  })

  test('who may only look sees no button; an operator brings back; an admin switches and runs', async () => {
    v.box.shelf.set('on')
    v.box.state.role = 'viewer'
    const page = await v.desk('/storage')
    await page.locator('.plot rect').first().waitFor()
    expect(await page.getByRole('button', { name: /Run now|Switch/ }).count()).toBe(0)
    await page.goto(`${v.box.url}/storage/trash`)
    await page.locator('section li').first().waitFor()
    expect(await page.locator('#main button').count()).toBe(0)
    v.box.state.role = 'operator'
    await page.goto(`${v.box.url}/storage/trash`)
    await page.getByRole('button', { name: 'Bring all back' }).waitFor()
    await page.goto(`${v.box.url}/storage`)
    await page.locator('.plot rect').first().waitFor()
    expect(await page.getByRole('button', { name: /Run now|Switch/ }).count()).toBe(0)
  })

  test('a volume that is away is said, and what counts on it stays; G S opens the page, J and Enter its reasons', async () => {
    v.box.shelf.set('away')
    const page = await v.desk('/')
    await page.locator('.drive').first().waitFor()
    await page.keyboard.press('g')
    await page.keyboard.press('s')
    await page.waitForURL('**/storage')
    await page.getByText(/^Away\. Its .* count again when it is back/).waitFor()
    await page.getByText('archive away', { exact: true }).waitFor()
    await page.keyboard.press('j')
    await page.keyboard.press('Enter')
    await page.locator('.lines li').first().waitFor()
    expect(new URL(page.url()).searchParams.get('why')).toBe(v.box.shelf.answers.retention({}).groups[0]!.reason)
  })

  test('a clip that left its place plays from the archive; when that is off it says so and shows its picture, and plays again when it is back', async () => {
    const old = v.box.world.views.find((view) => view.removed.length > 0)!
    const page = await v.desk(`/clips/${old.asset.sha256}?t=3`)
    await page.waitForFunction(() => (document.querySelector('video')?.readyState ?? 0) > 0)
    expect(await page.locator('video').getAttribute('src')).toBe(`/media/archive/${old.asset.sha256}/video_original.mp4?asset=${old.asset.sha256}`)
    await page.getByText(/^The original has been gone since/).waitFor()
    v.box.shelf.away.add('archive')
    await page.reload()
    await page.getByText('The archive is off').waitFor()
    await page.getByText('The video plays again when it is back. Route, plates and best frames are here.').waitFor()
    expect(await page.locator('.picture img.dim').evaluate((image: HTMLImageElement) => image.naturalWidth)).toBeGreaterThan(100)
    await v.shot(page, 'clip-away-desk-light')
    v.box.shelf.away.clear()
    v.box.changed()
    await page.waitForFunction(() => (document.querySelector('video')?.readyState ?? 0) > 0)
    expect(await page.getByText('The archive is off').count()).toBe(0)
  })

  test('a volume that is away says why, and two volumes on one disk are said to be no second copy', async () => {
    v.box.shelf.set('away')
    const page = await v.desk('/storage')
    await page.getByText('Was it replaced? Then viewshed volumes adopt archive').waitFor()
    v.box.shelf.set('on')
    v.box.shelf.oneDisk = true
    await page.reload()
    const said = page.getByText('On the same disk as media: when that dies, both are gone.')
    await said.waitFor()
    expect(await said.count()).toBe(1)
    await v.shot(page, 'storage-one-disk-desk-light')
    await page.setViewportSize({ width: 390, height: 844 })
    await said.scrollIntoViewIfNeeded()
    await v.shot(page, 'storage-one-disk-phone-light')
    v.box.shelf.oneDisk = false
  })

  test('Keep marks a clip, X takes it back; a whole drive at once; who may not sees only that it is kept', async () => {
    const view = v.box.world.views.find(({ asset, removed }) => asset.event === 'normal' && removed.length === 0)!
    const kept = () => v.box.shelf.answers.retention({}).groups.find(({ reason }) => reason === 'kept')!.files
    const before = kept()
    const page = await v.desk(`/clips/${view.asset.sha256}`)
    await page.getByRole('button', { name: 'Keep' }).click()
    await page.locator('button[aria-pressed=true]', { hasText: 'Kept' }).waitFor()
    expect(asked('edit').at(-1)).toEqual({ target: view.asset._id, set: { keep: true } })
    expect(kept()).toBeGreaterThan(before)
    await v.shot(page, 'clip-kept-desk-light')
    v.box.state.role = 'viewer'
    await page.goto(`${v.box.url}/clips/${view.asset.sha256}`)
    await page.locator('.badge', { hasText: 'kept' }).waitFor()
    expect(await page.getByRole('button', { name: /^Keep|^Kept/ }).count()).toBe(0)
    v.box.state.role = 'reviewer'
    await page.goto(`${v.box.url}/clips/${view.asset.sha256}`)
    await page.locator('button[aria-pressed=true]', { hasText: 'Kept' }).waitFor()
    await page.keyboard.press('x')
    await page.getByRole('button', { name: 'Keep' }).waitFor()
    expect(asked('edit').at(-1)).toEqual({ target: view.asset._id, set: { keep: false } })
    const drive = v.box.world.drives[3]!
    await page.goto(`${v.box.url}/drives/${drive.id}`)
    await page.getByRole('button', { name: 'Keep' }).click()
    await page.locator('button[aria-pressed=true]', { hasText: 'Kept' }).waitFor()
    expect(asked('edit').slice(-drive.assets.length - 1).map((query) => query.target).sort()).toEqual([...drive.assets.map((sha256) => `asset:${sha256}`), `drive:${drive.id}`].sort())
    await page.goto(`${v.box.url}/clips/${drive.assets[0]!}`)
    await page.getByRole('link', { name: 'Kept with its drive' }).waitFor()
    await v.shot(page, 'clip-kept-with-drive-desk-light')
    await page.setViewportSize({ width: 390, height: 844 })
    await v.shot(page, 'clip-kept-with-drive-phone-light')
    await page.getByRole('link', { name: 'Kept with its drive' }).click()
    await page.locator('button[aria-pressed=true]', { hasText: 'Kept' }).waitFor()
    v.box.state.refuse = { edit: { code: 'log/failed', message: 'The disk of the log does not answer.' } }
    await page.keyboard.press('x')
    await page.getByRole('alert').filter({ hasText: 'The disk of the log does not answer.' }).waitFor()
    await v.shot(page, 'drive-keep-refused-phone-light')
  })

  test('what lies here too plays while the archive is off, and a smaller copy takes over from an original that is away', async () => {
    v.box.shelf.away.add('archive')
    const both = v.box.world.views.find((view) => view.removed.length === 0 && view.copies.some(({ role }) => role === 'archive'))!
    const page = await v.desk(`/clips/${both.asset.sha256}`)
    await page.waitForFunction(() => (document.querySelector('video')?.readyState ?? 0) > 0)
    expect(await page.locator('video').getAttribute('src')).toContain('/media/media/raw/')
    // As when originals lie on a disk of their own: only the copy can be reached.
    const small = v.box.world.views.find(({ asset, copies }) => asset.playable && copies.some(({ role }) => role === '720p'))!
    await page.route(`**/media/media/raw/**${small.asset.name}*`, (route) => route.fulfill({ status: 503, json: { code: 'media/unmounted', message: 'away' } }))
    await page.goto(`${v.box.url}/clips/${small.asset.sha256}`)
    await page.waitForFunction(() => (document.querySelector('video')?.readyState ?? 0) > 0 && document.querySelector('video')!.src.includes('720p'))
    await page.unroute(`**/media/media/raw/**${small.asset.name}*`)
  })
})

/** The cameras' pages: who is in reach, how far each is emptied, why a clip does not come, and who may decide about it. Pictures stay in `.viewshed/screens/`. */
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { readCard } from './cameras.ts'
import { installed, LOOKS, plain, skipped, visit, type Visit } from './chromium.ts'

describe.skipIf(!installed)(`cameras in chromium${skipped}`, { timeout: 120_000 }, () => {
  let v: Visit
  beforeAll(async () => { v = await visit('cameras') }, 240_000)
  afterAll(async () => { await v?.end() })
  beforeEach(async () => {
    await v.mend()
    v.box.garage.set('full')
  })
  const card = (page: Page, id: string) => page.getByRole('article', { name: id, exact: true })
  const asked = (route: string) => v.asked(route)
  const van = '/cameras/Blue%20van'
  const row = (page: Page, part: string) => page.locator('section[aria-label=Clips] li', { hasText: part })

  for (const [size, theme] of LOOKS) {
    test(`${size}, ${theme}: every state fits its width and complains of nothing`, async () => {
      const page = await v.open(await v.context(size, theme), '/cameras')
      const look = v.look(page, size, theme)
      await look('cameras', '/cameras', 'article', true)
      await look('cameras-add', '/cameras', 'article', false, async () => { await page.getByRole('button', { name: 'Add a camera…' }).click(); await page.getByRole('dialog').waitFor() })
      await look('camera', van, 'section li', true)
      await look('camera-clock', van, 'section[aria-label="Its clock"] li', true, async () => { await page.getByRole('button', { name: 'Correct…' }).click() })
      await look('camera-failed', `${van}?of=failed`, 'section li', false)
      await look('camera-new', '/cameras/Quad', '.empty', true)
      await look('camera-trouble', '/cameras/Tractor', 'section li', false)
      await look('home-cameras', '/', '.drive', true)
      v.box.state.role = 'viewer'
      await look('camera-viewer', van, 'section li', false)
      v.box.state.role = 'admin'
      v.box.state.refuse = { steerCamera: { code: 'log/failed', message: 'The disk of the configuration takes no writes.' }, skipClips: { code: 'log/failed', message: 'The disk of the configuration takes no writes.' } }
      await look('cameras-refused', '/cameras', 'article', false, async () => { await card(page, 'Blue van').getByRole('button', { name: 'Pause' }).click(); await page.getByText('log/failed').waitFor() })
      v.box.garage.set('away')
      v.box.state.refuse = {}
      await look('cameras-away', '/cameras', 'article', false)
      v.box.garage.set('none')
      await look('cameras-none', '/cameras', '.empty', true)
      await look('add', '/add', 'section.drop', true)
      v.box.garage.read = [readCard(1, 'Van', 1_243, 0), readCard(2, 'NO NAME', 0, 0), readCard(3, 'Van', 12, 2)]
      v.box.garage.uploads.refuse = /long/
      await look('add-sent', '/add', 'section.drop', true, async () => { await page.locator('input[type=file]').last().setInputFiles([{ name: 'a.MP4', mimeType: 'video/mp4', buffer: Buffer.alloc(400_000) }, { name: 'a-very-long-name-that-goes-on-and-on-and-does-not-end-on-a-phone.MP4', mimeType: 'video/mp4', buffer: Buffer.alloc(10) }]); await page.getByText('Not all came in').waitFor() })
      v.box.garage.uploads.refuse = null
      v.box.state.refuse = { cameras: { code: 'log/held', message: 'The log is being read.' } }
      await look('cameras-error', '/cameras', '.empty', false)
      expect(v.complaints.filter((one) => !one.includes('507'))).toEqual([]) // the browser tells of each answer that is none
    }, 600_000)
  }

  test('a card says whether it is here, what comes, how far it is and what needs a person', async () => {
    const page = await v.desk('/cameras')
    const text = plain(await card(page, 'Blue van').innerText())
    expect(text).toMatch(/Here, 47 clips to come, about \d+ min at 5\.9 MB\/s/)
    expect(text).toContain('1 243 clips on its card: 47 to come')
    expect(text).toContain('2 failed, 1 being written, 3 stay there, 1 190 in.')
    expect(text).toContain('81.3 MB of 170 MB, 47 %')
    expect(await card(page, 'Blue van').getByRole('progressbar').getAttribute('aria-valuenow')).toBe('47')
    expect(await card(page, 'Quad').innerText()).toContain('Not seen yet')
    expect(await card(page, 'Tractor').innerText()).toContain('What answers at 192.168.1.70 is no VIOFO')
    expect(await page.getByText('2 are in reach, 4 not. 51 clips to come.').count()).toBe(1)
    await card(page, 'Blue van').getByRole('link', { name: 'Why they failed' }).click()
    await row(page, 'is answered with 500').waitFor()
    expect(await page.locator('section[aria-label=Clips] li').count()).toBe(2)
  })

  test('Pause and Resume are one click each; one that is away is asked now', async () => {
    const page = await v.desk('/cameras')
    await card(page, 'Blue van').getByRole('button', { name: 'Pause' }).click()
    await card(page, 'Blue van').getByText('Paused, left alone until you resume it').waitFor()
    expect(asked('steerCamera').at(-1)).toEqual({ id: 'Blue van', mode: 'paused' })
    await card(page, 'Blue van').getByRole('button', { name: 'Resume' }).click()
    await card(page, 'Blue van').getByText(/^Away since/).waitFor()
    expect(asked('steerCamera').at(-1)).toEqual({ id: 'Blue van', mode: 'working' })
    await card(page, 'Blue van').getByRole('button', { name: 'Ask now' }).click()
    await card(page, 'Blue van').getByText(/^Here, 4\d clips to come/).waitFor()
    expect(asked('cameraHere').at(-1)).toEqual({ id: 'Blue van' })
  })

  test('every clip says why it does not come, and one click decides about it', async () => {
    const page = await v.desk(van)
    await page.getByRole('button', { name: /Failed 2/ }).click()
    expect(plain(await row(page, 'ended after').innerText())).toContain('failed: the clip ended after 48211968 of 171300000 bytes; again in 8 min')
    await row(page, 'ended after').getByRole('button', { name: /^Try/ }).click()
    await page.getByRole('button', { name: /Failed 1/ }).waitFor()
    expect(asked('retryClips').at(-1)).toMatchObject({ id: 'Blue van', clips: [expect.stringMatching(/004251R\.MP4\|2026-11-20T09:33$/)] })
    await page.getByRole('button', { name: /Stay there/ }).click()
    expect(await page.locator('section[aria-label=Clips] li').allInnerTexts()).toEqual([expect.stringContaining('stays there: parked at home'), expect.stringContaining('parking recordings are skipped'), expect.stringContaining('skipped by hand')])
    await row(page, 'parked at home').getByRole('button', { name: /^Fetch/ }).click()
    await row(page, 'parked at home').waitFor({ state: 'detached' })
    await page.getByRole('button', { name: /To come/ }).click()
    await row(page, '004201R').getByRole('button', { name: /^Skip/ }).click()
    await row(page, '004201R').waitFor({ state: 'detached' })
    expect(asked('skipClips').at(-1)).toMatchObject({ id: 'Blue van', clips: [expect.stringContaining('004201R.MP4|')] })
  })

  test('its clock is said in stretches; a person corrects one, and takes it back', async () => {
    const page = await v.desk(van)
    const clock = page.getByRole('region', { name: 'Its clock' })
    await clock.getByText('UTC+1').waitFor()
    expect(plain(await clock.innerText())).toContain('taken for it, from the file name, 143 clips')
    await clock.locator('li', { hasText: '143 clips' }).getByRole('button', { name: 'Correct this time' }).click()
    await clock.getByLabel('Its clock was ahead of UTC by').fill('two')
    expect(await clock.getByRole('button', { name: 'Correct', exact: true }).isDisabled()).toBe(true)
    await clock.getByLabel('Its clock was ahead of UTC by').fill('+2')
    expect(await clock.evaluate((box) => [...box.querySelectorAll('input')].every((input) => input.getBoundingClientRect().right <= box.getBoundingClientRect().right))).toBe(true)
    await clock.getByRole('button', { name: 'Correct', exact: true }).click()
    await clock.getByText('143 recordings moved, with their drives and plates.').waitFor()
    expect(asked('correctClock').at(-1)).toEqual({ id: 'Blue van', from_ms: Date.UTC(2026, 9, 25, 8, 12), to_ms: Date.UTC(2026, 10, 2, 8, 13), offset_s: -7200 })
    await clock.getByText('a person says, 143 clips').waitFor()
    await clock.getByRole('button', { name: 'Undo' }).click()
    await clock.getByText('taken for it, from the file name, 143 clips').waitFor()
    expect(asked('undoClock').at(-1)).toEqual({ id: 'Blue van', correction: 'c0' })
  })

  test('the keyboard alone does: choose, open, skip, try, pause, back', async () => {
    const page = await v.desk('/cameras')
    await card(page, 'Blue van').waitFor()
    await page.keyboard.press('j')
    await page.keyboard.press('Enter')
    await page.locator('section[aria-label=Clips] li').first().waitFor()
    await page.keyboard.press('j')
    await page.keyboard.press('j')
    const chosen = page.locator('li.chosen')
    const name = (await chosen.locator('.mono').innerText()).trim()
    await page.keyboard.press('x')
    await expect.poll(() => asked('skipClips').at(-1)).toMatchObject({ clips: [expect.stringContaining(name)] })
    await page.locator('li.chosen.skipped').waitFor()
    await page.keyboard.press('r')
    await expect.poll(() => asked('retryClips').at(-1)).toMatchObject({ clips: [expect.stringContaining(name)] })
    await page.keyboard.press('p')
    await page.getByText('Paused, left alone').first().waitFor()
    await page.keyboard.press('Escape')
    await page.keyboard.press('Escape')
    await card(page, 'Quad').waitFor()
    await page.keyboard.press('g')
    await page.keyboard.press('d')
    await page.getByRole('article', { name: 'nas', exact: true }).waitFor()
    await page.keyboard.press('g')
    await page.keyboard.press('c')
    await card(page, 'Quad').waitFor()
  })

  test('a card that was read in a reader at the box may be pulled out, and the page says so', async () => {
    v.box.garage.read = [readCard(1, 'Van', 1_243, 0), readCard(2, 'Quad', 0, 0), readCard(3, 'Van', 12, 2)]
    const page = await v.desk('/add')
    const cards = page.getByRole('region', { name: 'Cards in a reader at the box' }).locator('li')
    await cards.first().waitFor()
    expect((await cards.allInnerTexts()).map((text) => plain(text).split(':')[0])).toEqual(['Van 12 files, 12.0 MB, 2 refused', 'Quad nothing to take'])
    v.box.garage.read = []
    await page.reload()
    await page.getByText('None was read yet').waitFor()
  })

  test('a folder that is picked lands in the inbox with its paths, goes on after a cut, and is not sent twice', async () => {
    const card = await mkdtemp(join(tmpdir(), 'card-'))
    await mkdir(join(card, 'DCIM/Movie'), { recursive: true })
    const clip = randomBytes(2_000_000)
    await writeFile(join(card, 'DCIM/Movie/a.MP4'), clip)
    await writeFile(join(card, 'DCIM/Movie/b.MP4'), 'b')
    await writeFile(join(card, '.DS_Store'), 'x')
    v.box.garage.uploads.cutAfter = 500_000
    const page = await v.desk('/add')
    await page.locator('input[webkitdirectory]').setInputFiles(card)
    await page.getByText('All came in').waitFor({ timeout: 30_000 })
    const name = basename(card)
    expect([...v.box.garage.inbox].filter(([path]) => path.startsWith(name)).map(([path, bytes]) => [path, bytes.length]).sort()).toEqual([[`${name}/DCIM/Movie/a.MP4`, 2_000_000], [`${name}/DCIM/Movie/b.MP4`, 1]])
    expect(v.box.garage.inbox.get(`${name}/DCIM/Movie/a.MP4`)!.equals(clip)).toBe(true)
    expect(plain(await page.getByRole('region', { name: 'On its way' }).innerText())).toContain('2 of 2 files, 2.0 MB of 2.0 MB, 100 %')
    v.complaints.length = 0 // the browser says that a connection was cut
    await rm(card, { recursive: true })
  })

  test('Stop is said, and what is chosen right after it is sent, also while the box was away', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'stopped-'))
    const files = ['stop-1.MP4', 'stop-2.MP4', 'stop-3.MP4'].map((name) => join(folder, name))
    for (const file of files) await writeFile(file, file)
    const page = await v.desk('/add')
    await page.getByRole('button', { name: 'Choose files…' }).waitFor()
    v.box.state.down = true
    await page.getByLabel('Files', { exact: true }).setInputFiles(files)
    await page.getByText('The box does not answer. It goes on by itself').waitFor()
    const way = page.getByRole('region', { name: 'On its way' })
    await way.getByRole('button', { name: 'Stop' }).click()
    expect(await way.getByRole('heading').first().innerText()).toBe('Stopped')
    expect(plain(await way.innerText())).toContain('0 of 3 files')
    v.box.state.down = false
    await page.getByLabel('Files', { exact: true }).setInputFiles(files.slice(1))
    await page.getByText('All came in').waitFor({ timeout: 10_000 })
    expect(plain(await way.innerText())).toContain('2 of 2 files')
    expect([v.box.garage.inbox.has('stop-1.MP4'), v.box.garage.inbox.has('stop-3.MP4')]).toEqual([false, true])
    v.complaints.length = 0 // the browser says that it was not answered
    await rm(folder, { recursive: true })
  })

  test('of two files of one name that failed both are listed, and two stretches of a clock that begin at once', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'cards-'))
    for (const card of ['one', 'two']) {
      await mkdir(join(folder, card))
      await writeFile(join(folder, card, 'full-1.MP4'), card)
    }
    v.box.garage.uploads.refuse = /full-1/
    const page = await v.desk('/add')
    await page.getByLabel('Files', { exact: true }).setInputFiles(['one', 'two'].map((card) => join(folder, card, 'full-1.MP4')))
    await page.getByText('Not all came in').waitFor()
    expect(await page.getByRole('region', { name: 'On its way' }).locator('li').count()).toBe(2)
    v.box.garage.uploads.refuse = null
    await page.goto(v.box.url + van)
    await page.getByRole('region', { name: 'Its clock' }).getByText('2 clips').first().waitFor()
    v.complaints.splice(0, Infinity, ...v.complaints.filter((said) => !said.includes('status of 507')))
    expect(v.complaints).toEqual([])
    await rm(folder, { recursive: true })
  })

  test('who may only look is shown no button that does something', async () => {
    v.box.state.role = 'viewer'
    const page = await v.desk(van)
    await page.locator('section[aria-label=Clips] li').first().waitFor()
    for (const name of [/^Pause/, /^Skip/, /^Try/, /^Fetch/]) expect(await page.getByRole('button', { name }).count()).toBe(0)
    await page.goto(`${v.box.url}/cameras`)
    await card(page, 'Quad').waitFor()
    for (const name of [/^Pause/, /^Ask now/]) expect(await page.getByRole('button', { name }).count()).toBe(0)
  })

  test('without a camera it says what to write where; one that is gone says so', async () => {
    v.box.garage.set('none')
    const page = await v.desk('/cameras')
    await page.getByText('No camera on the network yet').waitFor()
    expect(await page.locator('pre').innerText()).toContain('camera-viofo:')
    await page.goto(`${v.box.url}${van}`)
    await page.getByText('No camera is called Blue van').waitFor()
  })
})

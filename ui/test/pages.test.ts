/**
 * The built pages in a real browser, over an invented world. Pictures of all of them stay in `.viewshed/screens/`,
 * to be looked at beside the design.
 */
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { StatusView } from '../../core/http/api.ts'
import { installed, LOOKS, NOON_MS, sideways, skipped, visit, type Size, type Theme, type Visit } from './chromium.ts'
import type { Fixture } from './fixture.ts'

describe.skipIf(!installed)(`pages in chromium${skipped}`, { timeout: 120_000 }, () => {
  let v: Visit
  let box: Fixture
  beforeAll(async () => {
    v = await visit('pages')
    box = v.box
  }, 240_000)
  afterAll(async () => { await v?.end() })
  const context = (size: Size, theme: Theme): Promise<BrowserContext> => v.context(size, theme)
  const desk = (path: string): Promise<Page> => v.desk(path)
  const open = (made: BrowserContext, path: string): Promise<Page> => v.open(made, path)
  const drive = () => box.world.drives[0]!
  const played = (page: Page) => page.evaluate(() => document.querySelector('video')!.currentTime)

  const PAGES: readonly { name: string; path: () => string; ready: string }[] = [
    { name: 'home', path: () => '/', ready: '.drive' },
    { name: 'map', path: () => `/map?drive=${drive().id}&from=${NOON_MS - 3 * 86_400_000}&to=${NOON_MS}`, ready: '.more .btn' },
    { name: 'drive', path: () => `/drives/${drive().id}?t=70`, ready: 'video' },
    { name: 'plates', path: () => '/plates?q=KU4I8OT', ready: 'tr.pick' },
    { name: 'plate', path: () => '/plates/KU418OT', ready: '.views' },
    { name: 'work', path: () => '/work', ready: 'tr.pick' },
  ]
  for (const [size, theme] of LOOKS) {
    test(`${size}, ${theme}: every page fits its width and complains of nothing`, async () => {
      const page = await open(await context(size, theme), '/')
      for (const look of PAGES) {
        await page.goto(box.url + look.path())
        await page.locator(look.ready).first().waitFor()
        expect(await page.locator('html').getAttribute('data-theme')).toBe(theme)
        if (look.name === 'map') await page.waitForFunction(() => /Plates [1-9]/.test(document.querySelector('.seg')!.textContent!) && document.querySelectorAll('.leaflet-tile:not(.leaflet-tile-loaded)').length === 0)
        await page.waitForFunction(() => [...document.images].every((image) => image.complete || image.loading === 'lazy'))
        await v.shot(page, `${look.name}-${size}-${theme}`)
        expect(await sideways(page), `${look.name} scrolls sideways`).toBeLessThanOrEqual(0)
      }
      expect(v.complaints).toEqual([])
    })
  }

  test('a press on the way seeks, Space plays, and the car goes with the video', async () => {
    const page = await desk(`/drives/${drive().id}`)
    await page.waitForFunction(() => (document.querySelector('video')?.readyState ?? 0) > 1)
    expect(await played(page)).toBeLessThan(0.5)
    // A place of the way, 30 s into the first clip: where it lies on the screen is worked out from the map's own scale.
    const at = await page.evaluate(() => {
      const { left, top, width, height } = document.querySelector('.route')!.getBoundingClientRect()
      return { left, top, width, height }
    })
    const line = drive().line
    const lats = line.map((p) => p[0]!), lons = line.map((p) => p[1]!)
    const track = box.world.views.find((view) => view.drive === drive().id && view.asset.channel === 'front')!.track!
    const mercator = (lat: number) => Math.log(Math.tan(Math.PI / 4 + (lat * Math.PI) / 360))
    const middle = { lon: (Math.min(...lons) + Math.max(...lons)) / 2, y: (mercator(Math.min(...lats)) + mercator(Math.max(...lats))) / 2 }
    const zoom = Math.floor(4 * Math.log2(Math.min((at.width - 68) / (((Math.max(...lons) - Math.min(...lons)) / 360) * 256), (at.height - 68) / (((mercator(Math.max(...lats)) - mercator(Math.min(...lats))) / (2 * Math.PI)) * 256)))) / 4
    const scale = 256 * 2 ** zoom
    await page.mouse.click(at.left + at.width / 2 + ((track.lon_deg[30]! - middle.lon) / 360) * scale, at.top + at.height / 2 - ((mercator(track.lat_deg[30]!) - middle.y) / (2 * Math.PI)) * scale)
    await page.waitForFunction(() => document.querySelector('video')!.currentTime > 1)
    expect(Math.abs((await played(page)) - 30)).toBeLessThan(6)

    const before = await played(page)
    const driven = await page.locator('.tele').innerText()
    await page.keyboard.press('Space')
    await page.waitForFunction((from) => document.querySelector('video')!.currentTime > from + 1, before)
    await page.keyboard.press('Space')
    expect(await page.evaluate(() => document.querySelector('video')!.paused)).toBe(true)
    expect(await page.locator('.tele').innerText()).not.toBe(driven)

    const paused = await played(page)
    await page.keyboard.press('.')
    await page.waitForFunction((from) => document.querySelector('video')!.currentTime > from, paused)
    expect((await played(page)) - paused).toBeCloseTo(1 / 30, 2)
    await page.keyboard.press('n')
    const next = Number(await page.locator('[role=slider]').getAttribute('aria-valuenow'))
    const moments = box.world.views.filter((view) => view.drive === drive().id).flatMap((view) => view.hits.map((hit) => (hit.at_ms! - drive().start_ms) / 1000)).filter((t) => t > paused + 0.1)
    expect(Math.abs(next - Math.min(...moments))).toBeLessThan(1)
  })

  test('the plates list and the lanes seek; a clip of another minute opens its own file', async () => {
    const page = await desk(`/drives/${drive().id}`)
    await page.waitForFunction(() => (document.querySelector('video')?.readyState ?? 0) > 1)
    const first = await page.locator('video').getAttribute('src')
    const lanes = (await page.locator('.lanes .area').boundingBox())!
    await page.mouse.click(lanes.x + lanes.width * 0.5, lanes.y + 34)
    await page.waitForFunction((src) => document.querySelector('video')!.getAttribute('src') !== src, first)
    await page.waitForFunction(() => Math.abs(document.querySelector('video')!.currentTime - 30) < 2) // half of five minutes is in the middle of the third
    await page.locator('.plates li').first().locator('button').click()
    await page.waitForFunction((src) => document.querySelector('video')!.getAttribute('src') === src, first)
  })

  test('a clip that a browser cannot play is played as its 720p copy; one that nobody looked at says so', async () => {
    const copied = box.world.views.find((view) => !view.asset.playable && view.copies.some((copy) => copy.role === '720p'))!
    const page = await desk(`/clips/${copied.asset.sha256}`)
    await page.locator('video').waitFor()
    expect(await page.locator('video').getAttribute('src')).toBe(`/media/media/${copied.copies[0]!.media.path}?asset=${copied.asset.sha256}`)
    const unread = await desk(`/clips/${box.world.views.find((view) => view.sightings.length === 0)!.asset.sha256}`)
    await unread.getByRole('heading', { name: 'Not read yet' }).waitFor()
    const rear = await desk(`/clips/${box.world.views.find((view) => view.asset.channel === 'rear' && view.sightings.length > 0)!.asset.sha256}`)
    await rear.getByText('Read in full, no plates').waitFor()
  })

  test('plate search: counts of all three ways at once, the reason of each near hit, and its page', async () => {
    const page = await desk('/plates')
    await page.locator('tr.pick').first().waitFor()
    await page.keyboard.type('ku4i8ot')
    await page.getByText('I and 1 look alike').waitFor()
    expect(await page.locator('.modes .seg').innerText()).toBe('Exact 0\nPart 0\nNear 2')
    expect(new URL(page.url()).searchParams.get('q')).toBe('KU4I8OT')
    expect(await page.locator('tr.pick').first().locator('.differs').allTextContents()).toEqual(['1'])
    await page.keyboard.press('Enter')
    await page.waitForURL('**/plates/KU418OT')
    await page.getByRole('heading', { name: 'Over time' }).waitFor()
  })

  test('keys go everywhere; find takes a plate, a time and a command; Esc closes', async () => {
    const page = await desk('/')
    await page.locator('.drive').first().waitFor()
    await page.keyboard.press('g')
    await page.keyboard.press('w')
    await page.waitForURL('**/work')
    await page.keyboard.press('?')
    await page.getByRole('dialog', { name: 'Keys' }).waitFor()
    await page.keyboard.press('Escape')
    await page.keyboard.press('ControlOrMeta+k')
    await page.keyboard.type('today 13:55')
    await page.getByText('Map at Fri 20 Nov, 13:55').waitFor()
    await page.keyboard.press('Enter')
    await page.waitForURL('**/map?from=*')
    await page.keyboard.press('/')
    await page.keyboard.type('KU418')
    await page.getByRole('option', { name: /plate K U 4 1 8 O T/ }).waitFor()
    await page.keyboard.press('Escape')
    await page.locator('dialog').waitFor({ state: 'detached' })
  })

  test('who is on the plates already goes to another search all the same, and back to all of them', async () => {
    const page = await desk('/plates?q=KU418OT&mode=exact')
    await page.locator('tr.pick').first().waitFor()
    await page.keyboard.press('Control+k')
    await page.getByLabel('Find a plate, a time or a command').fill('fi2')
    await page.getByRole('option', { name: 'All plates like FI2' }).click()
    const field = page.getByLabel('Plate, or a part of it')
    await expect.poll(() => field.inputValue(), { timeout: 5_000 }).toBe('FI2')
    await page.locator('tr.pick .plate').filter({ hasText: 'FI207UM' }).first().waitFor()
    expect(new URL(page.url()).search).toBe('?q=FI2')
    await page.getByRole('button', { name: /^Near/ }).click()
    await expect.poll(() => new URL(page.url()).search).toBe('?q=FI2&mode=fuzzy')
    await field.fill('FI20')
    await expect.poll(() => new URL(page.url()).search).toBe('?q=FI20&mode=fuzzy')
    await page.locator('.rail a[href="/plates"]').click()
    await expect.poll(() => field.inputValue()).toBe('')
  })

  test('the ribbon narrows time, the list and the address follow, A takes it back', async () => {
    const page = await desk('/map')
    const drives = page.getByRole('tab', { name: /^Drives/ })
    await page.waitForFunction(() => /Drives 2\d/.test(document.querySelector('.seg')?.textContent ?? ''))
    const ribbon = (await page.locator('.ribbon .area').boundingBox())!
    await page.mouse.move(ribbon.x + ribbon.width * 0.8, ribbon.y + 80)
    await page.mouse.down()
    await page.mouse.move(ribbon.x + ribbon.width * 0.99, ribbon.y + 80, { steps: 4 })
    await page.mouse.up()
    await page.waitForFunction(() => new URLSearchParams(location.search).has('from'))
    const few = Number((await drives.innerText()).split(' ')[1])
    expect(few).toBeGreaterThan(0)
    expect(few).toBeLessThan(12)
    await page.locator('.drive .whole').first().click()
    await page.waitForFunction(() => new URLSearchParams(location.search).has('drive'))
    await page.keyboard.press('a')
    await page.waitForFunction(() => !new URLSearchParams(location.search).has('from'))
  })

  test('progress arrives over MQTT, and a change has the page ask again', async () => {
    const page = await desk('/work?state=running')
    const task = box.world.tasks.find((t) => t.running)!
    await page.locator('tr.pick').first().waitFor()
    await expect.poll(async () => {
      box.progress(task.id, task.stage, 0.87, '157 of 180 s, 11 plates')
      return page.getByText('157 of 180 s, 11 plates').count()
    }, { timeout: 30_000 }).toBeGreaterThan(0)
    const asked = box.asked.filter((a) => a.route === 'tasks').length
    box.changed()
    await expect.poll(() => box.asked.filter((a) => a.route === 'tasks').length, { timeout: 30_000 }).toBeGreaterThan(asked)
  })

  test('a task that is tried again begins at nothing, whatever the attempt before it came to', async () => {
    const made = await context('desk', 'light')
    const task = box.world.tasks.find((t) => t.running)!
    const page = await open(made, `/work/${task.id}?state=running`)
    const bar = page.locator('tr.pick.on .bar i')
    const width = () => bar.evaluate((i) => (i as HTMLElement).style.width)
    await bar.waitFor()
    await expect.poll(() => { box.progress(task.id, task.stage, 0.87, '157 of 180 s'); return width() }, { timeout: 30_000 }).toBe('87%')
    const run = task.running
    Object.assign(task, { running: { ...run, since_ms: NOON_MS + 30_000, progress: null, what: null } })
    box.changed()
    await expect.poll(width).toBe('0%')
    await page.clock.setFixedTime(NOON_MS + 60_000)
    box.progress(task.id, task.stage, 0.1, '18 of 180 s')
    await expect.poll(width).toBe('10%')
    Object.assign(task, { running: run })
    await made.close()
  })

  test('the picture of the pipeline is gone through by keys: each stage leads to its tasks, and to its node in the editor', async () => {
    const page = await desk('/work')
    const stage = (name: string) => page.getByRole('button', { name: new RegExp(`^${name}(?! in)`) })
    await stage('Probe').focus()
    expect(await stage('Probe').innerText()).toMatch(/19\s\/\smin/)
    expect(await stage('Filmstrip').innerText()).toContain('switched off')
    await page.keyboard.press('Enter')
    await page.waitForFunction(() => new URLSearchParams(location.search).get('stage') === 'clip.probe')
    await page.keyboard.press('Tab')
    expect(await page.evaluate(() => [document.activeElement!.getAttribute('aria-label'), document.activeElement!.getAttribute('href')])).toEqual(['Probe in the editor', '/flows#node/probe'])
    await page.getByRole('button', { name: 'Read plates in the editor' }).focus()
    await page.keyboard.press('Enter')
    const places = page.getByRole('dialog', { name: 'Read plates in the editor' }).getByRole('link')
    expect(await places.evaluateAll((links) => links.map((link) => [link.getAttribute('href'), (link as HTMLElement).innerText.split('\n')[0]]))).toEqual([['/flows#node/plates', 'Read plates'], ['/flows#node/plates-again', 'Once more at night']])
    await v.shot(page, 'pipeline-places')
    await page.keyboard.press('Escape')
    expect(await page.getByLabel('Any command in the editor').count()).toBe(0)
  })

  test('on a phone the pipeline is a list with the same numbers, and the way into the editor is large enough for a thumb', async () => {
    const page = await open(await context('phone', 'dark'), '/work')
    await page.getByRole('link', { name: 'Make 720p in the editor' }).scrollIntoViewIfNeeded()
    await v.shot(page, 'pipeline-phone-dark')
    const sizes = await page.locator('.pipe .edit').evaluateAll((all) => all.map((one) => one.getBoundingClientRect()).map(({ width, height }) => Math.min(width, height)))
    expect(sizes.length).toBeGreaterThan(5)
    expect(Math.min(...sizes)).toBeGreaterThanOrEqual(44)
    expect(await page.getByText('38 per hour').isVisible()).toBe(true)
    expect(await sideways(page)).toBeLessThanOrEqual(0)
  })

  const lastAsked = (route: string) => box.asked.findLast((a) => a.route === route)?.query
  const DEEDS: readonly { name: string; path: () => string; doing: (page: Page) => Promise<void> }[] = [
    { name: 'task-parked', path: () => `/work/${box.world.tasks[0]!.id}?state=parked`, doing: async (page) => {
      await page.locator('ol.tries').waitFor()
      await page.keyboard.press('l')
      await page.getByText('[h264] error while decoding').waitFor()
    } },
    { name: 'task-chain', path: () => `/work/${box.world.tasks.find((t) => t.stage === 'clip.probe' && t.made.length > 1)!.id}?state=complete`, doing: async (page) => { await page.locator('.chain .complete a').first().waitFor() } },
    { name: 'task-waiting', path: () => `/work/${box.world.tasks.find((t) => t.stage === 'archive.copy')!.id}?state=pending`, doing: async (page) => { await page.getByRole('heading', { name: /waits for shed-nas, away/ }).waitFor() } },
    { name: 'run-again', path: () => '/work?stage=inference.plates&state=complete', doing: async (page) => {
      await page.getByRole('button', { name: 'Run again over…' }).click()
      await page.getByLabel('From').fill('2026-11-01')
      await page.getByLabel('To, that day too').fill('2026-11-20')
      await page.getByRole('button', { name: 'Run again over 1 Nov–20 Nov' }).waitFor()
    } },
    { name: 'leave-out', path: () => '/work?stage=inference.plates&state=pending', doing: async (page) => {
      await page.getByRole('button', { name: 'Leave all out…' }).click()
      await page.getByRole('dialog', { name: 'Leave out 4 waiting, 2 running' }).waitFor()
    } },
    { name: 'drive-again', path: () => `/drives/${drive().id}`, doing: async (page) => {
      await page.getByRole('button', { name: 'Run again…' }).click()
      await page.getByRole('button', { name: 'Run Read plates again' }).waitFor()
    } },
  ]
  for (const [size, theme] of LOOKS) {
    test(`${size}, ${theme}: a task, its chain, its attempts and what can be done with it fit the page`, async () => {
      const page = await open(await context(size, theme), '/')
      for (const { name, path, doing } of DEEDS) {
        await page.goto(box.url + path())
        await doing(page)
        await v.shot(page, `${name}-${size}-${theme}`, name.startsWith('task-') && size === 'phone')
        expect(await sideways(page), `${name} scrolls sideways`).toBeLessThanOrEqual(0)
      }
      expect(v.complaints).toEqual([])
    })
  }

  test('a parked task: R tries it again, ⇧R all with the same cause, L shows the log; leaving out asks first', async () => {
    const [one, ...others] = box.world.tasks.filter((task) => task.state === 'parked')
    const page = await desk(`/work/${one!.id}?state=parked`)
    await page.getByText('Interruptions', { exact: true }).waitFor()
    expect(await page.locator('.lost li').allInnerTexts()).toHaveLength(2)
    expect(await page.locator('ol.tries li').filter({ has: page.locator('button') }).count()).toBe(5)
    await page.keyboard.press('r')
    await page.getByText('1 task offered again.').waitFor()
    expect(lastAsked('retry')).toEqual({ ids: [one!.id] })
    await page.keyboard.press('Shift+R')
    await page.getByText('4 tasks offered again.').waitFor()
    expect((lastAsked('retry')!['ids'] as string[]).sort()).toEqual([one!, ...others].map(({ id }) => id).sort())
    await page.keyboard.press('l')
    await page.getByText('nothing was written after 41.2 s').waitFor()
    await page.keyboard.press('l')
    await page.getByText('nothing was written after 41.2 s').waitFor({ state: 'detached' })

    const asked = box.asked.filter((a) => a.route === 'cancel').length
    await page.getByRole('button', { name: 'Leave out…' }).click()
    await page.getByRole('dialog').getByText('is taken off the list').waitFor()
    await page.getByRole('button', { name: 'Keep' }).click()
    expect(box.asked.filter((a) => a.route === 'cancel')).toHaveLength(asked)
    await page.getByRole('button', { name: 'Leave out…' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Leave out' }).click()
    await page.getByText('1 task left out.').waitFor()
    expect(lastAsked('cancel')).toEqual({ ids: [one!.id] })
  })

  test('the chain leads to what made a task and what it made, and says what is not made yet', async () => {
    const running = box.world.tasks.find((task) => task.stage === 'inference.plates' && task.running)!
    const page = await desk(`/work/${running.id}`)
    await page.locator('.chain .later').getByText('Archive').waitFor()
    expect(await page.locator('.chain li').allInnerTexts()).toEqual(['Probe\ndone', 'Read plates runs', 'Archive\nnot made yet'])
    await page.locator('.chain a').first().click()
    await page.waitForURL(`**/work/${running.made_by[0]!.id}`)
    await page.locator('.chain .here').getByText('Probe').waitFor()
    await page.locator('.chain a', { hasText: 'Read plates' }).click()
    await page.waitForURL(`**/work/${running.id}`)
  })

  test('run again: one task, a stage over some days, a whole drive, one clip; each says how many it was', async () => {
    const read = box.world.tasks.filter((task) => task.stage === 'inference.plates' && task.state === 'complete')
    const page = await desk(`/work/${read[0]!.id}`)
    await page.getByRole('button', { name: 'Run again', exact: true }).click()
    await page.getByText('1 task asked for again, behind fresh footage.').waitFor()
    expect(lastAsked('rerun')).toEqual({ ids: [read[0]!.id] })
    await page.goto(`${box.url}/work?stage=inference.plates&state=complete`)
    await page.getByRole('button', { name: 'Run again over…' }).click()
    await page.getByLabel('From').fill('2026-11-20')
    await page.getByLabel('To, that day too').fill('2026-11-19')
    await page.getByText('The last day comes before the first.').waitFor()
    await page.getByLabel('To, that day too').fill('2026-11-20')
    await page.getByRole('button', { name: 'Run again over 20 Nov' }).click()
    await page.getByText(/^Read plates: \d+ tasks? asked for again|^Read plates: Nothing/).waitFor()
    expect(lastAsked('rerun')).toEqual({ stage: 'inference.plates', from: new Date(2026, 10, 20).getTime(), to: new Date(2026, 10, 21).getTime() })

    const drives = await desk(`/drives/${drive().id}`)
    await drives.getByRole('button', { name: 'Run again…' }).click()
    await drives.getByRole('button', { name: 'Run Probe again' }).click()
    await drives.getByText(/tasks asked for again/).waitFor()
    expect(lastAsked('rerun')).toEqual({ stage: 'clip.probe', drive: drive().id })
    const { sha256 } = box.world.views[0]!.asset
    const clip = await desk(`/clips/${sha256}`)
    await clip.getByRole('button', { name: 'Run again…' }).click()
    await clip.getByRole('button', { name: 'Run Probe again' }).click()
    await clip.getByText('1 task asked for again').waitFor()
    expect(lastAsked('rerun')).toEqual({ stage: 'clip.probe', assets: [sha256] })
  })

  test('a question leads to the recording that it is about', async () => {
    const page = await desk('/work')
    const { sha256, name } = box.world.views[0]!.asset
    await page.getByRole('region', { name: 'Questions' }).getByRole('link', { name }).click()
    await page.locator('video').waitFor({ timeout: 10_000 })
    expect(new URL(page.url()).pathname).toBe(`/clips/${sha256}`)
  })

  /** Answers of these addresses come only when they are let through, and from then on as ever. */
  async function slow(page: Page, addresses: string): Promise<() => void> {
    let letThrough = () => {}
    const gate = new Promise<void>((open) => { letThrough = open })
    await page.route(addresses, async (route) => { await gate; await route.continue() })
    return () => letThrough()
  }

  test('while a slow box has not answered, neither another tab, stage nor plate says what was true of the one before', async () => {
    const page = await desk('/work?state=complete')
    await page.locator('tr.pick').first().waitFor()
    const asked = async (doing: () => Promise<void>) => {
      const through = await slow(page, '**/api/tasks?*')
      await doing()
      await page.locator('.list .bones').waitFor({ timeout: 5_000 })
      expect(await page.locator('.list').innerText()).not.toContain('Nothing is parked')
      expect(await page.locator('.list tr.pick').count()).toBe(0)
      through()
      await page.locator('.list tr.pick').first().waitFor()
    }
    await asked(() => page.getByRole('button', { name: /^Probe(?! in)/ }).click())
    await page.goto(`${box.url}/work?state=complete`)
    await page.locator('tr.pick').first().waitFor()
    await asked(() => page.getByRole('tab', { name: /^Parked/ }).click())

    await page.goto(`${box.url}/plates/ku4-18ot`)
    await page.locator('.views').waitFor()
    const near = page.locator('.near li a').first()
    const other = (await near.innerText()).replace(/\s/g, '')
    const through = await slow(page, '**/api/plates/*')
    await near.click()
    await page.locator('.crumbs h1').filter({ hasText: other }).waitFor()
    await page.locator('.page .bones').waitFor({ timeout: 5_000 })
    expect(await page.getByText('has not been read').count()).toBe(0)
    through()
    await page.locator('.hero').waitFor()
  })

  test('home begins with what needs somebody, its clock goes, and one of anything is said as one', async () => {
    const made = await context('desk', 'light')
    await made.clock.install({ time: NOON_MS })
    const page = await open(made, '/')
    await page.locator('.drive').first().waitFor()
    expect(await page.locator('.date').innerText()).toContain('14:31')
    await page.clock.fastForward(61_000)
    expect(await page.locator('.date').innerText()).toContain('14:32')
    const lead = () => expect.poll(() => page.locator('.lead').innerText())
    box.state.empty = true
    await page.goto(box.url)
    await lead().toBe('Ready for your first drive.')
    box.engine.set('stalled')
    await page.goto(box.url)
    await lead().toBe('The flow does not run.')
    box.engine.set('runs')
    box.shelf.away.add('archive')
    await page.goto(box.url)
    await lead().toBe('Volume archive is not mounted.')
    box.shelf.away.clear()
    box.state.empty = false

    await page.route('**/api/drives?*', async (route) => { const answer = await route.fetch(); const { drives } = await answer.json() as { drives: object[] }; await route.fulfill({ json: { drives: [{ ...drives[0], plates: 1 }] } }) })
    await page.goto(box.url)
    expect(await page.locator('.drive .n').first().innerText()).toBe('1\nplate')
    const { totals, ...status } = await (await page.request.get(`${box.url}/api/status`)).json() as StatusView
    await page.route('**/api/status', (route) => route.fulfill({ json: { ...status, inbox: { ...status.inbox, busy: 'looking for files' }, totals: { ...totals, plates: 1, sightings: 1 }, tasks: { pending: 1, running: 0, complete: 3, parked: 0 } } }))
    await page.goto(box.url)
    await lead().toBe('Looking for files.')
    await page.goto(`${box.url}/plates`)
    await page.getByText('1 plate, 1 sighting', { exact: true }).waitFor({ timeout: 10_000 })
    await page.route('**/api/tasks?*', (route) => route.fulfill({ json: { tasks: [] } }))
    await page.goto(`${box.url}/work?state=running`)
    await page.getByText('1 task waits for a device.').waitFor({ timeout: 10_000 })
    await made.close()
  })

  test('the library goes as far back as there are drives and clips', async () => {
    const made = await context('desk', 'light')
    const page = await open(made, '/')
    const [first] = box.world.views
    const drives = Array.from({ length: 600 }, (_, i) => ({ ...drive(), id: `d${i}`, start_ms: NOON_MS - Math.floor(i / 2) * 3_600_000, end_ms: NOON_MS - Math.floor(i / 2) * 3_600_000 + 1000, assets: [] })) // two begin at once
    const assets = Array.from({ length: 650 }, (_, i) => ({ ...first!.asset, sha256: String(i).padStart(64, '0'), name: `clip ${i}`, start_ms: i < 320 ? NOON_MS - i : null }))
    await page.route('**/api/drives?*', (route) => { const asked = new URL(route.request().url()).searchParams; return route.fulfill({ json: { drives: drives.filter(({ start_ms }) => start_ms < Number(asked.get('to') ?? Infinity)).slice(0, Number(asked.get('limit'))) } }) })
    await page.route('**/api/assets?*', (route) => { const asked = new URL(route.request().url()).searchParams; return route.fulfill({ json: { assets: assets.slice(assets.findIndex(({ sha256 }) => sha256 === asked.get('after')) + 1).slice(0, Number(asked.get('limit'))) } }) })
    const older = page.getByRole('button', { name: /^Show older/ })
    await page.goto(`${box.url}/library`)
    await page.locator('.drive').first().waitFor()
    expect(await page.locator('.drive').count()).toBe(500)
    await older.scrollIntoViewIfNeeded({ timeout: 5_000 })
    await v.shot(page, 'library-older-desk-light')
    await older.click()
    await expect.poll(() => page.locator('.drive').count()).toBe(600)
    expect(await older.count()).toBe(0)
    await page.goto(`${box.url}/library/clips`)
    for (const n of [300, 600]) {
      await expect.poll(() => page.locator('tr.pick').count()).toBe(n)
      await older.click()
    }
    await page.getByRole('link', { name: 'clip 649' }).waitFor()
    expect(await page.locator('tr.pick').count()).toBe(650)
    await made.close()
  })

  test('what waits says what for', async () => {
    const page = await desk('/work?state=pending')
    for (const words of ['waits its turn on gpu-pc', 'waits its turn on gpu-pc, run 2', 'again in 3 min', /^waits for shed-nas, away, last heard/, 'waits its turn on gpu-pc or nas']) await page.locator('.why').getByText(words, { exact: typeof words === 'string' }).first().waitFor()
  })

  test('who has a reset link that is not used yet can still sign in; one that is spent is made anew by the command that makes it', async () => {
    const made = await context('desk', 'light')
    box.state.signedIn = false
    const page = await open(made, '/plates')
    await page.getByRole('button', { name: 'Sign in' }).waitFor()
    for (const [path, command] of [['/setup?token=spent&name=Ann', 'viewshed reset-password Ann'], ['/setup?token=spent', 'viewshed setup-link']] as const) {
      box.state.setupNeeded = !path.includes('name')
      await page.goto(box.url + path)
      if (!path.includes('name')) await page.getByLabel('Your name').fill('Ann')
      await page.getByLabel('Password', { exact: true }).fill('correct horse battery')
      await page.getByRole('button', { name: 'Continue' }).click()
      expect(await page.getByRole('alert').textContent()).toBe(`This link is not valid any more. Make a new one on the box: ${command}`)
    }
    Object.assign(box.state, { signedIn: true, setupNeeded: false })
    await made.close()
  })

  test('first run, sign-in, empty, refused, unknown and unreachable each say what is so', async () => {
    const made = await context('desk', 'light')
    const shot = (page: Page, name: string) => v.shot(page, `${name}-desk-light`)
    Object.assign(box.state, { signedIn: false, setupNeeded: true })
    const page = await open(made, '/setup?token=once')
    const go = (path: string) => page.goto(box.url + path)
    await page.getByLabel('Your name').fill('anna')
    await page.getByLabel('Password', { exact: true }).fill('too short')
    expect(await page.getByRole('button', { name: 'Continue' }).isDisabled()).toBe(true)
    await page.getByLabel('Password', { exact: true }).fill('correct horse battery')
    await shot(page, 'setup')
    await page.getByRole('button', { name: 'Continue' }).click()
    await page.locator('.drive').first().waitFor()

    box.state.signedIn = false
    await go('/plates')
    await page.getByLabel('Name').fill('anna')
    await page.getByLabel('Password').fill('correct horse battery')
    await shot(page, 'signin')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.locator('tr.pick').first().waitFor()

    box.state.empty = true
    for (const [path, says] of [['/map', 'No drives yet'], ['/plates', 'No plate has been read yet'], ['/work', 'Nothing is done yet'], ['/library/refused', 'Nothing was refused']] as const) {
      await go(path)
      await page.getByText(says).waitFor()
      await shot(page, `empty-${path.slice(1).replace('/', '-')}`)
    }
    box.state.empty = false
    await go('/library/refused')
    await page.getByText('clip/truncated').waitFor()
    await shot(page, 'refused')
    await go('/no/such/page')
    await page.getByText('Nothing is at this address').waitFor()
    const press = (path: string) => page.locator(`.rail a[href="${path}"]`).click()
    await press('/plates')
    await page.locator('tr.pick').first().waitFor()
    await press('/devices')
    await page.getByText('shed-nas').first().waitFor()
    box.state.down = true
    await press('/plates')
    await page.getByText('The plates cannot be read now').waitFor()
    box.state.down = false
  })
})

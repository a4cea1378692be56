/** The devices' pages: who is at the door, what each does and may, and who may change it. Pictures stay in `.viewshed/screens/`. */
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { installed, LOOKS, NOON_MS, skipped, visit, type Visit } from './chromium.ts'

describe.skipIf(!installed)(`devices in chromium${skipped}`, { timeout: 120_000 }, () => {
  let v: Visit
  beforeAll(async () => { v = await visit('devices') }, 240_000)
  afterAll(async () => { await v?.end() })
  beforeEach(async () => {
    await v.mend()
    v.box.yard.set('full')
  })
  const card = (page: Page, id: string) => page.getByRole('article', { name: id, exact: true })
  const asked = (route: string) => v.asked(route)
  const desk = (path: string): Promise<Page> => v.desk(path)

  for (const [size, theme] of LOOKS) {
    test(`${size}, ${theme}: every state fits its width and complains of nothing`, async () => {
      const page = await v.open(await v.context(size, theme), '/devices')
      const look = v.look(page, size, theme)
      await look('devices', '/devices', 'article .run', true)
      await look('devices-menu', '/devices', 'article .run', false, async () => { await card(page, 'gpu-pc').getByRole('button', { name: 'More for gpu-pc' }).click(); await page.getByRole('menuitem', { name: /Drain/ }).waitFor() })
      await look('devices-add', '/devices', 'article .run', false, async () => { await page.getByRole('button', { name: 'Add a device…' }).click() })
      await look('devices-revoke', '/devices/gpu-pc', '#history li', false, async () => { await page.getByRole('button', { name: 'Revoke…' }).click() })
      await look('device', '/devices/gpu-pc', '#history li', true)
      await look('device-away', '/devices/shed-nas', '#history', true)
      await look('device-form', '/devices/laptop-ben', '#settings .seg', true, async () => { await page.getByRole('group', { name: 'Hours' }).getByRole('button', { name: 'Between' }).click(); await page.getByLabel('Heat, °C').fill('400') })
      await look('home-door', '/', '.drive', true)
      v.box.state.role = 'viewer'
      await look('devices-viewer', '/devices', 'article .run', false)
      await look('device-viewer', '/devices/gpu-pc', '#history li', true)
      v.box.state.role = 'admin'
      v.box.state.refuse = { steerDevice: { code: 'device/unknown', message: 'There is no device gpu-pc; it was revoked a moment ago.' }, acceptDevice: { code: 'join/expired', message: 'The code has ended. The device shows a new one.' } }
      await look('devices-trouble', '/devices', 'article .run', false, async () => { await card(page, 'gpu-pc').getByRole('button', { name: 'Pause' }).click(); await page.getByRole('button', { name: 'Code matches, accept' }).click(); await page.getByText('join/expired').waitFor() })
      v.box.state.refuse = {}
      v.box.yard.set('alone')
      await look('devices-alone', '/devices', 'article', false)
      v.box.yard.set('away')
      await look('devices-away', '/devices', 'article', false)
      v.box.state.refuse = { devices: { code: 'store/unready', message: 'The index is being read.' } }
      await look('devices-error', '/devices', '.empty', false)
      expect(v.complaints).toEqual([])
    }, 600_000)
  }

  test('a device at the door: its code, its new name and the ticked stages are sent, and its card appears', async () => {
    const page = await desk('/devices')
    const before = asked('acceptDevice').length
    const door = page.getByRole('region', { name: 'laptop-kitchen wants to join' })
    await door.getByText('7Q4-K2M').waitFor()
    expect(await door.innerText()).toMatch(/From 192\.168\.1\.73, Linux, 8 cores, 16.GB, no GPU\. Code valid for 9.min more\./)
    await door.getByText('Read plates, needs a GPU with 4 GB').waitFor()
    expect(await door.getByRole('checkbox').count()).toBe(3) // what it lacks cannot be ticked
    await door.getByRole('checkbox', { name: 'Filmstrip' }).uncheck({ force: true })
    const name = door.getByLabel('Name of the device')
    await name.fill('kitchen laptop')
    expect(await door.getByRole('button', { name: 'Code matches, accept' }).isDisabled()).toBe(true)
    await name.fill('kitchen')
    await door.getByRole('button', { name: 'Code matches, accept' }).click()
    await card(page, 'kitchen').waitFor()
    expect(asked('acceptDevice').slice(before)).toEqual([{ code: '7Q4-K2M', name: 'kitchen', stages: ['clip.thumbs', 'retention.slim'] }])
    await door.waitFor({ state: 'detached' })
  })

  test('with every stage ticked none is named: what it learns later counts too', async () => {
    const page = await desk('/devices')
    const before = asked('acceptDevice').length
    await page.getByRole('button', { name: 'Code matches, accept' }).click()
    await card(page, 'laptop-kitchen').waitFor()
    expect(asked('acceptDevice').slice(before)).toEqual([{ code: '7Q4-K2M', name: 'laptop-kitchen', stages: null }])
  })

  test('a code counts down, and one that has ended cannot be accepted', async () => {
    const made = await v.context('desk', 'light')
    const page = await v.open(made, '/devices')
    await page.getByText(/Code valid for 9.min more/).waitFor()
    await made.clock.setFixedTime(NOON_MS + 500_000)
    await page.getByText(/Code valid for 40.s more/).waitFor()
    await made.clock.setFixedTime(NOON_MS + 541_000)
    await page.getByText('The code has ended; the device shows a new one.').waitFor()
    expect(await page.getByRole('button', { name: 'Code matches, accept' }).isDisabled()).toBe(true)
    await made.close()
  })

  test('refusing sends the code; a failure is said on the card, which stays', async () => {
    v.box.state.refuse = { refuseDevice: { code: 'store/full', message: 'The disk is full.' } }
    const page = await desk('/devices')
    await page.getByRole('button', { name: 'Refuse' }).click()
    await page.getByRole('alert').filter({ hasText: 'The disk is full. store/full' }).waitFor()
    v.box.state.refuse = {}
    await page.getByRole('button', { name: 'Refuse' }).click()
    await page.getByText('7Q4-K2M').waitFor({ state: 'detached' })
    expect(asked('refuseDevice').at(-1)).toEqual({ code: '7Q4-K2M' })
  })

  test('Pause is one click and tells the mode; what it ran is no longer there; Resume takes it back', async () => {
    const page = await desk('/devices')
    const gpu = card(page, 'gpu-pc')
    await gpu.getByText('Working, 2 of 2 slots').waitFor()
    await gpu.getByRole('button', { name: 'Pause' }).click()
    await gpu.getByText('Paused', { exact: true }).waitFor()
    expect(asked('steerDevice').at(-1)).toEqual({ id: 'gpu-pc', mode: 'paused' })
    expect(await gpu.getByRole('progressbar').count()).toBe(0)
    await gpu.getByText('4 tasks wait for it.').waitFor()
    await gpu.getByRole('button', { name: 'Resume' }).click()
    await gpu.getByText('Here, nothing to do').waitFor()
    expect(asked('steerDevice').at(-1)).toEqual({ id: 'gpu-pc', mode: 'working' })
  })

  test('Drain says what it finishes first; Drain all and Resume all tell every device', async () => {
    const page = await desk('/devices')
    await card(page, 'gpu-pc').getByRole('button', { name: 'More for gpu-pc' }).click()
    await page.getByRole('menuitem', { name: 'Drain Ends 2 tasks first, then takes nothing new' }).click()
    await card(page, 'gpu-pc').getByText('Draining, ends 2 tasks first').waitFor()
    const before = asked('steerDevice').length
    await page.getByRole('button', { name: 'Drain all' }).click()
    await page.getByRole('button', { name: 'Resume all' }).waitFor()
    expect(asked('steerDevice').slice(before).map((query) => query.mode)).toEqual(['draining', 'draining', 'draining', 'draining']) // gpu-pc drains already
    await page.getByRole('button', { name: 'Resume all' }).click()
    await page.getByRole('button', { name: 'Drain all' }).waitFor()
    expect(v.box.yard.devices.every((device) => device.settings.mode === 'working')).toBe(true)
  })

  test('Revoke tells what happens to its work, and can be left; the box itself has none', async () => {
    const page = await desk('/devices')
    await card(page, 'nas').getByRole('button', { name: 'More for nas' }).click()
    await page.getByRole('menuitem', { name: /Drain/ }).waitFor()
    expect(await page.getByRole('menuitem', { name: 'Revoke…' }).count()).toBe(0)
    await page.keyboard.press('Escape')
    const more = async () => { await card(page, 'shed-nas').getByRole('button', { name: 'More for shed-nas' }).click(); await page.getByRole('menuitem', { name: 'Revoke…' }).click() }
    await more()
    const dialog = page.getByRole('dialog', { name: 'Revoke shed-nas?' })
    await dialog.getByText('14 tasks that only it can do wait on, until another device can. Nothing is lost.').waitFor()
    await dialog.getByRole('button', { name: 'Keep it' }).click()
    expect(asked('revokeDevice')).toEqual([])
    await more()
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke shed-nas' }).click()
    await card(page, 'shed-nas').waitFor({ state: 'detached' })
    expect(asked('revokeDevice')).toEqual([{ id: 'shed-nas' }])
  })

  test('who may only look sees no buttons; an operator steers; an admin does all', async () => {
    v.box.state.role = 'viewer'
    const viewer = await desk('/devices')
    await viewer.getByText('laptop-kitchen wants to join. An admin must compare its code and accept it.').waitFor()
    expect(await viewer.locator('#main button').count()).toBe(0)
    expect(await viewer.locator('#main').innerText()).not.toContain('7Q4-K2M')
    await viewer.goto(`${v.box.url}/devices/gpu-pc`)
    await viewer.getByText('not over 20 %').waitFor()
    expect(await viewer.locator('#main input').count()).toBe(0)
    v.box.state.role = 'operator'
    const operator = await desk('/devices')
    await card(operator, 'gpu-pc').getByRole('button', { name: 'Pause' }).waitFor()
    expect(await operator.getByRole('button', { name: /Add a device|accept|Refuse/ }).count()).toBe(0)
    await card(operator, 'gpu-pc').getByRole('button', { name: 'More for gpu-pc' }).click()
    expect(await operator.getByRole('menuitem').allInnerTexts()).toEqual(['Drain\nEnds 2 tasks first, then takes nothing new', 'Run history'])
  })

  test('J and K choose, P pauses the chosen, Enter opens it, and the list of keys says so', async () => {
    const page = await desk('/devices')
    await card(page, 'gpu-pc').waitFor()
    await page.keyboard.press('j') // nas: the box itself is first
    await page.keyboard.press('j')
    await page.keyboard.press('p')
    await card(page, 'gpu-pc').getByText('Paused', { exact: true }).waitFor()
    await page.keyboard.press('?')
    await page.getByRole('dialog', { name: 'Keys' }).getByText('pause or resume the chosen one').waitFor()
    const steered = asked('steerDevice').length
    await page.keyboard.press('p') // a list floats above the page: its keys rest
    await page.keyboard.press('Escape')
    await page.locator('dialog').waitFor({ state: 'detached' })
    expect(asked('steerDevice').length).toBe(steered)
    await page.keyboard.press('Enter')
    await page.waitForURL('**/devices/gpu-pc')
    await page.locator('#settings').waitFor()
    await page.keyboard.press('Escape')
    await page.waitForURL('**/devices')
  })

  test('progress comes live; no card moves from under the pointer, and a newcomer is told of instead', async () => {
    const page = await desk('/devices')
    const gpu = card(page, 'gpu-pc')
    await gpu.waitFor()
    const run = v.box.yard.devices.find((device) => device.id === 'gpu-pc')!.running[0]!
    await expect.poll(async () => {
      v.box.progress(run.task, run.stage, 0.87, '157 of 180 s, 11 plates')
      return gpu.getByText('157 of 180 s, 11 plates').count()
    }, { timeout: 30_000 }).toBeGreaterThan(0)
    expect(await gpu.getByRole('progressbar').first().getAttribute('aria-valuenow')).toBe('87')

    const one = v.box.yard.joining[0]!
    await page.getByRole('button', { name: 'Refuse' }).click()
    await page.getByText('7Q4-K2M').waitFor({ state: 'detached' })
    const names = () => page.locator('.cards article h2').allInnerTexts()
    const before = await names()
    await gpu.locator('.runs').hover()
    v.box.yard.devices = v.box.yard.devices.map((device) => (device.id === 'gpu-pc' ? { ...device, online: false, running: [] } : device))
    v.box.yard.joining = [{ ...one, code: 'ABC-234', name: 'barn' }]
    v.box.changed()
    await gpu.getByText(/^Away since/).waitFor()
    expect(await names()).toEqual(before)
    await page.getByRole('button', { name: '1 new at the door ↑' }).click()
    await page.getByText('ABC-234').waitFor()
    await page.mouse.move(2, 2)
    await expect.poll(async () => (await names()).indexOf('gpu-pc'), { timeout: 30_000 }).toBeGreaterThan(before.indexOf('gpu-pc'))
  })

  test('a device\'s page: hours, slots, GPU and heat are checked where they stand, saved whole, and Undo takes them back', async () => {
    const page = await desk('/devices/gpu-pc')
    await page.getByLabel('GPU used by others, %').fill('0')
    await page.getByText('A whole number from 1 to 100.').waitFor()
    expect(await page.getByRole('button', { name: 'Save limits' }).isDisabled()).toBe(true)
    await page.getByRole('button', { name: 'Undo' }).click()
    expect(await page.getByLabel('GPU used by others, %').inputValue()).toBe('20')
    await page.getByRole('group', { name: 'Hours' }).getByRole('button', { name: 'Between' }).click()
    await page.getByLabel('From').fill('2130')
    await page.getByLabel('To', { exact: true }).fill('7')
    await page.getByText('it ends the next morning').waitFor()
    await page.getByRole('group', { name: 'Tasks at once' }).getByRole('button', { name: 'Auto' }).click()
    await page.getByRole('group', { name: 'Heat' }).getByRole('button', { name: 'Nothing new over' }).click()
    // Somebody pauses it meanwhile: what is being typed stays, and saving does not resume it.
    v.box.yard.answers.steerDevice({ id: 'gpu-pc', mode: 'paused' })
    v.box.changed()
    await page.getByRole('radio', { name: 'Paused' }).and(page.locator('[aria-checked=true]')).waitFor()
    await page.getByRole('button', { name: 'Save limits' }).click()
    await page.getByRole('button', { name: 'Save limits' }).waitFor({ state: 'detached' })
    expect(asked('setDevice').at(-1)).toEqual({ id: 'gpu-pc', settings: { hours: { from: '21:30', to: '07:00' }, slots: null, gpu_busy_percent: 20, on_battery: false, temperature_c: 85 } })
  })

  test('stages: a tick and a number of its own are sent; for those it lacks it says why; a failure stays in place', async () => {
    const page = await desk('/devices/gpu-pc')
    await page.getByText('the volume archive is no folder here').waitFor()
    await page.getByRole('checkbox', { name: 'Make 720p' }).uncheck()
    await page.getByLabel('Thumbnails, tasks at once').fill('300')
    expect(await page.getByRole('button', { name: 'Save stages' }).isDisabled()).toBe(true)
    await page.getByLabel('Thumbnails, tasks at once').fill('3')
    v.box.state.refuse = { setDevice: { code: 'input/invalid', message: 'There is no such stage.' } }
    await page.getByRole('button', { name: 'Save stages' }).click()
    await page.getByRole('alert').filter({ hasText: 'There is no such stage.' }).waitFor()
    v.box.state.refuse = {}
    await page.getByRole('button', { name: 'Save stages' }).click()
    await page.getByRole('button', { name: 'Save stages' }).waitFor({ state: 'detached' })
    const sent = asked('setDevice').at(-1)!
    expect(sent.stages).toEqual(['clip.filmstrip', 'clip.probe', 'clip.thumbs', 'inference.plates'])
    expect(sent.settings).toEqual({ stage_slots: { 'inference.plates': 2, 'clip.thumbs': 3 } })
  })

  test('history tells how tasks ended and links to them; a device that is gone says so', async () => {
    const page = await desk('/devices')
    await card(page, 'gpu-pc').getByRole('button', { name: 'More for gpu-pc' }).click()
    await page.getByRole('menuitem', { name: 'Run history' }).click()
    await page.waitForURL('**/devices/gpu-pc?see=history')
    const history = page.locator('#history')
    await history.getByRole('button', { name: 'Failed 1' }).click()
    expect(await history.locator('li').count()).toBe(1)
    await history.getByText('The original is untouched.').waitFor()
    expect(await history.locator('li a').getAttribute('href')).toBe(`/work/${v.box.yard.recent[2]!.task}`)
    await page.goto(`${v.box.url}/devices/nobody`)
    await page.getByText('No device is called nobody').waitFor()
  })

  test('the command to join names this box, can be copied, and the dialog tells who came', async () => {
    const page = await desk('/devices')
    await page.getByRole('button', { name: 'Add a device…' }).click()
    const dialog = page.getByRole('dialog', { name: 'Add a device' })
    await dialog.getByText(`node appliance/viewshed.mjs agent --join ${v.box.url}`, { exact: true }).waitFor()
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    await dialog.getByRole('button', { name: 'Copy' }).click()
    await dialog.getByRole('button', { name: 'Copied' }).waitFor()
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(`node appliance/viewshed.mjs agent --join ${v.box.url}`)
    await dialog.getByRole('button', { name: 'Compare the code' }).click()
    await dialog.waitFor({ state: 'detached' })
  })

  test('at home: devices with what they do, and the one at the door among what needs you', async () => {
    const page = await desk('/')
    await page.getByText('laptop-kitchen wants to join').waitFor()
    await page.getByRole('link', { name: /^shed-nas 2 cores.*Away since 06:07/ }).waitFor()
    await page.getByRole('link', { name: 'Compare and accept' }).click()
    await page.getByRole('button', { name: 'Code matches, accept' }).waitFor()
  })
})

/** The built pages in a real browser over the invented world: what every page test stands on. */
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'
import { build } from 'vite'
import { expect } from 'vitest'
import { fixture, type Fixture } from './fixture.ts'

const CHROMIUM = '/usr/bin/chromium'
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']
const VIEWSHED = join(import.meta.dirname, '..', '..', '.viewshed')
const SIZES = { desk: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } } as const

export type Size = keyof typeof SIZES
export type Theme = 'light' | 'dark'
/** A size wears a theme of its own, which costs half of all four; `VIEWSHED_LOOKS=all` takes the pictures of all. */
export const LOOKS: readonly (readonly [Size, Theme])[] = process.env.VIEWSHED_LOOKS === 'all' ? [['desk', 'light'], ['desk', 'dark'], ['phone', 'light'], ['phone', 'dark']] : [['desk', 'light'], ['phone', 'dark']]
export const NOON_MS = new Date(2026, 10, 20, 14, 31).getTime()
export const installed = existsSync(CHROMIUM)
/** For the title of a suite: why it did not run. */
export const skipped = installed ? '' : `: skipped, ${CHROMIUM} is not installed`

export interface Visit {
  readonly box: Fixture
  /** What pages complained of: exceptions, and errors on the console. */
  readonly complaints: string[]
  context(size: Size, theme: Theme): Promise<BrowserContext>
  open(made: BrowserContext, path: string): Promise<Page>
  /** On a desk, in light: always the same page. A new one costs more than all that a test does on it. */
  desk(path: string): Promise<Page>
  /** A look at a page: once it is ready, and `before` was done, it is kept and must not scroll sideways. */
  look(page: Page, size: Size, theme: Theme): (name: string, path: string, ready: string, whole: boolean, before?: () => Promise<void>) => Promise<void>
  /** What was asked of a route so far. */
  asked(route: string): readonly Record<string, unknown>[]
  /** The box as it was, whatever a test made of it; no page of a test before goes on asking. */
  mend(): Promise<void>
  /** Kept to be looked at beside the design. */
  shot(page: Page, name: string, whole?: boolean): Promise<void>
  end(): Promise<void>
}

/** @param name Of the suite: two that run at once build into folders of their own, and not into `ui/dist`, which other tests and a running box serve. */
export async function visit(name: string): Promise<Visit> {
  const dist = join(VIEWSHED, `ui-under-test-${name}`)
  await build({ configFile: join(import.meta.dirname, '..', 'vite.config.ts'), logLevel: 'error', build: { outDir: dist, emptyOutDir: true } })
  const box = await fixture(0, NOON_MS, dist)
  const browser: Browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
  await mkdir(join(VIEWSHED, 'screens'), { recursive: true })
  const contexts: BrowserContext[] = []
  const complaints: string[] = []
  let kept: Page | null = null
  const visit: Visit = {
    box, complaints,
    async context(size, theme) {
      const made = await browser.newContext({ viewport: SIZES[size], colorScheme: theme, ...(size === 'phone' ? { isMobile: true, hasTouch: true } : {}) })
      contexts.push(made)
      made.setDefaultTimeout(30_000)
      await made.clock.setFixedTime(NOON_MS)
      return made
    },
    async open(made, path) {
      const page = await made.newPage()
      page.on('pageerror', (error) => complaints.push(`${path}: ${error.message}`))
      page.on('console', (message) => { if (message.type() === 'error' && !/status of 40[149]/.test(message.text())) complaints.push(`${path}: ${message.text()}`) })
      await page.goto(box.url + path)
      await page.evaluate(() => document.fonts.ready)
      return page
    },
    async desk(path) {
      if (kept === null) kept = await visit.open(await visit.context('desk', 'light'), path)
      else await kept.goto(box.url + path)
      return kept
    },
    look: (page, size, theme) => async (picture, path, ready, whole, before) => {
      await page.goto(box.url + path)
      await page.locator(ready).first().waitFor()
      await before?.()
      await visit.shot(page, `${picture}-${size}-${theme}`, whole)
      expect(await sideways(page), `${picture} scrolls sideways`).toBeLessThanOrEqual(0)
    },
    asked: (route) => box.asked.filter((one) => one.route === route).map((one) => one.query),
    async mend() {
      const desk = kept?.context()
      for (const context of contexts.filter((one) => one !== desk)) await context.close()
      contexts.splice(0, Infinity, ...(desk ? [desk] : []))
      await kept?.goto('about:blank')
      Object.assign(box.state, { empty: false, down: false, role: 'admin', refuse: {} })
      complaints.length = 0
    },
    async shot(page, picture, whole = false) { await page.screenshot({ path: join(VIEWSHED, 'screens', `${picture}.png`), fullPage: whole }) },
    async end() {
      for (const context of contexts) await context.close()
      await browser.close()
      await box.close()
    },
  }
  return visit
}

/** What a person reads, with plain spaces in numbers. */
export const plain = (text: string | null) => (text ?? '').replaceAll('\u202f', ' ')

/** A test makes pages narrower than their words where it can: none may scroll sideways. */
export const sideways = (page: Page) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth)

import { mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runInNewContext } from 'node:vm'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { packageOf, writePalette } from './editor.ts'
import type { Field, PaletteNode } from './palette.ts'

const field = (name: string, more: Partial<Field>): Field => ({ name, label: name, help: '', kind: 'text', required: false, default: null, min: null, max: null, pattern: null, choices: [], ...more })
const node: PaletteNode = {
  type: 'clip.thumbs', kind: 'stage', plugin: 'clip', category: 'Clips', title: 'Make </script><b>thumbs', help: 'A & B', color: '#ffffff',
  takes: [{ name: 'media', type: 'file', help: 'Which', required: true }], gives: [], ways: [], each: false, gathers: false,
  fields: [
    field('width_px', { kind: 'integer', default: 320, min: 16, max: 4096, required: true }),
    field('quality', { kind: 'choice', choices: ['low', 'high'], default: 'low' }),
    field('marks', { kind: 'json', default: [1] }),
    field('rotate', { kind: 'switch' }),
    field('time', { pattern: '^[0-2][0-9]:[0-5][0-9]$', help: 'HH:MM' }),
  ],
}

interface Definition { readonly defaults: Record<string, { value: unknown; validate?: (value: unknown) => boolean | string }>; readonly inputs: number; readonly outputs: number; label(this: { name?: string }): string }

/** What the editor is told when it loads the page. */
function registered(html: string): Map<string, Definition> {
  const found = new Map<string, Definition>()
  const script = /<script type="text\/javascript">\n([\s\S]*?)\n<\/script>/.exec(html)![1]!
  runInNewContext(script, { RED: { nodes: { registerType: (type: string, definition: Definition) => found.set(type, definition) } }, $: () => ({ typedInput: () => undefined }) })
  return found
}

test('the page registers the node with its defaults and its checks, and markup in a title stays text', () => {
  const html = packageOf([node]).get('clip.html')!
  const { defaults, inputs, outputs, label } = registered(html).get('clip.thumbs')!
  expect({ inputs, outputs, label: label.call({}), named: label.call({ name: 'mine' }) }).toEqual({ inputs: 1, outputs: 1, label: 'Make </script><b>thumbs', named: 'mine' })
  expect(Object.fromEntries(Object.entries(defaults).map(([name, { value }]) => [name, value]))).toEqual({ name: '', width_px: 320, quality: 'low', marks: '[1]', rotate: false, time: '' })
  const check = (name: string, value: unknown) => defaults[name]!.validate!(value)
  expect(['16', 4096, '', '15', '1e9', '20.5', 'wide'].map((value) => check('width_px', value))).toEqual([true, true, true, 'width_px must be at least 16', 'width_px must be at most 4096', 'width_px must be a whole number', 'width_px must be a whole number'])
  expect(['[1, 2]', '{', ''].map((value) => check('marks', value))).toEqual([true, 'marks is not JSON', true])
  expect(['08:00', '', '8'].map((value) => check('time', value))).toEqual([true, true, 'time does not look right: HH:MM'])
  expect(html).toContain('<script type="text/html" data-template-name="clip.thumbs">')
  expect(html).toContain('<input type="number" id="node-input-width_px" step="1" min="16" max="4096">')
  expect(html).toContain('<option value="high">high</option>')
  expect(html).toContain('<p>A &#38; B</p>')
})

test('a clock that is made, copied or imported begins now; one that was deployed keeps when it began', () => {
  let added = (_node: object): void => undefined
  const script = /<script type="text\/javascript">\n([\s\S]*?)\n<\/script>/.exec(packageOf([{ ...node, type: 'flow.at', plugin: 'flow' }]).get('flow.html')!)![1]!
  runInNewContext(script, { RED: { nodes: { registerType: () => undefined }, events: { on: (_: string, listener: typeof added) => { added = listener } } } })
  const [copied, loaded, other] = [{ type: 'flow.at', changed: true, since_ms: 5 }, { type: 'flow.at', since_ms: 5 }, { type: 'flow.if', changed: true }]
  for (const one of [copied, loaded, other]) added(one)
  expect([copied.since_ms > Date.now() - 60_000, loaded.since_ms, other]).toEqual([true, 5, { type: 'flow.if', changed: true }])
})

/** Runs a page of the palette where everything answers with anything and every question fails; what was noticed. */
function noticed(html: string, press: (definitions: Map<string, unknown>) => void = () => undefined, kept: object = { getItem: () => 'light' }): string[] {
  const notices: string[] = []
  const definitions = new Map<string, unknown>()
  const anything: unknown = new Proxy(() => undefined, { get: (_, name) => (name === Symbol.toPrimitive ? () => '' : name === Symbol.iterator ? function* () { /* none */ } : anything), apply: () => anything })
  const over = (own: object) => new Proxy(() => undefined, { get: (_, name) => Reflect.get(own, name) ?? anything, apply: () => anything })
  const answers = { done: () => answers, fail: (told: (failed: object) => void) => { told({ statusText: 'error', responseJSON: { message: 'no <img src=x onerror=alert(1)> here' } }); return answers } }
  runInNewContext(/<script type="text\/javascript">\n([\s\S]*?)\n<\/script>/.exec(html)![1]!, {
    RED: over({ notify: (text: string) => { notices.push(text) }, nodes: over({ registerType: (type: string, definition: unknown) => definitions.set(type, definition), createCompleteNodeSet: () => [] }) }),
    $: over({ ajax: () => answers }), document: anything, localStorage: kept, matchMedia: () => ({ matches: false }), Blob, location: { hash: '' },
    setTimeout: (then: () => void) => then(), setInterval: () => undefined, clearTimeout: () => undefined,
  })
  press(definitions)
  return notices
}

test('whatever a node is called and the box says, a notice shows it as text', () => {
  const files = packageOf([node])
  const pressed = noticed(files.get('clip.html')!, (definitions) => {
    const { button } = definitions.get('clip.thumbs') as { button: { onclick(this: { id: string; name: string }): void } }
    button.onclick.call({ id: 'a', name: '<img src=x onerror=alert(1)>' })
  })
  expect(pressed).toEqual(['&#60;img src=x onerror=alert(1)&#62;: no &#60;img src=x onerror=alert(1)&#62; here'])
  expect(new Set(noticed(files.get('editor.html')!))).toEqual(new Set(['no &#60;img src=x onerror=alert(1)&#62; here']))
})

test('our own editor takes the theme of our pages; somebody else’s keeps the one that it has', () => {
  const set = (elsewhere: boolean) => {
    const themes: string[][] = []
    noticed(packageOf([node], { hand: 'mine', manifest: {}, nodes: {}, files: new Map(), elsewhere }).get('editor.html')!, undefined, { getItem: () => null, setItem: (...what: string[]) => themes.push(what) })
    return themes
  }
  expect([set(false), set(true)]).toEqual([[['view-dark-theme', 'auto']], []])
})

let folder = ''
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'viewshed-palette-')) })
afterEach(() => rm(folder, { recursive: true }))

test('written again, what says the same is not touched, and what no plugin has any more goes', async () => {
  await writePalette(folder, [node, { ...node, plugin: 'old', type: 'old.one' }])
  expect((await readdir(folder)).sort()).toEqual(['clip.html', 'clip.js', 'editor.html', 'editor.js', 'old.html', 'old.js', 'package.json'])
  const long_ago = new Date(1_000_000_000_000)
  await utimes(join(folder, 'clip.html'), long_ago, long_ago)
  await writeFile(join(folder, 'clip.js'), 'somebody edited this')
  await writePalette(folder, [node])
  expect((await readdir(folder)).sort()).toEqual(['clip.html', 'clip.js', 'editor.html', 'editor.js', 'package.json'])
  expect((await stat(join(folder, 'clip.html'))).mtimeMs).toBe(1_000_000_000_000)
  expect((await stat(join(folder, 'clip.js'))).size).toBe(packageOf([node]).get('clip.js')!.length)
})

test('in somebody’s own Node-RED each node names its appliance, its file is handed to what the package runs, and nothing is shown that only ours can do', () => {
  const elsewhere = packageOf([node], { hand: 'mine', manifest: { name: 'x' }, nodes: { viewshed: 'viewshed.js' }, files: new Map([['viewshed.js', 'here']]), elsewhere: true })
  expect(registered(elsewhere.get('clip.html')!).get('clip.thumbs')!.defaults['viewshed']).toEqual({ value: '', type: 'viewshed', required: false })
  expect(elsewhere.get('clip.html')).toContain('id="node-input-viewshed"')
  expect(packageOf([node]).get('clip.html')).not.toContain('node-input-viewshed')
  expect(elsewhere.get('clip.js')).toBe('module.exports = (RED) => mine(RED, "clip")\n')
  expect(JSON.parse(elsewhere.get('package.json')!)).toMatchObject({ name: 'x', 'node-red': { nodes: { viewshed: 'viewshed.js', clip: 'clip.js' } } })
  expect([elsewhere.get('editor.html')!.endsWith(packageOf([node]).get('editor.html')!.slice(-200)), /\)\(false, \d+\)/.test(elsewhere.get('editor.html')!)]).toEqual([true, true])
})

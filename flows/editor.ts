/** The palette as a package that Node-RED loads: for each plugin one `.js` that registers its nodes and one `.html` for the editor. */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { readOrNull } from '../core/store/durable.ts'
import { editorPage } from './editor-page.ts'
import type { Field, Palette, PaletteNode, Port } from './palette.ts'

/** Who loads the palette. */
export interface Home {
  /** JavaScript: the function that is handed Node-RED's API and the name of each plugin. */
  readonly hand: string
  readonly manifest: Readonly<Record<string, unknown>>
  /** Further node files of the package, name → content, and whatever else lies in it. */
  readonly nodes: Readonly<Record<string, string>>
  readonly files: ReadonlyMap<string, string>
  /** Somebody's own Node-RED: nodes name the appliance that they work for, and what only ours can do is not shown. */
  readonly elsewhere: boolean
}

/** Our own Node-RED, which has what it needs in its settings. */
const OWN: Home = { hand: 'RED.settings.viewshedPalette', manifest: { name: 'node-red-contrib-viewshed', version: '1.0.0' }, nodes: {}, files: new Map(), elsewhere: false }

/**
 * Makes `directory` hold exactly the palette. A file that already says the same is not touched.
 * Nothing here needs a sync: it is made anew at every start.
 */
export async function writePalette(directory: string, palette: Palette, home: Home = OWN): Promise<void> {
  const files = packageOf(palette, home)
  await mkdir(directory, { recursive: true })
  for (const name of await readdir(directory)) if (!files.has(name)) await rm(join(directory, name), { recursive: true })
  for (const [name, content] of files) {
    const path = join(directory, name)
    if ((await readOrNull(path)) === content) continue
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, content)
  }
}

/** File name → content. */
export function packageOf(palette: Palette, { hand, manifest, nodes, files: also, elsewhere }: Home = OWN): Map<string, string> {
  const plugins = Map.groupBy(palette, (node) => node.plugin)
  const own = Object.fromEntries([...plugins.keys()].map((plugin) => [plugin, `${plugin}.js`]))
  const files = new Map([['package.json', `${JSON.stringify({ ...manifest, type: 'commonjs', 'node-red': { version: '>=5.0.0', nodes: { ...nodes, ...own }, plugins: { 'viewshed-editor': 'editor.js' } } }, null, 2)}\n`], ...also])
  files.set('editor.js', 'module.exports = () => undefined\n')
  files.set('editor.html', editorPage(!elsewhere))
  for (const [plugin, list] of plugins) {
    files.set(`${plugin}.js`, `module.exports = (RED) => ${hand}(RED, ${JSON.stringify(plugin)})\n`)
    files.set(`${plugin}.html`, htmlOf(list, elsewhere))
  }
  return files
}

const htmlOf = (nodes: readonly PaletteNode[], elsewhere: boolean): string => [
  `<script type="text/javascript">\n(${registerAll.toString()})(${json(nodes)}, ${elsewhere})\n</script>`,
  ...nodes.flatMap((node) => [
    `<script type="text/html" data-template-name="${text(node.type)}">\n${formOf(node, elsewhere)}\n</script>`,
    `<script type="text/html" data-help-name="${text(node.type)}">\n${helpOf(node)}\n</script>`,
  ]),
].join('\n')

interface EditorField { typedInput(what: Record<string, unknown>): void; val(value: unknown): void; prop(name: string, value: unknown): void }
interface Answering { done(told: (answer: { what: string }) => void): Answering; fail(told: (failed: { statusText: string; responseJSON?: { message?: string } }) => void): Answering }
declare const RED: { user: { hasPermission(permission: string): boolean }; nodes: { registerType(type: string, definition: Record<string, unknown>): void }; events: { on(event: 'nodes:add', listener: (node: { type: string; changed?: boolean; since_ms?: number }) => void): void }; notify(text: string, kind: 'success' | 'warning' | 'error'): void }
declare const $: ((selector: string) => EditorField) & { ajax(how: { url: string; type: string }): Answering }

/** Runs in the editor, printed as it stands: nothing outside it is known there. */
function registerAll(nodes: readonly PaletteNode[], elsewhere: boolean): void {
  // What lies before it was made, copied, imported, or meant otherwise was never meant to start anything. One that is loaded is not changed.
  if (nodes.some(({ type }) => type === 'flow.at')) RED.events.on('nodes:add', (node) => { if (node.type === 'flow.at' && node.changed) node.since_ms = Date.now() })
  for (const node of nodes) {
    const lines = (ports: readonly Port[]) => ports.map((port) => `${port.name}: ${port.type}`).join('\n')
    const fits = (field: Field) => (value: unknown) => {
      if (value === '' || value === null || value === undefined) return !field.required || field.default !== null || `${field.label} is needed`
      if (field.kind === 'json') {
        try {
          return JSON.parse(String(value)) !== undefined
        } catch {
          return `${field.label} is not JSON`
        }
      }
      if (field.kind === 'text') return field.pattern === null || new RegExp(field.pattern, 'u').test(String(value)) || `${field.label} does not look right${field.help ? `: ${field.help}` : ''}`
      if (field.kind !== 'number' && field.kind !== 'integer') return true
      const number = Number(value)
      if (Number.isNaN(number) || (field.kind === 'integer' && !Number.isInteger(number))) return `${field.label} must be ${field.kind === 'integer' ? 'a whole number' : 'a number'}`
      if (field.min !== null && number < field.min) return `${field.label} must be at least ${field.min}`
      if (field.max !== null && number > field.max) return `${field.label} must be at most ${field.max}`
      return true
    }
    const first = (field: Field) => (field.default === null ? (field.kind === 'switch' ? false : '') : field.kind === 'json' ? JSON.stringify(field.default) : field.default)
    RED.nodes.registerType(node.type, {
      category: node.category,
      color: node.color,
      defaults: { name: { value: '' }, ...(elsewhere ? { viewshed: { value: '', type: 'viewshed', required: false } } : {}), ...(node.type === 'flow.at' ? { since_ms: { value: 0 } } : {}), ...Object.fromEntries(node.fields.map((field) => [field.name, { value: first(field), validate: fits(field) }])) },
      inputs: node.kind === 'event' ? 0 : 1,
      outputs: node.ways.length || 1,
      icon: { stage: 'font-awesome/fa-cog', event: 'font-awesome/fa-bolt', call: 'font-awesome/fa-question-circle', rule: 'font-awesome/fa-filter' }[node.kind],
      paletteLabel: node.title,
      label(this: { name?: string }) { return this.name || node.title },
      labelStyle(this: { name?: string }) { return this.name ? 'node_label_italic' : '' },
      inputLabels: lines(node.takes),
      outputLabels: node.ways.length > 0 ? node.ways : lines(node.gives),
      button: {
        visible(this: { selected?: boolean }) { return RED.user.hasPermission('flows.write') && (node.kind === 'event' || this.selected === true) }, // it would lie on the wires that come in
        enabled(this: { changed?: boolean }) { return !this.changed },
        onclick(this: { id: string; name?: string; changed?: boolean }) {
          if (this.changed) return RED.notify('Deploy first: what runs is what was deployed.', 'warning')
          // A notice is HTML, and the name may be that of a flow from anywhere.
          const notify = (what: string, kind: 'success' | 'error') => RED.notify(`${this.name || node.title}: ${what}`.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`), kind)
          $.ajax({ url: `viewshed/again/${this.id}`, type: 'POST' })
            .done((answer) => notify(answer.what, 'success'))
            .fail((failed) => notify(failed.responseJSON?.message ?? failed.statusText, 'error'))
        },
      },
      oneditsave(this: { since_ms?: number }) { if (node.type === 'flow.at') this.since_ms = Date.now() },
      oneditprepare(this: Record<string, unknown>) {
        for (const field of node.fields) {
          const input = $(`#node-input-${field.name}`)
          if (this[field.name] === undefined) { // from before the option was there, or a flow that leaves it to its default
            if (field.kind === 'switch') input.prop('checked', first(field))
            else input.val(first(field))
          }
          if (field.kind === 'json') input.typedInput({ type: 'json', types: ['json'] })
        }
      },
    })
  }
}

const formOf = (node: PaletteNode, elsewhere: boolean): string => [
  '<div class="form-row"><label for="node-input-name"><i class="fa fa-tag"></i> Name</label><input type="text" id="node-input-name"></div>',
  ...(elsewhere ? ['<div class="form-row"><label for="node-input-viewshed"><i class="fa fa-eye"></i> Appliance</label><input type="text" id="node-input-viewshed"></div>'] : []),
  ...node.fields.map((field) => `<div class="form-row"><label for="node-input-${text(field.name)}" title="${text(field.help)}">${text(field.label)}</label>${inputOf(field)}${field.help ? `<div class="form-tips" style="margin-top:4px">${text(field.help)}</div>` : ''}</div>`),
].join('\n')

function inputOf(field: Field): string {
  const id = `id="node-input-${text(field.name)}"`
  switch (field.kind) {
    case 'choice': return `<select ${id}>${field.choices.map((choice) => `<option value="${text(String(choice))}">${text(String(choice))}</option>`).join('')}</select>`
    case 'switch': return `<input type="checkbox" ${id} style="width:auto">`
    case 'number': case 'integer':
      return `<input type="number" ${id} step="${field.kind === 'integer' ? '1' : 'any'}"${field.min === null ? '' : ` min="${field.min}"`}${field.max === null ? '' : ` max="${field.max}"`}>`
    case 'text': case 'json': return `<input type="text" ${id}>`
  }
}

const helpOf = (node: PaletteNode): string => [
  `<p>${text(node.help)}</p>`,
  portHelp('Takes from the payload', node.takes),
  portHelp(node.kind === 'event' ? 'Payload' : 'Adds to the payload', node.gives),
  node.fields.length === 0 ? '' : `<h3>Options</h3><dl class="message-properties">${node.fields.map((field) => `<dt>${text(field.label)}</dt><dd>${text(field.help)}</dd>`).join('')}</dl>`,
].filter((part) => part !== '').join('\n')

const portHelp = (title: string, ports: readonly Port[]): string => ports.length === 0 ? '' :
  `<h3>${title}</h3><dl class="message-properties">${ports.map((port) => `<dt${port.required ? '' : ' class="optional"'}>${text(port.name)} <span class="property-type">${text(port.type)}</span></dt><dd>${text(port.help)}</dd>`).join('')}</dl>`

const text = (raw: string): string => raw.replaceAll(/[&<>"']/g, (char) => `&#${char.codePointAt(0)};`)
/** JSON that may stand inside a script element. */
const json = (value: unknown): string => JSON.stringify(value).replaceAll('<', '\\u003c')

/**
 * What we add to the pages of Node-RED's editor: what can be said against a node, the badge of nodes that forget, and a side bar with
 * versions and pipelines. The function is printed as it stands: nothing outside it is known there.
 */
import { FLOW_MOST_BYTES } from '../core/http/flows-limit.ts'

export const editorPage = (own: boolean): string => `<script type="text/javascript">\n(${page.toString()})(${own}, ${FLOW_MOST_BYTES})\n</script>\n<style>${STYLE}</style>`

const STYLE = `
.viewshed-problem path { fill: #d32f2f; stroke: #fff; cursor: default; } .viewshed-problem.viewshed-warning path { fill: #ef9a00; }
.viewshed-forgets rect { fill: #fff; stroke: #999; } .viewshed-forgets text { font-size: 9px; fill: #666; }
.viewshed-bar { padding: 8px 12px; overflow-y: auto; height: 100%; box-sizing: border-box; } .viewshed-bar summary { font-size: 14px; font-weight: 600; padding: 7px 0; cursor: pointer; display: list-item; } .viewshed-bar details + details { border-top: 1px solid var(--red-ui-secondary-border-color, #ddd); } .viewshed-bar details ul { padding-bottom: 8px; }
.viewshed-bar ul { list-style: none; margin: 0; padding: 0; } .viewshed-bar li { padding: 5px 0; border-top: 1px solid var(--red-ui-secondary-border-color, #ddd); } .viewshed-bar small { color: var(--red-ui-secondary-text-color, #666); display: block; }
.viewshed-bar a { cursor: pointer; } .viewshed-bar button { margin: 4px 6px 0 0; } .viewshed-bar .viewshed-quiet { color: var(--red-ui-secondary-text-color, #666); }
.viewshed-bar pre { white-space: pre-wrap; word-break: break-word; font-size: 11px; margin: 2px 0; padding: 4px 6px; max-height: 120px; overflow: auto; }
`

/* What the editor offers; it ships no types. */
interface EditorNode { readonly id: string; readonly type: string; readonly func?: string; dirty: boolean; readonly _def?: unknown }
interface Dollar { append(...what: unknown[]): Dollar; empty(): Dollar; text(what: string): Dollar; on(event: string, what: () => void): Dollar; attr(name: string, value: string): Dollar; addClass(name: string): Dollar; click(): Dollar; 0: { readonly files?: readonly File[]; scrollIntoView(how: { block: 'nearest' }): void } }
interface Asking { done(told: (answer: never) => void): Asking; fail(told: (failed: { statusText: string; responseJSON?: { message?: string } }) => void): Asking }
/** The little of a browser that is used; the types of all of it would be everybody's. */
interface Drawn { textContent: string; setAttribute(name: string, value: string): void; append(...what: Drawn[]): void }
interface Placed { getBoundingClientRect(): { readonly x: number; readonly y: number; readonly width: number; readonly height: number }; scrollBy(x: number, y: number): void }
declare const localStorage: { getItem(name: string): string | null; setItem(name: string, value: string): void }
declare const matchMedia: (query: string) => { readonly matches: boolean }
declare const document: { readonly visibilityState: string; readonly documentElement: { readonly classList: { toggle(name: string, on: boolean): void } }; getElementById(id: string): Placed | null; createElementNS(space: string, name: string): Drawn; createElement(name: 'a'): { href: string; download: string; click(): void } }
declare const window: { onbeforeunload: unknown }
declare const location: { readonly hash: string; reload(): void }
declare const $: ((what: string) => Dollar) & { ajax(how: object): Asking }
declare const RED: {
  readonly nodes: { createCompleteNodeSet(options: object): object[]; node(id: string): EditorNode | null; eachNode(each: (node: EditorNode) => void): void; createExportableNodeSet(nodes: unknown[]): object[]; filterNodes(filter: { z: string }): unknown[]; groups(z: string): unknown[]; junctions(z: string): unknown[]; workspace(id: string): { label: string } | undefined; getType(type: string): { readonly credentials?: object } | undefined; dirty(): boolean }
  readonly view: { redraw(now?: boolean): void; reveal(id: string): void; importNodes(nodes: unknown, options?: object): void; readonly annotations: { register(id: string, options: object): void } }
  readonly events: { on(event: string, listener: () => void): void }
  readonly sidebar: { addTab(tab: object): void; show(id: string): void }
  readonly workspaces: { active(): string }
  readonly comms: { subscribe(topic: string, listener: () => void): void }
  readonly actions: { add(name: string, what: () => void): void }
  notify(text: string, options: string | object): { close(): void }
  readonly user: { hasPermission(permission: string): boolean }
}

/** @param own Whether this is our own Node-RED, which keeps versions and can restore what was shipped. */
function page(own: boolean, most_bytes: number): void {
  interface Problem { readonly node: string; readonly level: 'error' | 'warning'; readonly text: string }
  interface Version { readonly id: string; readonly at_ms: number; readonly by: string; readonly changes: { readonly added: number; readonly changed: number; readonly removed: number } }
  interface Change { readonly id: string; readonly type: string; readonly name: string; readonly what: string; readonly fields: readonly { readonly name: string; readonly before: unknown; readonly after: unknown }[] }
  interface Pipeline { readonly id: string; readonly label: string; readonly example: boolean; readonly info: string; readonly state: string }

  const WAIT_MS = 600
  const AGAIN_MS = 10_000
  const bytesOf = (what: unknown) => new Blob([JSON.stringify(what)]).size
  const REVEAL_MS = 400 // so long the editor takes to show the node that its address names
  const byNode = (found: readonly Problem[]) => found.reduce((all, problem) => all.set(problem.node, [...(all.get(problem.node) ?? []), problem]), new Map<string, readonly Problem[]>())
  let problems = byNode([])
  const mayWrite = () => RED.user.hasPermission('flows.write')
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(bytes < 9.5e6 ? 1 : 0).replace('.0', '')} MB`
  const element = (name: string) => document.createElementNS('http://www.w3.org/2000/svg', name)
  const ask = <T>(type: 'GET' | 'POST', url: string, told: (answer: T) => void, body?: object) =>
    $.ajax({ type, url: `viewshed/${url}`, ...(body === undefined ? {} : { contentType: 'application/json', data: JSON.stringify(body) }) })
      .done(told as (answer: never) => void)
      .fail(({ statusText, responseJSON }) => RED.notify(plain(responseJSON?.message ?? statusText), 'error'))

  // Ours as our pages have it, until somebody chooses in the editor's own settings; it reads this before it loads us.
  if (own && localStorage.getItem('view-dark-theme') === null) {
    const kept = localStorage.getItem('theme')
    localStorage.setItem('view-dark-theme', kept ?? 'auto')
    document.documentElement.classList.toggle('nr-theme-dark', kept ? kept === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches)
  }

  // -- what can be said against nodes -------------------------------------------------------------------------------
  const worst = ({ id }: EditorNode) => (problems.get(id)?.some(({ level }) => level === 'error') ? 'error' : 'warning')
  for (const level of ['error', 'warning'] as const)
    RED.view.annotations.register(`viewshed-${level}`, {
      type: 'badge', class: `viewshed-problem viewshed-${level}`,
      element() {
        const mark = element('path')
        mark.setAttribute('d', 'M 0,10 l 12,0 -6,-11 z')
        return mark
      },
      show: (node: EditorNode) => problems.has(node.id) && worst(node) === level,
      tooltip: (node: EditorNode) => (problems.get(node.id) ?? []).map(({ text }) => text).join('\n'),
    })

  const FORGET = ['trigger', 'delay', 'join', 'batch', 'sort']
  const forgets = ({ type, func }: EditorNode) => FORGET.includes(type) || (type === 'function' && /\bset(Timeout|Interval)\s*\(/.test(func ?? ''))
  RED.view.annotations.register('viewshed-forgets', {
    type: 'badge', class: 'viewshed-forgets',
    element() {
      const badge = element('g')
      const box = element('rect')
      for (const [name, value] of Object.entries({ width: '92', height: '13', y: '-2', rx: '3' })) box.setAttribute(name, value)
      const text = element('text')
      text.setAttribute('x', '4')
      text.setAttribute('y', '8')
      text.textContent = 'forgets on restart'
      badge.append(box, text)
      return badge
    },
    show: forgets,
    tooltip: () => 'What it holds back is in memory only. After a restart the message before it is sent again, and it counts or waits anew. Wait and Join of “Wait and decide” do not forget.',
  })

  let later: ReturnType<typeof setTimeout> | undefined
  function look(then?: (found: readonly Problem[]) => void): void {
    clearTimeout(later)
    later = setTimeout(() => {
      later = undefined
      const flow = RED.nodes.createCompleteNodeSet({ credentials: false })
      if (bytesOf(flow) > most_bytes) {
        const large = flow.filter((entry) => bytesOf(entry) > most_bytes / 10) as { id: string }[]
        show(large.map((entry) => ({ node: entry.id, level: 'error', text: `It has ${megabytes(bytesOf(entry))}, and a flow of more than ${megabytes(most_bytes)} is not taken.` })), then)
      }
      else ask<{ problems: readonly Problem[] }>('POST', 'check', (answer) => show(answer.problems, then), flow)
    }, then ? 0 : WAIT_MS)
  }
  function show(found: readonly Problem[], then?: (found: readonly Problem[]) => void): void {
    const before = problems
    problems = byNode(found)
    RED.nodes.eachNode((node) => { if (before.has(node.id) || problems.has(node.id)) node.dirty = true })
    RED.view.redraw(true)
    showProblems(found)
    then?.(found)
  }
  for (const event of ['nodes:add', 'nodes:change', 'nodes:remove', 'links:add', 'links:remove', 'flows:change', 'flows:loaded', 'workspace:dirty']) RED.events.on(event, () => look())
  RED.events.on('deploy', () => look((found) => {
    showVersions()
    showPipelines()
    if (found.length === 0) return
    const items = [...problems].slice(0, 5).map(([node, of]) => `<li><b>${plain(nameOf(node))}</b>: ${of.map(({ text }) => plain(text)).join(' ')}</li>`).join('')
    const told = RED.notify(`<p>Deployed. Something can be said against it:</p><ul>${items}</ul>${problems.size > 5 ? `<p>and against ${problems.size - 5} more</p>` : ''}`, {
      type: found.some(({ level }) => level === 'error') ? 'error' : 'warning', timeout: 20_000, fixed: false,
      buttons: [{ text: 'Show all', click() { told.close(); RED.sidebar.show('viewshed') } }, { text: 'Close', click: () => told.close() }],
    })
  }))
  // Devices come and go, and what they may do changes, while nobody draws.
  setInterval(() => { if (later === undefined && document.visibilityState === 'visible') look() }, AGAIN_MS)
  const plain = (text: string) => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)
  const nameOf = (id: string) => {
    const node = RED.nodes.node(id) as (EditorNode & { name?: string; _def?: { paletteLabel?: string } }) | null
    return node ? node.name || node._def?.paletteLabel || node.type : id
  }

  // -- the side bar -------------------------------------------------------------------------------------------------
  const bar = $('<div class="viewshed-bar">')
  const part = (title: string, open = false) => {
    const [list, name] = [$('<ul>'), $('<summary>').text(title)]
    bar.append($(`<details${open ? ' open' : ''}>`).append(name, list))
    return Object.assign(list, { count: (n: number) => name.text(n === 0 ? title : `${title} (${n})`) })
  }
  const quiet = (text: string) => $('<li class="viewshed-quiet">').text(text)
  const button = (text: string, what: () => void) => $('<button class="red-ui-button red-ui-button-small" type="button">').text(text).on('click', what)
  const problemList = part('What can be said against it', true)
  const pipelineList = own ? part('Pipelines') : $('<ul>')
  const versionList = own ? part('Versions') : $('<ul>')

  function showProblems(found: readonly Problem[]): void {
    problemList.empty()
    problemList.count(found.length)
    if (found.length === 0) problemList.append(quiet('Nothing.'))
    for (const [node, of] of byNode(found)) problemList.append($('<li>').append($('<a href="javascript:void 0">').text(nameOf(node)).on('click', () => RED.view.reveal(node)), ...of.map(({ text }) => $('<small>').text(text))))
  }

  function showPipelines(): void {
    if (own) ask<{ pipelines: readonly Pipeline[] }>('GET', 'pipelines', ({ pipelines }) => {
      pipelineList.empty()
      const file = $('<input type="file" accept=".json,application/json" style="display:none">').attr('aria-label', 'A pipeline’s file')
      pipelineList.append($('<li>').append(button('Export this tab', exportTab), ...(mayWrite() ? [button('Import a file', () => file.click()), file] : [])))
      file.on('change', () => importFile(file[0].files?.[0]))
      for (const { id, label, example, info, state } of pipelines) {
        const line = $('<li>').append($('<b>').text(label), $('<small>').text(`${example ? `Example, ${state}` : state[0]!.toUpperCase() + state.slice(1)}. ${info.split('\n')[0]}`))
        if (state !== 'as shipped' && mayWrite()) line.append(button(state === 'changed' ? 'Restore' : 'Add', () => {
          const told = RED.notify(`<p>${state === 'changed' ? `“${plain(label)}” becomes what it was when it was shipped. What you changed in it stays among the versions.` : `“${plain(label)}” is added and deployed.`}</p>${RED.nodes.dirty() ? '<p>What you have drawn and not deployed stays in this page only.</p>' : ''}`, {
            modal: true, fixed: true,
            buttons: [{ text: 'Cancel', click: () => told.close() }, { text: state === 'changed' ? 'Restore' : 'Add', class: 'primary', click() { told.close(); ask('POST', `pipelines/${id}`, reload) } }],
          })
        }))
        pipelineList.append(line)
      }
    })
  }

  /** What Node-RED exports, too: any Node-RED with the palette takes it. */
  function exportTab(): void {
    const tab = RED.workspaces.active()
    const workspace = RED.nodes.workspace(tab)
    const nodes = RED.nodes.createExportableNodeSet([...(workspace ? [workspace] : []), ...RED.nodes.groups(tab), ...RED.nodes.junctions(tab), ...RED.nodes.filterNodes({ z: tab })])
    const link = document.createElement('a')
    link.href = URL.createObjectURL(new Blob([JSON.stringify(nodes, null, 2)], { type: 'application/json' }))
    link.download = `${(workspace?.label ?? 'pipeline').replace(/[^\w-]+/g, '-').toLowerCase()}.json`
    link.click()
    URL.revokeObjectURL(link.href)
  }

  function importFile(file: File | undefined): void {
    if (!file) return
    if (file.size > most_bytes) return void RED.notify(`${plain(file.name)} has ${megabytes(file.size)}, and a flow of more than ${megabytes(most_bytes)} is not taken.`, 'error')
    void file.text().then((text) => {
      try {
        const nodes: unknown = JSON.parse(text)
        if (!Array.isArray(nodes)) throw new SyntaxError('it is no list of nodes')
        RED.view.importNodes(nodes, { generateIds: true })
        look()
      } catch (error) {
        RED.notify(`${plain(file.name)} is no pipeline: ${plain(error instanceof Error ? error.message : String(error))}`, 'error')
      }
    })
  }

  function showVersions(): void {
    if (own) ask<{ versions: readonly Version[] }>('GET', 'versions', ({ versions }) => {
      versionList.empty()
      if (versions.length === 0) versionList.append(quiet('None yet: each deploy makes one.'))
      versions.forEach(({ id, at_ms, by, changes }, i) => {
        const what = (['added', 'changed', 'removed'] as const).filter((one) => changes[one] > 0).map((one) => `${changes[one]} ${one}`).join(', ')
        const detail = $('<div>')
        const line = $('<li>').append($('<b>').text(new Date(at_ms).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' })), $('<small>').text(`${by || 'from the file'}${what ? ` · ${what}` : ''}${i === 0 ? ' · now' : ''}`))
        if (i > 0) line.append(button('Compare', () => compare(id, detail)), ...(mayWrite() ? [button('Go back', () => goBack(id))] : []), detail)
        versionList.append(line)
      })
    })
  }

  /** What a node keeps secret goes with it at the deploy that takes it out, and is in no version. */
  function goBack(id: string): void {
    ask<{ changes: readonly Change[] }>('GET', `versions/${id}`, ({ changes }) => {
      const bare = changes.filter(({ what, type }) => what === 'removed' && RED.nodes.getType(type)?.credentials).map(({ name, type }) => `<li>${plain(name === type ? type : `${name} (${type})`)}</li>`).join('')
      const told = RED.notify(`<p>This version is deployed again. The one of now stays in the list.</p>${bare === '' ? '' : `<p>These nodes come back without the passwords that they may have had. Enter them again, and deploy:</p><ul>${bare}</ul>`}`, {
        modal: true, fixed: true, buttons: [{ text: 'Cancel', click: () => told.close() }, { text: 'Go back', class: 'primary', click() { told.close(); ask('POST', `versions/${id}`, reload) } }],
      })
    })
  }

  function compare(id: string, detail: Dollar): void {
    ask<{ changes: readonly Change[] }>('GET', `versions/${id}`, ({ changes }) => {
      detail.empty()
      if (changes.length === 0) detail.append($('<small>').text('It says the same as the one of now.'))
      for (const change of changes) {
        const line = $('<div>').append($('<small>').text(`${change.what} since: ${RED.nodes.node(change.id) ? nameOf(change.id) : change.name} (${change.type})`))
        for (const { name, before, after } of change.fields) line.append($('<pre>').text(`${name}\n- ${said(name, before)}\n+ ${said(name, after)}`))
        detail.append(line)
      }
      detail[0].scrollIntoView({ block: 'nearest' })
    })
  }

  /** Wires by the names of the nodes that they lead to, the outputs one after the other. */
  const said = (name: string, value: unknown) => (name === 'wires' && Array.isArray(value) ? value.map((output: string[]) => output.map(nameOf).join(', ') || 'nowhere').join(' | ') || 'nowhere' : JSON.stringify(value))

  /** The page is dirty for what was drawn, and would ask; the flow of the server is what is wanted. */
  function reload(): void {
    window.onbeforeunload = null
    location.reload()
  }

  /** The editor selects the node that its address names, and leaves it half behind an edge. */
  function bringToMiddle(): void {
    const chart = document.getElementById('red-ui-workspace-chart')
    const node = document.getElementById(/^#node\/([^/]+)/.exec(location.hash)?.[1] ?? '')
    if (!chart || !node) return
    const [of, at] = [chart, node].map((one) => one.getBoundingClientRect()) as [ReturnType<Placed['getBoundingClientRect']>, ReturnType<Placed['getBoundingClientRect']>]
    chart.scrollBy(at.x + at.width / 2 - of.x - of.width / 2, at.y + at.height / 2 - of.y - of.height / 2)
  }

  RED.sidebar.addTab({ id: 'viewshed', label: 'viewshed', name: 'Viewshed', content: bar, iconClass: 'fa fa-history', enableOnEdit: true })
  RED.actions.add('viewshed:show', () => look())
  const first = () => {
    look()
    showPipelines()
    showVersions()
  }
  RED.events.on('flows:loaded', first)
  RED.comms.subscribe('notification/runtime-deploy', showVersions) // the flow runs only now, and somebody else may have deployed it
  RED.events.on('flows:loaded', () => setTimeout(bringToMiddle, REVEAL_MS))
  setTimeout(first, 1_500)
}

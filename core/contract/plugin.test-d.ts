/**
 * Declarations that must not compile, checked by `tsc`: a `@ts-expect-error` without an error is one.
 * Each wrong one differs from a right one in a single place.
 */
import { Type } from 'typebox'
import { Fault } from './fault.ts'
import { call, plugin, stage } from './plugin.ts'

const input = Type.Object({ text: Type.String() })
const output = Type.Object({ length: Type.Integer() })
const about = { title: 'Length', help: 'Counts.', version: 1, lease_s: 10, input, output } as const
const options = Type.Object({ unit: Type.Union([Type.Literal('char'), Type.Literal('byte')]) })

// Right, as they stand.
const length = stage({ ...about, load: async () => ({ run: async ({ text }, ctx) => { ctx.progress(1); return { length: text.length } } }) })
stage({ ...about, options, load: async () => ({ run: async ({ text }, ctx) => ({ length: ctx.options.unit === 'byte' ? Buffer.byteLength(text) : text.length }) }) })
plugin({ name: 'count', title: 'Count', config: Type.Object({}), stages: { length }, panel: './panel.svelte' })

// @ts-expect-error a field that the input does not have
stage({ ...about, load: async () => ({ run: async ({ words }) => ({ length: words.length }) }) })
// @ts-expect-error an output of another form
stage({ ...about, load: async () => ({ run: async ({ text }) => ({ length: text }) }) })
// @ts-expect-error an output without its field
stage({ ...about, load: async () => ({ run: async () => ({}) }) })
// @ts-expect-error an option that the form does not have
stage({ ...about, options, load: async () => ({ run: async ({ text }, ctx) => ({ length: ctx.options.divisor + text.length }) }) })
// @ts-expect-error no lease
stage({ title: 'Length', help: 'Counts.', version: 1, input, output, load: async () => ({ run: async ({ text }) => ({ length: text.length }) }) })
// @ts-expect-error no store within reach
stage({ ...about, load: async () => ({ run: async (_, ctx) => ctx.store.get('x') }) })
// @ts-expect-error only fields of the output can be kept from travelling
stage({ ...about, recordsOnly: ['words'], load: async () => ({ run: async ({ text }) => ({ length: text.length }) }) })
// @ts-expect-error records of another output
stage({ ...about, records: (_input, out) => [{ _id: out.words, kind: 'count' }], load: async () => ({ run: async ({ text }) => ({ length: text.length }) }) })
// @ts-expect-error a document without an id
stage({ ...about, records: () => [{ kind: 'count' }], load: async () => ({ run: async ({ text }) => ({ length: text.length }) }) })
// @ts-expect-error what is exclusive follows from the input
stage({ ...about, exclusive: (given) => given.words, load: async () => ({ run: async ({ text }) => ({ length: text.length }) }) })

// @ts-expect-error a role that nobody has
call({ input, output, role: 'guest', load: async () => ({ run: async ({ text }) => ({ length: text.length }) }) })
// @ts-expect-error a call reads, it has no media
call({ input, output, role: 'viewer', load: async () => ({ run: async (_, ctx) => ctx.media.read('x') }) })

const config = Type.Object({ folder: Type.String() })
const events = { found: Type.Object({ path: Type.String() }) }
const watching = { name: 'watch', title: 'Watch', config, events } as const

plugin({ ...watching, watch: async () => ({ run: async (ctx) => ctx.emit('found', 'key', { path: ctx.config.folder }) }) })
// @ts-expect-error an event that was not declared
plugin({ ...watching, watch: async () => ({ run: async (ctx) => ctx.emit('lost', 'key', { path: '' }) }) })
// @ts-expect-error another payload
plugin({ ...watching, watch: async () => ({ run: async (ctx) => ctx.emit('found', 'key', { place: '' }) }) })
// @ts-expect-error another configuration
plugin({ ...watching, watch: async () => ({ run: async (ctx) => ctx.emit('found', 'key', { path: ctx.config.directory }) }) })
// @ts-expect-error a panel is a Svelte file beside the plugin
plugin({ ...watching, panel: 'panel.html' })
// @ts-expect-error a code that stands in no table
new Fault('camera/tired', 'It is late.')

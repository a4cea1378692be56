import type { TSchema } from 'typebox'
import { Compile, type Validator } from 'typebox/compile'
import { Value } from 'typebox/value'

/** What is wrong with `value`, in words, or null when it fits. Compiled schemas are kept as long as the schema lives. */
export function misfit(schema: TSchema, value: unknown): string | null {
  const check = compiled(schema)
  if (check.Check(value)) return null
  const [first] = check.Errors(value)
  if (first === undefined) return 'does not fit its schema'
  const where = first.instancePath || 'it'
  return first.keyword === 'required' ? `${where} lacks ${first.params.requiredProperties.join(' and ')}` : `${where} ${first.message}`
}

/** Of a field that a schema takes without declaring it, as JSON; a larger one is left out, for each task keeps its input. */
export const MOST_UNDECLARED_BYTES = 64 * 1024

/** Only the fields that the schema declares, as a value of its own. A schema that is no object takes everything; one with `additionalProperties: true`
 *  the others, too, up to `MOST_UNDECLARED_BYTES` each. */
export function pick(schema: TSchema, from: Record<string, unknown>): Record<string, unknown> {
  const declared = properties(schema)
  const isOpen = 'additionalProperties' in schema && schema.additionalProperties === true
  const fields = Object.entries(from).filter(([name, value]) => value !== undefined && (declared === null || declared.includes(name) || (isOpen && Buffer.byteLength(JSON.stringify(value)) <= MOST_UNDECLARED_BYTES)))
  return Object.fromEntries(fields.map(([name, value]) => [name, copied(value)]))
}

/** JSON as a value of its own. */
function copied(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copied)
  return value !== null && typeof value === 'object' ? Object.fromEntries(Object.entries(value).map(([name, v]) => [name, copied(v)])) : value
}

/** Fields that are absent get the default that their schema names. */
export function withDefaults(schema: TSchema, value: Record<string, unknown>): Record<string, unknown> {
  return Value.Default(schema, value) as Record<string, unknown>
}

/** JSON in which the order of fields says nothing: equal values give equal text. */
export function canonical(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item ?? null)).join(',')}]`
  let text = ''
  for (const name of Object.keys(value).sort()) {
    const field = (value as Record<string, unknown>)[name]
    if (field !== undefined) text += `${text === '' ? '' : ','}${JSON.stringify(name)}:${canonical(field)}`
  }
  return `{${text}}`
}

const cache = new WeakMap<TSchema, Validator>()

function compiled(schema: TSchema): Validator {
  const known = cache.get(schema)
  if (known !== undefined) return known
  const fresh = Compile(schema)
  cache.set(schema, fresh)
  return fresh
}

function properties(schema: TSchema): string[] | null {
  const declared = 'properties' in schema ? schema.properties : undefined
  return declared !== null && typeof declared === 'object' ? Object.keys(declared) : null
}

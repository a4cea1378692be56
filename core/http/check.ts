import type { Static, TSchema } from 'typebox'
import { Compile, type Validator } from 'typebox/compile'
import { Value } from 'typebox/value'
import { Fault } from '../contract/fault.ts'

/** `value`, known to fit. @throws Fault `input/invalid` that names the first field that does not and what is expected of it. */
export function checked<S extends TSchema>(schema: S, value: unknown): Static<S> {
  if (fits(schema, value)) return value
  const errors = Value.Errors(schema, value)
  // An error of a branch says what one literal wanted; the union's own names all of them.
  const union = errors.find((error) => error.keyword === 'anyOf')
  const error = union ?? errors[0]
  const missing = error?.keyword === 'required' ? error.params.requiredProperties[0] : undefined
  const path = [...(error?.instancePath ?? '').split('/').slice(1), ...(missing ? [missing] : [])]
  const field = path.join('.') || 'body'
  throw new Fault('input/invalid', `${field}: ${missing ? 'is missing; ' : ''}expected ${expectation(at(schema, path)) ?? error?.message ?? 'another value'}.`)
}

const compiled = new WeakMap<TSchema, Validator>()

/** The same as `Value.Check`, many times faster from the second time on: for what is asked again and again. */
export function fits<S extends TSchema>(schema: S, value: unknown): value is Static<S> {
  const known = compiled.get(schema) ?? Compile(schema)
  compiled.set(schema, known)
  return known.Check(value)
}

interface Json { readonly [keyword: string]: unknown }

/** Text of a query made into what its field is declared as. What does not look like it stays text, and the check says so. */
export function fromText(schema: TSchema, query: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const fields = ((schema as Json)['properties'] ?? {}) as Record<string, Json>
  const out: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(fields)) {
    const text = query[name]
    if (text === undefined) continue
    const { type } = field
    if ((type === 'integer' || type === 'number') && typeof text === 'string' && /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) out[name] = Number(text)
    else if (type === 'boolean' && (text === 'true' || text === 'false')) out[name] = text === 'true'
    else out[name] = text
  }
  return out
}

/** The schema of a field, as deep as it can be followed. */
function at(schema: TSchema, path: readonly string[]): Json | undefined {
  let here: Json | undefined = schema as Json
  for (const part of path) here = ((here?.['properties'] as Record<string, Json> | undefined)?.[part] ?? here?.['items']) as Json | undefined
  return here
}

/** A schema in words. */
function expectation(schema: Json | undefined): string | null {
  if (!schema) return null
  if (Array.isArray(schema['anyOf'])) return schema['anyOf'].map((one: Json) => expectation(one)).join(' or ')
  if ('const' in schema) return JSON.stringify(schema['const'])
  const { type, minimum, maximum, minLength, maxLength, maxItems, pattern, description } = schema
  const bounds = [
    minimum === undefined ? null : `at least ${minimum}`, maximum === undefined ? null : `at most ${maximum}`,
    minLength === undefined ? null : `at least ${minLength} characters`, maxLength === undefined ? null : `at most ${maxLength} characters`,
    maxItems === undefined ? null : `at most ${maxItems} of them`, pattern === undefined ? null : (description ?? `matching ${pattern}`),
  ].filter((word) => word !== null)
  return [type, ...bounds].join(', ')
}

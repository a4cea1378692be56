/**
 * A readable condition on a record.
 *
 *     condition  = all { "or" all }
 *     all        = one { "and" one }
 *     one        = "not" one | "(" condition ")" | field test
 *     test       = "exists" | "is missing" | "is one of" value { "," value } | operator value
 *     field      = words with dots between: payload.media.bytes is `media.bytes`
 *     value      = "quoted" | word; compared as a number where the field is one
 */
export type Condition =
  | { readonly kind: 'all' | 'any'; readonly of: readonly Condition[] }
  | { readonly kind: 'not'; readonly of: Condition }
  | { readonly kind: 'test'; readonly field: string; readonly operator: Operator; readonly values: readonly string[] }

const OPERATORS = ['is not', 'is one of', 'is missing', 'is', '<=', '>=', '!=', '=', '<', '>', 'contains', 'starts with', 'ends with', 'exists'] as const
type Operator = (typeof OPERATORS)[number]

/** What is wrong with a condition, in words for whoever wrote it. */
export class ConditionError extends Error {
  override readonly name = 'ConditionError'
}

interface Token { readonly text: string; readonly quoted: boolean; readonly at: number }

const TOKEN = /\s*(?:"((?:[^"\\]|\\.)*)"|(<=|>=|!=|[()<>=,])|((?:[^\s()<>=!,"]|!(?!=))+))/y

/** Throws ConditionError. */
export function parseCondition(text: string): Condition {
  const tokens = tokensOf(text)
  let next = 0
  const end = () => next >= tokens.length
  const say = (what: string): never => {
    const token = tokens[next]
    throw new ConditionError(token ? `${what} at “${token.text}”` : `${what} at the end`)
  }
  const isWord = (word: string, ahead = 0) => {
    const token = tokens[next + ahead]
    return token !== undefined && !token.quoted && token.text.toLowerCase() === word
  }
  const take = (word: string) => isWord(word) && ++next > 0

  function condition(): Condition {
    const of = [all()]
    while (take('or')) of.push(all())
    return of.length === 1 ? of[0]! : { kind: 'any', of }
  }
  function all(): Condition {
    const of = [one()]
    while (take('and')) of.push(one())
    return of.length === 1 ? of[0]! : { kind: 'all', of }
  }
  function one(): Condition {
    if (take('not')) return { kind: 'not', of: one() }
    if (take('(')) {
      const inner = condition()
      if (!take(')')) say('a closing bracket is missing')
      return inner
    }
    return test()
  }
  function test(): Condition {
    const token = tokens[next]
    if (!token || token.quoted || /^[()<>=,]|^!=$/.test(token.text)) return say('the name of a field is missing')
    next++
    const operator = OPERATORS.find((words) => words.split(' ').every((word, i) => isWord(word, i)))
    if (!operator) return say(`after “${token.text}” something like is, >, contains or exists is missing`)
    next += operator.split(' ').length
    const values: string[] = []
    if (operator !== 'exists' && operator !== 'is missing') {
      values.push(value())
      while (operator === 'is one of' && take(',')) values.push(value())
      if (/[<>]/.test(operator) && numberOf(values[0]!) === null) throw new ConditionError(`${operator} compares numbers, and “${values[0]}” is none`)
    }
    return { kind: 'test', field: token.text, operator, values }
  }
  function value(): string {
    const token = tokens[next]
    if (!token || (!token.quoted && /^[()<>=,]|^!=$/.test(token.text))) return say('a value is missing')
    next++
    return token.text
  }

  if (end()) throw new ConditionError('the condition is empty')
  const whole = condition()
  if (!end()) say('“and” or “or” is missing')
  return whole
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = []
  const trimmed = text.trimEnd()
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < trimmed.length) {
    const at = TOKEN.lastIndex
    const found = TOKEN.exec(trimmed)
    if (!found) throw new ConditionError(`a quote is not closed at “${trimmed.slice(at).trim().slice(0, 20)}”`)
    tokens.push({ text: found[1]?.replaceAll(/\\(.)/g, '$1') ?? found[2] ?? found[3]!, quoted: found[1] !== undefined, at })
  }
  return tokens
}

/** A field that is missing is nothing: every comparison with it fails, but for `is not` and `is missing`. */
export function holds(condition: Condition, record: Readonly<Record<string, unknown>>): boolean {
  switch (condition.kind) {
    case 'all': return condition.of.every((one) => holds(one, record))
    case 'any': return condition.of.some((one) => holds(one, record))
    case 'not': return !holds(condition.of, record)
    case 'test': return passes(fieldOf(record, condition.field), condition.operator, condition.values)
  }
}

function passes(found: unknown, operator: Operator, values: readonly string[]): boolean {
  const isThere = found !== undefined && found !== null
  const [value = ''] = values
  switch (operator) {
    case 'exists': return isThere
    case 'is missing': return !isThere
    case 'is': case '=': return isThere && isSame(found, value)
    case 'is not': case '!=': return !isThere || !isSame(found, value)
    case 'is one of': return isThere && values.some((one) => isSame(found, one))
    case '<': return isNumber(found) && found < Number(value)
    case '<=': return isNumber(found) && found <= Number(value)
    case '>': return isNumber(found) && found > Number(value)
    case '>=': return isNumber(found) && found >= Number(value)
    case 'contains': return Array.isArray(found) ? found.some((one) => isSame(one, value)) : typeof found === 'string' && plain(found).includes(plain(value))
    case 'starts with': return typeof found === 'string' && plain(found).startsWith(plain(value))
    case 'ends with': return typeof found === 'string' && plain(found).endsWith(plain(value))
  }
}

const isNumber = (value: unknown): value is number => typeof value === 'number'
/** Capitals say nothing: `van` is `Van`. */
const plain = (value: unknown) => String(value).toLowerCase()
const numberOf = (text: string): number | null => (text.trim() === '' || Number.isNaN(Number(text)) ? null : Number(text))
/** `007` is the number 7, and not the name `7`. */
const isSame = (found: unknown, value: string) => (typeof found === 'object' ? false : isNumber(found) ? numberOf(value) === found : plain(found) === plain(value))

const fieldOf = (record: unknown, path: string): unknown =>
  path.split('.').reduce<unknown>((at, name) => (typeof at === 'object' && at !== null && Object.hasOwn(at, name) ? (at as Record<string, unknown>)[name] : undefined), record)

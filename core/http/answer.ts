import { Fault, isFaultCode, type FaultCode, type FaultReport } from '../contract/fault.ts'

/** What a refusal without a body means: an answer to HEAD has none. */
const WORDLESS: Readonly<Record<number, FaultCode>> = { 401: 'access/unauthenticated', 403: 'access/denied', 404: 'not-found', 409: 'task/stale', 423: 'media/busy' }

/**
 * The Fault that an appliance's answer stands for, on the side of whoever asked.
 * What is not in our words came from something in between: `core/unreachable`, and it is asked again.
 * @param name Whom was asked, for the sentence.
 */
export function faultOfAnswer(status: number, text: string, name = 'the appliance'): Fault {
  const said = reportOf(text)
  if (said !== null) return new Fault(said.code, said.message)
  const code = text === '' ? WORDLESS[status] : undefined
  return new Fault(code ?? 'core/unreachable', `${name} answered ${status} without saying why`)
}

function reportOf(text: string): FaultReport | null {
  try {
    return faultIn(JSON.parse(text))
  } catch (e) {
    if (e instanceof SyntaxError) return null // a proxy's page
    throw e
  }
}

/** The fault that a value of an answer is, if it is one. */
export function faultIn(value: unknown): FaultReport | null {
  if (value === null || typeof value !== 'object' || !('code' in value) || !('message' in value)) return null
  const { code, message } = value
  return typeof code === 'string' && typeof message === 'string' && isFaultCode(code) ? { code, message } : null
}

/** `viewshed keys`: what programs come in with. Asks the running appliance, by the token in its own folder. */
import { parseArgs } from 'node:util'
import { KEY_ROLES, type KeyView } from '../core/access/keys.ts'
import { Fault } from '../core/contract/fault.ts'
import { askCore } from './core-request.ts'
import { running } from './door.ts'

const USAGE = `viewshed keys [add NAME [--role ${KEY_ROLES.join('|')}] | revoke NAME]`

export async function keys(args: readonly string[]): Promise<void> {
  const { what, name, role } = asked(args)
  const core = await running()
  const say = (line: string) => void process.stdout.write(`${line}\n`)
  if (what === 'add') {
    const { key } = await askCore<{ key: string }>(core, 'POST', '/api/door/keys/add', { name, role })
    say(key)
    const use = role === 'flows' ? 'Write it into the node Viewshed appliance of your Node-RED.' : `Over MQTT the user name is key/${name} and this the password; over HTTP it is the bearer token.`
    process.stderr.write(`This is shown once. ${use}\n`)
  } else if (what === 'revoke') {
    await askCore(core, 'POST', '/api/door/keys/revoke', { name })
    say(`${name} is revoked.`)
  } else {
    const { keys } = await askCore<{ keys: readonly KeyView[] }>(core, 'GET', '/api/door/keys')
    for (const key of keys) say(`${key.name.padEnd(32)}  ${key.role.padEnd(8)}  since ${new Date(key.created_ms).toISOString().slice(0, 10)}`)
    if (keys.length === 0) process.stderr.write('There are no keys yet.\n')
  }
}

function asked(args: readonly string[]): { what: 'add' | 'revoke' | 'list'; name: string; role: string } {
  let given
  try {
    given = parseArgs({ args: [...args], allowPositionals: true, options: { role: { type: 'string', default: 'viewer' } } })
  } catch (e) {
    throw new Fault('input/invalid', `${e instanceof Error ? e.message : String(e)} Usage: ${USAGE}`, { cause: e })
  }
  const [what = 'list', name = '', ...more] = given.positionals
  if ((what !== 'add' && what !== 'revoke' && what !== 'list') || more.length > 0 || (name === '') !== (what === 'list')) throw new Fault('input/invalid', `Usage: ${USAGE}`)
  return { what, name, role: given.values.role }
}

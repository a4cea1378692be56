/** `viewshed setup-link` and `reset-password`: asks the running appliance, by the token in its own folder; so does `devices.ts`. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault } from '../core/contract/fault.ts'
import { readConfig } from './config.ts'
import { askCore, type CoreAddress } from './core-request.ts'

export async function setupLink(): Promise<void> {
  const { link } = await askCore<{ link: string }>(await running(), 'POST', '/api/door/setup-link', {})
  process.stdout.write(`${link}\nIt works once, within an hour.\n`)
}

export async function resetPassword(name: string | undefined): Promise<void> {
  if (!name) throw new Fault('input/invalid', 'whose password? viewshed reset-password NAME')
  const { link } = await askCore<{ link: string }>(await running(), 'POST', '/api/door/reset-password', { name })
  process.stdout.write(`${link}\nIt works once, within an hour.\n`)
}

/** Where the running appliance answers the command line. */
export async function running(): Promise<CoreAddress> {
  const { folder } = readConfig(process.env)
  const text = await readFile(join(folder, 'run', 'door.json'), 'utf8').catch((e: unknown) => {
    throw new Fault('core/unreachable', `no appliance has run with its configuration in ${folder}: start it, or set VIEWSHED_CONFIG`, { cause: e })
  })
  return JSON.parse(text) as CoreAddress
}

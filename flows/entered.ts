/**
 * Which node a message entered last, told where it can be read from outside: a process that stands still says nothing any more, and what
 * it stands still in is most likely that node.
 */
import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { NodePlace } from '../core/tasks/held.ts'
import { readFlow } from './install.ts'
import type { FlowEntry, RedNode } from './red.ts'

const BYTES = 128

/** A write of a few bytes for each message and node, at the moment it enters: later may be too late. */
export function openEntered(path: string) {
  const file = openSync(path, 'w', 0o600)
  const record = Buffer.alloc(BYTES)
  let last = ''
  const put = (id: string) => {
    if (id === last) return
    last = id
    record.fill(0)
    record.write(id)
    writeSync(file, record, 0, BYTES, 0)
  }
  return {
    /** @param _alias Of a node in a subflow: what it is in the file. */
    enter: ({ id, _alias }: Pick<RedNode, 'id' | '_alias'>) => put(_alias ?? id),
    /** Of a new deploy no node was entered yet. */
    forget: () => put(''),
    close: () => closeSync(file),
  }
}

/** What the process entered last before it ended, by the names in its flow file; null: none, or one that is not there any more. */
export function takeEntered(path: string, userDir: string): NodePlace | null {
  const id = textOf(path)?.replaceAll('\0', '') ?? ''
  rmSync(path, { force: true })
  if (id === '') return null
  return placeOf(id, readFlow(textOf(join(userDir, 'flows.json')) ?? '') ?? [])
}

/** @param id Of a node that runs: inside a subflow it is called after its instances, `instance-node`. Null: it is not in the flow. */
export function placeOf(id: string, flow: readonly FlowEntry[]): NodePlace | null {
  const node = flow.find((entry) => entry.id === id) ?? flow.find((entry) => entry.id === id.slice(id.lastIndexOf('-') + 1))
  if (!node) return null
  const tab = flow.find((entry) => entry.id === node.z)
  return { id: node.id, name: node.name || node.type, tab: tab?.label || tab?.name || '' }
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (e) {
    if (e instanceof Error && 'code' in e && e.code === 'ENOENT') return null
    throw e
  }
}

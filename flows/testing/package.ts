/** A palette as others publish them: a real package with one node, *upside down*, that turns the sign of a number. */
import { execFileSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export const NAME = 'node-red-contrib-upside-down'
export const VERSION = '1.2.3'

const TURNS = 'module.exports = (RED) => RED.nodes.registerType("upside-down", function (config) { RED.nodes.createNode(this, config); this.on("input", (msg, send, done) => { msg.payload = { n: -msg.payload.n }; send(msg); done() }) })'

export async function writePackage(folder: string, program = TURNS): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: NAME, version: VERSION, keywords: ['node-red'], 'node-red': { nodes: { 'upside-down': 'node.js' } } }))
  await writeFile(join(folder, 'node.js'), program)
  await writeFile(join(folder, 'node.html'), '<script type="text/javascript">RED.nodes.registerType("upside-down", { category: "function", color: "#fdd0a2", defaults: {}, inputs: 1, outputs: 1, label: "upside down" })</script>')
}

/** Written into the folder, as one file. @returns its path */
export async function packPackage(folder: string): Promise<string> {
  await writePackage(folder)
  const [packed] = JSON.parse(execFileSync('npm', ['pack', '--json'], { cwd: folder, encoding: 'utf8' })) as { filename: string }[]
  return join(folder, packed!.filename)
}

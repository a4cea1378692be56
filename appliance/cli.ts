/** `viewshed <command>`. Each command is a file of its own, loaded when it is asked for. */
import { Fault } from '../core/contract/fault.ts'

const commands: Record<string, { readonly help: string; readonly run: (args: readonly string[]) => Promise<void> }> = {
  serve: { help: 'the appliance: /config and /media, or VIEWSHED_CONFIG and VIEWSHED_MEDIA', run: async () => (await import('./serve.ts')).serveForReal() },
  demo: { help: '[PATH…] [--once] [--json] [--port N]: a drive end to end, over the sample or your own files', run: async (args) => (await import('./demo.ts')).demo(args) },
  agent: { help: '[--join ADDRESS | --discover] [--name NAME] [--folder DIR]: runs stages for an appliance', run: async (args) => (await import('./agent-main.ts')).agentMain(args) },
  devices: { help: '[--json] | accept CODE [--name NAME] [--stages a,b] | refuse CODE | pause, resume, drain, revoke NAME', run: async (args) => (await import('./devices.ts')).devices(args) },
  cameras: { help: '[NAME] [--json] | pause, resume, hint NAME | skip NAME CLIP… | retry NAME [CLIP…]: cameras on the network, and how far each is emptied', run: async (args) => (await import('./cameras-command.ts')).cameras(args) },
  retention: { help: '[report [REASON] | run | undo ID… | undo all | on NAME | off]: what would go and why; nothing does while it is off', run: async (args) => (await import('./retention.ts')).retention(args) },
  volumes: { help: '[--json] | trust NAME | adopt NAME: where files lie, whether it is there, which host keys are believed; another disk in the place of one that is no more', run: async (args) => (await import('./volumes-command.ts')).volumes(args) },
  verify: { help: '[--rate MB/s] [--volume NAME] [--older DAYS] [--report] [--json]: reads the archive again and makes good what has rotted', run: async (args) => (await import('./verify.ts')).verify(args) },
  bench: { help: '[NAME]: one JSON line for each figure', run: async (args) => (await import('./bench.ts')).bench(args) },
  crash: { help: '[--kills N] [--minutes M] [--seed S] [--devices D] [--spacing_s S] [--flows [--items N] [--stock]]: kills processes, cuts links, fills disks and turns clocks at random; compares what is left with an undisturbed run', run: async (args) => (await import('./crash.ts')).crash(args) },
  palette: { help: '[FOLDER]: builds and packs node-red-contrib-viewshed, the palette for a Node-RED of your own', run: async (args) => (await import('./palette.ts')).palette(args) },
  'setup-link': { help: 'a new one-time link to set the appliance up', run: async () => (await import('./door.ts')).setupLink() },
  keys: { help: '[add NAME [--role viewer|operator|admin|flows] | revoke NAME]: keys for Home Assistant, scripts and a Node-RED of your own', run: async (args) => (await import('./keys.ts')).keys(args) },
  'reset-password': { help: 'NAME: a one-time link with which NAME gets a new password', run: async (args) => (await import('./door.ts')).resetPassword(args[0]) },
}

const [name, ...args] = process.argv.slice(2)
const command = name !== undefined && Object.hasOwn(commands, name) ? commands[name] : undefined
if (!command) {
  const width = Math.max(...Object.keys(commands).map((word) => word.length))
  process.stderr.write(`usage: viewshed COMMAND\n\n${Object.entries(commands).map(([word, { help }]) => `  ${word.padEnd(width)}  ${help}`).join('\n')}\n`)
  process.exit(name === undefined || name === 'help' || name === '--help' ? 0 : 2)
}
try {
  await command.run(args)
} catch (e) {
  if (!(e instanceof Fault)) throw e
  process.stderr.write(`viewshed: ${e.message} (${e.code})\n`)
  process.exit(1)
}

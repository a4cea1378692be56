/** Core alone in a process of its own, for benches that measure it: it says where it answers, and its processor time when asked. Ends with its parent. */
import { join } from 'node:path'
import { pino } from 'pino'
import plugins from '../../plugins/index.ts'
import { openCore } from '../core.ts'

const home = process.argv[2]!
const core = await openCore({
  name: 'bench', folder: join(home, 'config'), host: '127.0.0.1', port: 0, mqttPort: 0, mqtt: null, trustProxy: false, tiles: null, volumes: { media: join(home, 'media') }, inbox: join(home, 'inbox'),
  plugins: { folder: { inboxes: [] } },
}, plugins, pino({ level: 'silent' }))

process.on('message', () => process.send!({ cpu_us: total(process.cpuUsage()) }))
process.once('disconnect', () => void core.close().then(() => process.exit(0)))
process.send!({ url: core.url, mqttPort: core.mqttPort })

function total({ user, system }: NodeJS.CpuUsage): number {
  return user + system
}

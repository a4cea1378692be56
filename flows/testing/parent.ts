/** A core that does nothing but keep a Node-RED process in the folder it is given, and say its process id at each start. The second argument: `hang_ms`. */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startFlows } from '../process.ts'
import { fakeCore } from './core.ts'

const folder = process.argv[2]!
await fakeCore(join(folder, 'core.sock'), {})
const quiet = () => undefined
const flows = await startFlows({
  userDir: join(folder, 'user'), socketPath: join(folder, 'red.sock'), coreSocket: join(folder, 'core.sock'), credentialKeyPath: join(folder, 'key'),
  token: '', secret: '', palette: [], defaultFlow: [], logger: { info: quiet, warn: quiet, error: quiet },
  entry: fileURLToPath(new URL('./child.ts', import.meta.url)),
  ...(process.argv[3] === undefined ? {} : { hang_ms: Number(process.argv[3]) }), onReady: () => console.log(flows.state().pid),
})

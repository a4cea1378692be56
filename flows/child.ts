/** Entry of the Node-RED process. */
import { coreClient } from './core.ts'
import { live } from './life.ts'

live((begin) => coreClient({ socketPath: begin.coreSocket, token: begin.token }))

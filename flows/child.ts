/** Entry of the Node-RED process. */
import { boardClient } from '../core/tasks/port-http.ts'
import { live } from './life.ts'

live((begin) => boardClient({ socketPath: begin.coreSocket, token: begin.token }))

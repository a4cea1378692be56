/** Entry of a Node-RED process whose core is the test's. */
import { live } from '../life.ts'
import { fakeCoreClient } from './core.ts'

live(({ coreSocket }) => fakeCoreClient(coreSocket))

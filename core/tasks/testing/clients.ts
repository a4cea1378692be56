/** Devices and a flow on the other side of HTTP, in a thread of their own: does rounds for a time and says how many there were in a second. */
import { parentPort, workerData } from 'node:worker_threads'
import { boardClient } from '../board-client.ts'
import { rate, rounds } from './rounds.ts'

const { socketPath, concurrency, for_ms, mark } = workerData as { socketPath: string; concurrency: number; for_ms: number; mark: string }
const flow = boardClient({ socketPath, token: 'flows flow home home' })
const device = boardClient({ socketPath, token: 'device nas home home' })
parentPort!.postMessage(await rate(concurrency, rounds(flow, device, mark), for_ms))
flow.close()
device.close()

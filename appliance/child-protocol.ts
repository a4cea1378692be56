/** What an agent and its stage children say to each other over the IPC pipe. */
import type { FaultReport } from '../core/contract/fault.ts'
import type { MediaRef } from '../core/contract/media.ts'
import type { VolumeSpec } from '../core/store/volumes.ts'
import type { CacheSpec } from './cache.ts'
import type { CoreAddress } from './core-request.ts'
import type { FarOrder } from './far-volumes.ts'

export interface RunOrder {
  readonly kind: 'run'
  readonly task: string
  readonly token: string
  readonly stage: string
  readonly input: Record<string, unknown>
  readonly options: Record<string, unknown>
  readonly config: unknown
  readonly attempt: number
  readonly scratch: string
  readonly kept: string // outlives this process
  readonly mounts: readonly VolumeSpec[] // volumes this machine has mounted; all others come over HTTP
  readonly far: FarOrder // volumes that it reaches over the network by itself
  readonly cache: CacheSpec // of what came over HTTP
  readonly core: CoreAddress
}

export type ToChild = RunOrder | { readonly kind: 'abort'; readonly task: string }

export type FromChild =
  | { readonly kind: 'ready' }
  | { readonly kind: 'alive'; readonly task: string } // it waits for something that takes its time
  | { readonly kind: 'progress'; readonly task: string; readonly done: number; readonly what: string | null }
  | { readonly kind: 'done'; readonly task: string; readonly output: Record<string, unknown>; readonly files: readonly MediaRef[] }
  | { readonly kind: 'fault'; readonly task: string; readonly report: FaultReport; readonly log: string | null }

import type { FaultReport } from '../contract/fault.ts'

/** What is kept of a device's report: a tool that failed may have said megabytes. */
export const brief = ({ code, message, log }: FaultReport & { readonly log?: string }): FaultReport & { readonly log?: string } =>
  ({ code, message: message.slice(0, 2_000), ...(log === undefined ? {} : { log: log.slice(-8_192) }) })

/** The machine that is asked, and for how long: tests have trees of their own, and tools that hang. */
export interface Here {
  readonly platform: NodeJS.Platform
  readonly sys: string
  readonly proc: string
  readonly dev: string
  readonly patience_ms: number // for one tool; a driver that is just being loaded takes seconds
}

export const HERE: Here = { platform: process.platform, sys: '/sys', proc: '/proc', dev: '/dev', patience_ms: 20_000 }

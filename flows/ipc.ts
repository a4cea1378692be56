/** What core and its Node-RED process say to each other over the pipe between them. Closed pipe: the child ends itself. */
import type { Palette } from './palette.ts'
import type { Pipeline } from './shipped.ts'
import type { Held } from '../core/tasks/held.ts'
import type { StageCount } from '../core/tasks/port.ts'

/** All that the child is told at its start; secrets are never in its arguments or environment. */
export interface Begin {
  readonly kind: 'begin'
  readonly userDir: string
  readonly socketPath: string // where its editor listens
  readonly coreSocket: string // where core listens
  readonly token: string // by which core knows it
  readonly secret: string // with which core signs who stands before the editor
  readonly credentialKey: string // with which Node-RED encrypts what its nodes must keep secret
  readonly palette: Palette
  readonly pipelines: readonly Pipeline[] // that were shipped, to be restored
  readonly safeMode: boolean
  readonly enteredPath: string // of `openEntered`
  /** Of others: may be installed, may not, or are not even loaded. */
  readonly palettes: 'on' | 'off' | 'left out'
}

export type ToChild =
  | Begin
  | { readonly kind: 'unable'; readonly why: Readonly<Record<string, string>> } // stage → why no device can do its work
  | { readonly kind: 'counts'; readonly counts: readonly StageCount[] }
  | { readonly kind: 'resend' | 'dismiss'; readonly seqs: readonly string[] }

export type FromChild =
  | { readonly kind: 'ready' } // the editor answers; from here on its event loop has no reason to stand still
  | { readonly kind: 'flows'; readonly running: boolean; readonly why: string | null } // deployed and started, or not
  | { readonly kind: 'beat'; readonly rss_bytes: number; readonly held: Held }
  | { readonly kind: 'log'; readonly level: 'info' | 'warn' | 'error'; readonly text: string }

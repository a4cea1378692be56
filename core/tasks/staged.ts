import type { MediaRef } from '../contract/media.ts'

/** What the board asks of the volumes: the files of a task lie at `<volume>/.viewshed/staging/<task>/<token>/<path>` until it is complete. */
export interface StagedFiles {
  /** Each is staged under this token with its size, or lies at its place already. Throws Fault `media/missing`;
   *  `media/conflict` when other bytes lie at its place; `media/unmounted`. */
  verify(task: string, token: string, files: readonly MediaRef[]): Promise<void>
  /** Renames each to its place and syncs the folders. Repeated after a crash: what lies there already is passed over. */
  place(task: string, token: string, files: readonly MediaRef[]): Promise<void>
  /** Removes what is staged under this token, or with null under every token of the task. Nothing there is no failure. */
  drop(task: string, token: string | null): Promise<void>
  /** For which something is staged on a volume that is at hand. */
  tasks(): Promise<readonly string[]>
}

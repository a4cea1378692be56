import { spawn } from 'node:child_process'
import { killGroup } from './children.ts'

/** A shell that outlives us by a moment: when our end of its pipe closes, however we ended, it ends what our stages had started. */
export function startReaper() {
  if (process.platform === 'win32') return { note: () => undefined, stop: () => undefined }
  const script = 'G=""; while read -r op g; do case $op in +) G="$G $g";; -) N=""; for x in $G; do [ "$x" = "$g" ] || N="$N $x"; done; G=$N;; esac; done; for g in $G; do kill -9 -"$g" 2>/dev/null; done'
  const shell = spawn('sh', ['-c', script], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
  shell.stdin.on('error', () => undefined) // it was killed; our children still die with us
  const groups = new Set<number>()
  return {
    note(change: '+' | '-', pgid: number): void {
      if (change === '+') groups.add(pgid)
      else groups.delete(pgid)
      shell.stdin.write(`${change} ${pgid}\n`)
    },
    stop(): void {
      for (const pgid of groups) killGroup(pgid)
      shell.stdin.end()
    },
  }
}

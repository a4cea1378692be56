import { spawn } from 'node:child_process'
import { MARK } from './family.ts'
import { killGroup } from './stage-process.ts'

/**
 * A shell that outlives us by a moment: when our end of its pipe closes, however we ended, it ends what our stages had started.
 * @param mark of our stages: what carries it in its environment goes as well, whatever group it is of
 */
export function startReaper(mark: string) {
  if (process.platform === 'win32') return { note: () => undefined, stop: () => undefined }
  const marked = `for e in $(grep -lsaF ${MARK}=${mark} /proc/[0-9]*/environ); do p=\${e#/proc/}; kill -9 \${p%/environ} 2>/dev/null; done`
  const script = 'G=""; while read -r op g; do case $op in +) G="$G $g";; -) N=""; for x in $G; do [ "$x" = "$g" ] || N="$N $x"; done; G=$N;; esac; done; for g in $G; do kill -9 -"$g" 2>/dev/null; done; '
  const shell = spawn('sh', ['-c', script + marked], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
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

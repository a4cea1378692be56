import { readFile, realpath } from 'node:fs/promises'

const NETWORK = /^(nfs\d?|cifs|smb\d?|smbfs|9p|afs|ceph|fuse\..+|davfs|ncpfs|virtiofs|vboxsf|vmhgfs)$/

/** Whether a path lies on a file system whose changes the kernel does not hear of. False where that cannot be told. */
export async function isOnNetwork(path: string): Promise<boolean> {
  const table = await readFile('/proc/self/mountinfo', 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return '' // not Linux
    throw cause
  })
  const real = await realpath(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR' || cause.code === 'EACCES') return path // not there yet: its parent's mount is the best guess
    throw cause
  })
  const type = typeOf(table, real)
  return type !== null && NETWORK.test(type)
}

/** The type of the file system that a path lies on, by a table like `/proc/self/mountinfo`. */
export function typeOf(table: string, path: string): string | null {
  let best: { point: string; type: string } | null = null
  for (const line of table.split('\n')) {
    const [before, after] = line.split(' - ')
    const point = before?.split(' ')[4]?.replaceAll(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)))
    const type = after?.split(' ')[0]
    if (point === undefined || type === undefined) continue
    const holds = point === '/' || path === point || path.startsWith(`${point}/`)
    if (holds && point.length >= (best?.point.length ?? 0)) best = { point, type } // a later mount lies over an earlier one
  }
  return best?.type ?? null
}

import { readFile, realpath } from 'node:fs/promises'

const NETWORK = /^(nfs\d?|cifs|smb\d?|smbfs|9p|afs|ceph|fuse\..+|davfs|ncpfs|virtiofs|vboxsf|vmhgfs)$/

/** What is mounted, from `/proc/self/mountinfo` (proc(5)); empty where there is no such file. */
export async function mountTable(): Promise<string> {
  return readFile('/proc/self/mountinfo', 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return '' // not Linux
    throw cause
  })
}

export interface Mount { readonly id: string; readonly point: string; readonly type: string } // the id is another one when it is mounted anew

/** In the order in which they were mounted. */
export function mountsOf(table: string): readonly Mount[] {
  return table.split('\n').flatMap((line) => {
    const [before, after] = line.split(' - ')
    const [id, , , , point] = before?.split(' ') ?? []
    const type = after?.split(' ')[0]
    return id === undefined || point === undefined || type === undefined ? [] : [{ id, type, point: point.replaceAll(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8))) }]
  })
}

/** Whether a path lies on a file system whose changes the kernel does not hear of. False where that cannot be told. */
export async function isOnNetwork(path: string): Promise<boolean> {
  const real = await realpath(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR' || cause.code === 'EACCES') return path // not there yet: its parent's mount is the best guess
    throw cause
  })
  const type = typeOf(await mountTable(), real)
  return type !== null && NETWORK.test(type)
}

/** The type of the file system that a path lies on, by a table like `/proc/self/mountinfo`. */
export function typeOf(table: string, path: string): string | null {
  let best: Mount | null = null
  for (const mount of mountsOf(table)) {
    const { point } = mount
    const holds = point === '/' || path === point || path.startsWith(`${point}/`)
    if (holds && point.length >= (best?.point.length ?? 0)) best = mount // a later mount lies over an earlier one
  }
  return best?.type ?? null
}

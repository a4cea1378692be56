/** What somebody dropped or picked, as files with their paths. */
import type { Chosen } from './send.ts'

/** What systems leave behind, and what the inbox does not take: anything that begins with a dot. */
export const isWanted = (path: string): boolean => !path.split('/').some((name) => name.startsWith('.') || /^(System Volume Information|\$RECYCLE\.BIN|lost\+found|Thumbs\.db|desktop\.ini)$/i.test(name))

export const picked = (files: Iterable<File>): Chosen[] => [...files].map((file) => ({ path: file.webkitRelativePath || file.name, file })).filter(({ path }) => isWanted(path))

/** Folders too, however deep. The list of items is the browser's only as long as the event: it is read before the first await. */
export async function dropped(transfer: DataTransfer): Promise<Chosen[]> {
  const entries = [...transfer.items].flatMap((item) => item.webkitGetAsEntry() ?? [])
  return (await Promise.all(entries.map(walk))).flat()
}

async function walk(entry: FileSystemEntry): Promise<Chosen[]> {
  const path = entry.fullPath.replace(/^\//, '')
  if (!isWanted(path)) return []
  if (entry.isFile) return [{ path, file: await new Promise<File>((done, fail) => (entry as FileSystemFileEntry).file(done, fail)) }]
  const reader = (entry as FileSystemDirectoryEntry).createReader()
  const all: FileSystemEntry[] = []
  // A browser gives a hundred at a time, and says that it is done by giving none.
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((done, fail) => reader.readEntries(done, fail))
    if (some.length === 0) break
    all.push(...some)
  }
  return (await Promise.all(all.map(walk))).flat()
}

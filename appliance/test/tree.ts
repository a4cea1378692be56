import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** Recorded files of /sys or /proc; a text that begins with `-> ` is a link. */
export async function plant(root: string, files: Readonly<Record<string, string>>): Promise<string> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true })
    if (content.startsWith('-> ')) await symlink(content.slice(3), join(root, name))
    else await writeFile(join(root, name), content)
  }
  return root
}

/** Programs that answer as the real ones do: a shell script each, given its arguments in `$*`. */
export async function tools(folder: string, scripts: Readonly<Record<string, string>>): Promise<string> {
  await mkdir(folder, { recursive: true })
  for (const [name, script] of Object.entries(scripts)) {
    await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`)
    await chmod(join(folder, name), 0o755)
  }
  return folder
}

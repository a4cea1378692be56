/** Where the programs lie that set-up starts by itself. Plain JavaScript without a dependency, as `prepare.mjs`. */
import { posix, win32 } from 'node:path'

/** The Node that came with the packages. On Windows what lies in `.bin` is a script, which cannot be started without a shell. */
export const packagedNode = (platform, root) => (platform === 'win32' ? win32.join(root, 'node_modules', 'node', 'bin', 'node.exe') : posix.join(root, 'node_modules', '.bin', 'node'))

/** npm as program and first words: the one that started us, else the one on the PATH. On Windows that is a script too, so it is the one beside the Node that runs. */
export function npmOf(platform, { execPath, npm_execpath }) {
  if (npm_execpath && /npm-cli\.c?js$/.test(npm_execpath)) return [execPath, npm_execpath]
  return platform === 'win32' ? [execPath, win32.join(win32.dirname(execPath), 'node_modules', 'npm', 'bin', 'npm-cli.js')] : ['npm']
}

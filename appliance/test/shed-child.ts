/** One file into a shed, from wherever this process lives: `node shed-child.ts '<JSON>'`. Prints what it made of it. */
import { readFile } from 'node:fs/promises'
import { openRemotes } from '../../core/store/volume/remotes.ts'

const { host, port, user, keyFile, root, file, path } = JSON.parse(process.argv[2]!) as Record<'host' | 'user' | 'keyFile' | 'root' | 'file' | 'path', string> & { readonly port: number }
const [ids, keys] = [new Map<string, string>(), new Map<string, string>()]
const remotes = openRemotes([{
  name: 'archive', org: 'home', url: `sftp://${user}@${host}:${port}${root}`, place: { kind: 'sftp', host, port, user, root, key: await readFile(keyFile, 'utf8'), passphrase: null, password: null },
}], { id: (name) => ids.get(name), hostKey: (name) => keys.get(name), keep: { id: async (name, id) => void ids.set(name, id), hostKey: async (name, key) => void keys.set(name, key) } }, { look_ms: 0 })
const { signal } = new AbortController()
const ref = await remotes.stage('task1', 'archive', path, file, signal)
const reread = await remotes.reread('task1', ref, { signal })
await remotes.verify('task1', 'token', [ref])
await remotes.place('task1', 'token', [ref])
process.stdout.write(JSON.stringify({ sha256: ref.sha256, reread: reread.sha256 }))
remotes.close()

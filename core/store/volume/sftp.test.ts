import { createReadStream } from 'node:fs'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe } from 'vitest'
import type { HostPin } from './sftp-link.ts'
import { openSftp } from './sftp.ts'
import { openSshd, whyNoSshd, type Sshd } from './testing/sshd.ts'
import { volumeContract } from './volume.contract.ts'

const NONE = whyNoSshd()
const trusting = (): HostPin => {
  let pinned: string | null = null
  return { get: () => pinned, first: async (fingerprint) => { pinned = fingerprint }, refused: () => undefined }
}

for (const commands of [true, false]) {
  const title = `SFTP, an OpenSSH server that ${commands ? 'allows commands' : 'speaks SFTP only, at a root that is a link'}`
  describe.skipIf(NONE !== null)(NONE ?? 'sshd', () => {
    let home: string
    let sshd: Sshd
    let root: string
    beforeAll(async () => {
      home = await mkdtemp(join(tmpdir(), 'viewshed-sftp-'))
      sshd = await openSshd(join(home, 'sshd'), commands)
    })
    afterAll(async () => {
      await sshd.close()
      await rm(home, { recursive: true, force: true })
    })
    volumeContract(title, () => {
      const lay = async (path: string, content: Buffer | AsyncIterable<Buffer>) => {
        const to = join(root, path)
        await mkdir(dirname(to), { recursive: true })
        await writeFile(to, content)
      }
      return {
        async open() {
          await mkdir(join(home, 'disk'), { recursive: true })
          root = await mkdtemp(join(home, 'disk', 'root-'))
          await rm(join(home, 'share'), { force: true })
          await symlink(root, join(home, 'share')) // as a QNAP has its shares
          return openSftp({ host: '127.0.0.1', port: sshd.port, user: sshd.user, root: commands ? root : join(home, 'share'), key: sshd.key, passphrase: null, password: null }, trusting())
        },
        lay,
        begun: (_volume, path, from, bytes) => lay(path, createReadStream(from.path, { end: bytes - 1 })),
      }
    })
  })
}

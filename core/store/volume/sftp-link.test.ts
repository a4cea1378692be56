import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import ssh2, { type KeyboardAuthContext } from 'ssh2'
import { expect, test } from 'vitest'
import { openSftpLink } from './sftp-link.ts'

/** A server that takes no password, and asks for it: as one with PAM alone does. @param prompts one round of questions after another */
async function asking(prompts: readonly string[][], heard: string[]) {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048, publicKeyEncoding: { type: 'pkcs1', format: 'pem' }, privateKeyEncoding: { type: 'pkcs1', format: 'pem' } })
  const server = new ssh2.Server({ hostKeys: [privateKey] }, (client) => {
    client.on('authentication', (context) => {
      if (context.method !== 'keyboard-interactive') return context.reject(['keyboard-interactive'])
      const ask = (round: number) => {
        if (round === prompts.length) return heard[0] === 'secret' && !heard.includes('', 1) ? context.accept() : context.reject()
        ;(context as KeyboardAuthContext).prompt(prompts[round]!.map((prompt) => ({ prompt, echo: false })), (answers) => {
          heard.push(...(answers.length === 0 ? [''] : answers))
          ask(round + 1)
        })
      }
      ask(0)
    })
    client.on('ready', () => client.on('session', (accept) => accept().on('sftp', (open) => void open())))
    client.on('error', () => undefined) // a client that was refused hangs up
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, close: () => server.close() }
}

const linkTo = (port: number) => openSftpLink({ host: '127.0.0.1', port, user: 'anna', root: '/', key: null, passphrase: null, password: 'secret' }, { get: () => null, first: async () => undefined, refused: () => undefined })

test('a server that asks for the password instead of taking it is told it', async () => {
  const heard: string[] = []
  const server = await asking([['Password: ']], heard)
  const link = linkTo(server.port)
  const { release } = await link.hold()
  expect(heard).toEqual(['secret'])
  release()
  link.close()
  server.close()
})

test('what else it asks for is not told the password', async () => {
  const heard: string[] = []
  const server = await asking([['Password: '], ['Verification code: ']], heard)
  const link = linkTo(server.port)
  await expect(link.hold()).rejects.toMatchObject({ code: 'media/unmounted', message: expect.stringContaining('refuses the login') })
  expect(heard).toEqual(['secret', ''])
  link.close()
  server.close()
})

import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import { afterEach, expect, test } from 'vitest'
import { askCore } from './core-request.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})
async function listening(server: Server, host: string): Promise<number> {
  servers.push(server.listen(0, host))
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

const hasIpv6 = Object.values(networkInterfaces()).flat().some((one) => one?.address === '::1')
test.skipIf(!hasIpv6)('an appliance is reached by a literal address of IPv6', async () => {
  const port = await listening(createServer((request, response) => response.end(JSON.stringify({ path: request.url }))), '::1')
  expect(await askCore({ baseUrl: `http://[::1]:${port}`, token: 't' }, 'GET', '/api/x?y=1')).toEqual({ path: '/api/x?y=1' })
})

test('an answer that takes its time is waited for', async () => {
  const port = await listening(createServer((_request, response) => void setTimeout(() => response.end('{}'), 6_000)), '127.0.0.1') // longer than Node keeps a connection
  expect(await askCore({ baseUrl: `http://127.0.0.1:${port}`, token: 't' }, 'GET', '/')).toEqual({})
}, 30_000)

test.each([
  ['says nothing', () => undefined],
  ['breaks off in the middle of its answer', (response: ServerResponse) => void response.writeHead(200, { 'content-length': 100 }).write('{"half')],
])('an appliance that %s and keeps the connection is as one that does not answer', async (_, answer) => {
  const port = await listening(createServer((_request, response) => answer(response)), '127.0.0.1')
  await expect(askCore({ baseUrl: `http://127.0.0.1:${port}`, token: 't' }, 'GET', '/', undefined, undefined, 300)).rejects.toMatchObject({ code: 'core/unreachable' })
})

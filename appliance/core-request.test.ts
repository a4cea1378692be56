import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
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

/** A device without a body: it joins, asks for work and never does any. */
import { Agent, request } from 'node:http'
import type { MqttClient } from 'mqtt'
import { CAPABILITY } from '../../core/devices/testing.ts'
import type { Answer, Ask } from '../../core/http/api.ts'
import type { Client } from '../../core/http/client.ts'

export interface Light { readonly name: string; readonly address: string; token: string; readonly agent: Agent; mqtt?: MqttClient }

/** @param address Of its own, on loopback: the door counts by address. */
export const light = (name: string, address: string): Light => ({ name, address, token: '', agent: new Agent({ keepAlive: true }) })

/** Knocks, is accepted, fetches its token. */
export async function admit(url: string, light: Light, admin: Client): Promise<void> {
  const { code, secret } = await ask<Answer<'join'>>(url, light, '/api/join', { name: light.name, capability: CAPABILITY } satisfies Ask<'join'>)
  await admin.acceptDevice({ code })
  const answer = await ask<Answer<'joinState'>>(url, light, '/api/join/state', { secret })
  if (answer.state !== 'accepted') throw new Error(`${light.name} is ${answer.state}`)
  light.token = answer.token
}

export const claim = (url: string, light: Light): Promise<unknown> => ask(url, light, '/api/board/claim', { stages: CAPABILITY.stages, count: 1 })

/** From an address of its own, over a connection that it keeps. */
export function ask<T>(url: string, { address, token, agent }: Light, path: string, body: object): Promise<T> {
  return new Promise((answer, failed) => {
    const sent = request(url + path, { method: 'POST', agent, localAddress: address, headers: { 'content-type': 'application/json', ...(token === '' ? {} : { authorization: `Bearer ${token}` }) } }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => (text += part)).on('error', failed).on('end', () => (response.statusCode === 200 ? answer(JSON.parse(text) as T) : failed(new Error(`${path}: ${response.statusCode} ${text}`))))
    })
    sent.on('error', failed).end(JSON.stringify(body))
  })
}

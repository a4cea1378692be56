import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { Fault } from '../../core/contract/fault.ts'
import type { OwnAnswer, OwnContext } from '../../core/contract/plugin.ts'
import type { NotifyConfig, Sent, WakeOptions } from './plugin.ts'

export async function run(_input: unknown, { options, now_ms }: OwnContext<NotifyConfig, WakeOptions>): Promise<OwnAnswer<Sent>> {
  const socket = createSocket('udp4')
  try {
    socket.bind(0)
    await once(socket, 'listening')
    socket.setBroadcast(true)
    await new Promise<void>((sent, failed) => socket.send(magicPacket(options.mac), options.port, options.to, (error) => (error ? failed(error) : sent())))
  } catch (cause) {
    throw new Fault('notify/failed', `${options.to} could not be called: ${(cause as Error).message}`, { cause })
  } finally {
    socket.close()
  }
  return { output: { sent_ms: now_ms } }
}

/** Six bytes of 0xff, then the address sixteen times (AMD, Magic Packet Technology, publication 20213). */
export const magicPacket = (mac: string): Buffer =>
  Buffer.concat([Buffer.alloc(6, 0xff), ...Array<Buffer>(16).fill(Buffer.from(mac.replaceAll(/[:-]/g, ''), 'hex'))])

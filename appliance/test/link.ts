/** A link between a device and core that breaks when it is told to: bytes go through a socket of its own and are counted. */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** What becomes of one connection. */
export interface Break {
  readonly after_bytes: number
  readonly way: 'up' | 'down' // bytes of which direction are counted; up: to core
  /** `end` and `reset` are heard by both sides; after `silence` nothing comes any more and nobody hears why. */
  readonly how: 'end' | 'reset' | 'silence'
}

export interface Link {
  readonly url: string
  readonly up_bytes: number // handed to core
  readonly down_bytes: number
  readonly connections: number
  readonly breaks: number // that came to pass
  close(): Promise<void>
}

/** @param next asked once for each connection; null: it holds */
export async function openLink(port: number, next: (connection: number) => Break | null): Promise<Link> {
  const count = { up: 0, down: 0, connections: 0, breaks: 0 }
  const sockets = new Set<Socket>()
  const server = createServer((device) => {
    const core = connect(port, '127.0.0.1')
    const fate = next(count.connections++)
    let left = fate?.after_bytes ?? Infinity
    let broken = false
    const snap = () => {
      broken = true
      count.breaks++
      for (const socket of [device, core]) {
        if (fate!.how === 'end') socket.destroySoon()
        else if (fate!.how === 'reset') socket.resetAndDestroy()
      }
    }
    const carry = (from: Socket, to: Socket, way: 'up' | 'down') => from.on('data', (data) => {
      if (broken) return
      const part = fate?.way === way ? data.subarray(0, left) : data
      if (fate?.way === way) left -= part.length
      count[way] += part.length
      if (!to.write(part)) {
        from.pause()
        to.once('drain', () => from.resume())
      }
      if (left === 0) snap()
    })
    carry(device, core, 'up')
    carry(core, device, 'down')
    for (const [socket, other] of [[device, core], [core, device]] as const) {
      sockets.add(socket)
      socket.setNoDelay(true).on('error', () => undefined).on('close', () => {
        sockets.delete(socket)
        if (!broken) other.destroySoon()
      })
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get up_bytes() { return count.up },
    get down_bytes() { return count.down },
    get connections() { return count.connections },
    get breaks() { return count.breaks },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((closed) => server.close(closed))
    },
  }
}

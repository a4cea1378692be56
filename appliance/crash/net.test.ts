import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { openNet, sweepNets, whyNoNet, type Host, type Net } from './net.ts'
import { isAlive } from './processes.ts'
import { tool } from './tool.ts'

const why = whyNoNet()

describe.skipIf(why !== null)(`hosts of our own making${why === null ? '' : ` (not here: ${why})`}`, () => {
  let net: Net
  beforeEach(() => { net = openNet(2) })
  afterEach(() => net.close())

  const inside = ({ enter: [command, ...words] }: Host, ...rest: readonly string[]) => spawn(command!, [...words, ...rest], { stdio: ['ignore', 'pipe', 'inherit'] })
  const server = async () => {
    const child = inside(net.appliance, process.execPath, '-e', "require('node:http').createServer((_, answer) => answer.end(Buffer.alloc(400_000))).listen(8080, '0.0.0.0', () => console.log('up'))")
    await once(createInterface(child.stdout!), 'line')
    return child
  }
  /** Milliseconds for 400 kB; null: no answer in time. */
  const fetched = (n: number, limit_ms = 10_000): number | null => {
    const { enter: [command, ...words], appliance } = net.devices[n]!
    const script = `const at = performance.now(); fetch('http://${appliance}:8080', { signal: AbortSignal.timeout(${limit_ms}) }).then((a) => a.arrayBuffer()).then(({ byteLength }) => console.log(byteLength, performance.now() - at), () => console.log('nothing'))`
    const said = spawnSync(command!, [...words, process.execPath, '-e', script], { encoding: 'utf8' }).stdout.trim()
    if (said === 'nothing') return null
    expect(said).toMatch(/^400000 /)
    return Number(said.split(' ')[1])
  }

  test('each device reaches the appliance; a link that is cut carries nothing, the other one does, and restored it carries again', async () => {
    await server()
    expect(fetched(0)).toEqual(expect.any(Number))
    net.devices[0]!.cut()
    expect(fetched(0, 1000)).toBeNull()
    expect(fetched(1)).toEqual(expect.any(Number))
    net.devices[0]!.restore()
    await vi.waitFor(() => expect(fetched(0, 2000)).toEqual(expect.any(Number)), { timeout: 20_000 })
  })

  test('a slow link takes as long as its rate says, and mended it is quick again', async () => {
    await server()
    net.devices[0]!.slow(2)
    expect(fetched(0)).toBeGreaterThan(800) // 400 kB at 2 Mbit/s are 1.6 s, less the burst
    net.devices[0]!.mend()
    expect(fetched(0)).toBeLessThan(800)
  })

  test('a lossy link loses packets, and mended it loses none', () => {
    const { enter: [command, ...words], appliance } = net.devices[0]!
    const lost = () => Number(/ ([0-9.]+)% packet loss/.exec(spawnSync(command!, [...words, process.execPath, '-e', PING, appliance], { encoding: 'utf8' }).stdout)?.[1])
    const echo = inside(net.appliance, process.execPath, '-e', "const s = require('node:dgram').createSocket('udp4'); s.on('message', (m, r) => s.send(m, r.port, r.address)).bind(7007)")
    echo.stdout!.resume()
    net.devices[0]!.lose(0.3)
    expect(lost()).toBeGreaterThan(20) // 51 of 100 on the average
    net.devices[0]!.mend()
    expect(lost()).toBe(0)
  })

  test('nothing of a closed net is left, and what a killed run left is swept', async () => {
    const child = await server()
    net.close()
    await expect.poll(() => isAlive(child.pid!), { timeout: 10_000 }).toBe(false) // it was killed, and may yet have to notice
    expect(readdirSync('/run/netns').filter((name) => name.startsWith(`vsc-${process.pid}-`))).toEqual([])

    const dead = spawnSync('true').pid
    tool('ip', 'netns', 'add', `vsc-${dead}-1-hub`)
    sweepNets()
    expect(readdirSync('/run/netns')).not.toContain(`vsc-${dead}-1-hub`)
    net = openNet(1)
  })
})

/** A hundred datagrams there and back. */
const PING = `
const socket = require('node:dgram').createSocket('udp4')
let back = 0
socket.on('message', () => { back++ })
for (let n = 0; n < 100; n++) setTimeout(() => socket.send(String(n), 7007, process.argv[1]), 500 + n * 5)
setTimeout(() => { console.log(' ' + (100 - back) + '% packet loss'); process.exit() }, 1800)`

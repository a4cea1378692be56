/** Against real servers on loopback: SMTP, HTTP and UDP. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer as createHttp } from 'node:http'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { createInterface } from 'node:readline'
import { afterEach, expect, test } from 'vitest'
import { Fault } from '../../core/contract/fault.ts'
import type { OwnContext } from '../../core/contract/plugin.ts'
import { run as mail } from './mail.ts'
import { run as mqtt } from './mqtt.ts'
import type { MailOptions, MqttOptions, NotifyConfig, WakeOptions, WebhookOptions } from './plugin.ts'
import { magicPacket, run as wake } from './wake.ts'
import { run as webhook } from './webhook.ts'

const open: { close(): unknown }[] = []
afterEach(() => { for (const server of open.splice(0)) server.close() })

const ctx = <O>(options: O, config: NotifyConfig = { smtp: null }, say: OwnContext<NotifyConfig, O>['say'] = async () => undefined) =>
  ({ task: 'task1', options, config, now_ms: 5, say }) as OwnContext<NotifyConfig, O>

const listening = async <S extends Pick<Server, 'listen' | 'address'> & { close(): unknown }>(server: S): Promise<number> => {
  open.push(server)
  await once(server.listen(0, '127.0.0.1') as never, 'listening')
  return (server.address() as AddressInfo).port
}

/** A mail server that takes everything but for the receivers it refuses. */
async function smtpServer(refused = '', code = 550): Promise<{ port: number; heard: string[] }> {
  const heard: string[] = []
  const server = createServer((socket) => {
    let isData = false
    const say = (line: string) => socket.write(`${line}\r\n`)
    say('220 test')
    createInterface({ input: socket }).on('line', (line) => {
      heard.push(line)
      if (isData) {
        if (line === '.') { isData = false; say('250 taken') }
      } else if (/^EHLO/i.test(line)) say('250 test')
      else if (/^DATA/i.test(line)) { isData = true; say('354 go on') }
      else if (/^RCPT/i.test(line) && refused !== '' && line.includes(refused)) say(`${code} nobody of that name`)
      else if (/^QUIT/i.test(line)) socket.end('221 bye\r\n')
      else say('250 ok')
    })
    socket.on('error', () => undefined)
  })
  return { port: await listening(server), heard }
}
const smtp = (port: number): NotifyConfig => ({ smtp: { host: '127.0.0.1', port, secure: false, from: 'box@example.org' } })
const MAIL: MailOptions = { to: 'ada@example.org', subject: 'Viewshed' }

test('a mail goes out with what the message says before what the node says, and names its task', async () => {
  const { port, heard } = await smtpServer()
  expect(await mail({ subject: 'Two drives', text: 'Hello', svg: '<svg/>' }, ctx(MAIL, smtp(port)))).toEqual({ output: { sent_ms: 5 } })
  expect(heard).toEqual(expect.arrayContaining(['MAIL FROM:<box@example.org>', 'RCPT TO:<ada@example.org>', 'Subject: Two drives', 'Message-ID: <task1@viewshed>', 'Hello']))
  expect(heard.join('\n')).toContain('filename=map.svg')
})

test('without a server, without a receiver, refused or away: said in words; who is away, or says to come again, is waited for', async () => {
  await expect(mail({ text: '' }, ctx(MAIL))).rejects.toMatchObject({ code: 'config/invalid', message: expect.stringContaining('plugins.notify.smtp') })
  const { port } = await smtpServer('ada')
  await expect(mail({ text: '' }, ctx({ ...MAIL, to: '' }, smtp(port)))).rejects.toMatchObject({ code: 'input/invalid' })
  await expect(mail({ text: '' }, ctx(MAIL, smtp(port)))).rejects.toMatchObject({ code: 'notify/failed', message: expect.stringContaining('nobody of that name') })
  const { port: later } = await smtpServer('ada', 450)
  await expect(mail({ text: '' }, ctx(MAIL, smtp(later)))).rejects.toMatchObject({ code: 'notify/unreachable' })
  await expect(mail({ text: '' }, ctx(MAIL, smtp(1)))).rejects.toMatchObject({ code: 'notify/unreachable', message: expect.stringContaining('127.0.0.1:1 did not take the mail') })
})

test('a webhook gets the body, or what is known, with a key by which a repetition is told; another answer than yes is a fault that keeps the address to itself', async () => {
  const got: unknown[] = []
  let status = 204
  const port = await listening(createHttp((request, response) => {
    let text = ''
    request.on('data', (part: Buffer) => { text += part.toString() }).on('end', () => {
      got.push([request.method, request.url, request.headers['idempotency-key'], JSON.parse(text)])
      response.writeHead(status, status === 302 ? { location: '/elsewhere' } : {}).end()
    })
  }))
  const options: WebhookOptions = { url: `http://127.0.0.1:${port}/secret`, timeout_s: 5 }
  await webhook({ body: { mine: 1 }, name: 'a.mp4' }, ctx(options))
  await webhook({ name: 'a.mp4', plates: 2 }, ctx(options))
  expect(got).toEqual([['POST', '/secret', 'task1', { mine: 1 }], ['POST', '/secret', 'task1', { name: 'a.mp4', plates: 2 }]])
  status = 500
  await expect(webhook({}, ctx(options))).rejects.toMatchObject({ code: 'notify/failed', message: `127.0.0.1:${port} answered 500` })
  status = 302
  await expect(webhook({}, ctx(options))).rejects.toMatchObject({ code: 'notify/failed' })
  status = 502
  await expect(webhook({}, ctx(options))).rejects.toMatchObject({ code: 'notify/unreachable', message: `127.0.0.1:${port} answered 502` })
  await expect(webhook({}, ctx({ ...options, url: 'http://127.0.0.1:1/secret' }))).rejects.toMatchObject({ code: 'notify/unreachable', message: expect.stringMatching(/^127\.0\.0\.1:1 could not be called: (?!.*secret)/) })
})

test('a webhook that takes the call and does not answer was perhaps called: each time counts', async () => {
  const port = await listening(createServer((socket) => void socket.on('error', () => undefined)))
  await expect(webhook({}, ctx({ url: `http://127.0.0.1:${port}/secret`, timeout_s: 1 }))).rejects.toMatchObject({ code: 'notify/failed', message: `127.0.0.1:${port} could not be called: no answer within 1 s` })
})

test('a computer is called by its network card, sixteen times over', async () => {
  const socket = createSocket('udp4')
  open.push(socket)
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const heard = once(socket, 'message')
  const options: WakeOptions = { mac: '00:11:22:33:44:ff', to: '127.0.0.1', port: socket.address().port }
  await wake({}, ctx(options))
  const [packet] = (await heard) as [Buffer]
  expect(packet.toString('hex')).toBe(`ffffffffffff${'0011223344ff'.repeat(16)}`)
  expect(magicPacket('00-11-22-33-44-FF')).toEqual(packet)
})

test('MQTT: as core, under the topic of the node', async () => {
  const said: unknown[] = []
  await mqtt({ name: 'a.mp4' }, ctx<MqttOptions>({ topic: 'seen', retain: true }, undefined, async (...what) => void said.push(what)))
  expect(said).toEqual([['seen', '{"name":"a.mp4"}', true]])
  const away = new Fault('notify/unreachable', 'The MQTT broker does not answer.')
  await expect(mqtt({ name: 'a.mp4' }, ctx<MqttOptions>({ topic: 'seen', retain: false }, undefined, () => Promise.reject(away)))).rejects.toBe(away) // and is tried again
})

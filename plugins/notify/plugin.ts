/** Tells somebody, or something, outside: once for each message, again when it failed, with the reason on the task. Core does it, for it alone has the passwords. */
import { Type, type Static } from 'typebox'
import { ownStage, plugin } from '../../core/contract/plugin.ts'

export const NotifyConfig = Type.Object({
  smtp: Type.Union([Type.Object({
    host: Type.String(),
    port: Type.Integer({ minimum: 1, maximum: 65_535, default: 587 }),
    secure: Type.Boolean({ default: false, description: 'TLS from the first byte (port 465); otherwise STARTTLS where the server offers it' }),
    user: Type.Optional(Type.String()),
    password_file: Type.Optional(Type.String({ description: 'A file with the password, readable by the appliance' })),
    from: Type.String({ description: 'The sender’s address' }),
  }), Type.Null()], { default: null, title: 'Mail server' }),
})
export type NotifyConfig = Static<typeof NotifyConfig>

const Nothing = Type.Object({})
export type Sent = Static<typeof Sent>
const Sent = Type.Object({ sent_ms: Type.Number({ description: 'UTC epoch' }) })
const Anything = Type.Unsafe<Record<string, unknown>>(Type.Object({}, { additionalProperties: true }))

export const MailInput = Type.Object({
  to: Type.Optional(Type.String({ maxLength: 1_000 })), subject: Type.Optional(Type.String({ maxLength: 500 })), text: Type.Optional(Type.String({ maxLength: 1_000_000 })),
  svg: Type.Optional(Type.String({ maxLength: 2_000_000, description: 'A picture, attached' })),
})
export type MailInput = Static<typeof MailInput>
export const MailOptions = Type.Object({
  to: Type.String({ default: '', maxLength: 1_000, title: 'To', description: 'Addresses, with commas between; those of the message go first' }),
  subject: Type.String({ default: 'Viewshed', maxLength: 500, title: 'Subject', description: 'That of the message goes first' }),
})
export type MailOptions = Static<typeof MailOptions>

/** What is said when the message has no `body` of its own. */
const Said = { body: Type.Optional(Anything), name: Type.Optional(Type.String()), camera: Type.Optional(Type.String()), sha256: Type.Optional(Type.String()), start_ms: Type.Optional(Type.Union([Type.Number(), Type.Null()])), plates: Type.Optional(Type.Number()), matched: Type.Optional(Type.Array(Type.String())) }

export const WebhookInput = Type.Object(Said)
export type WebhookInput = Static<typeof WebhookInput>
export const WebhookOptions = Type.Object({
  url: Type.String({ pattern: '^https?://', maxLength: 2_000, title: 'Address', description: 'Gets the `body` of the message by POST, as JSON; without one, what is known of the recording' }),
  timeout_s: Type.Number({ default: 10, minimum: 1, maximum: 120, title: 'At most (s)' }),
})
export type WebhookOptions = Static<typeof WebhookOptions>

export const WakeOptions = Type.Object({
  mac: Type.String({ pattern: '^([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}$', title: 'Network address', description: 'Of its network card: 00:11:22:33:44:55' }),
  to: Type.String({ default: '255.255.255.255', maxLength: 100, title: 'Broadcast', description: 'Where to call it' }),
  port: Type.Integer({ default: 9, minimum: 1, maximum: 65_535, title: 'Port' }),
})
export type WakeOptions = Static<typeof WakeOptions>

export const MqttInput = Type.Object(Said)
export type MqttInput = Static<typeof MqttInput>

export const MqttOptions = Type.Object({
  topic: Type.String({ pattern: '^[A-Za-z0-9_-]{1,64}$', default: 'seen', title: 'Topic', description: 'Said at viewshed/bridge/home/home/flow/TOPIC, at the broker that Home Assistant uses' }),
  retain: Type.Boolean({ default: false, title: 'Keep', description: 'Who comes later hears it, too' }),
})
export type MqttOptions = Static<typeof MqttOptions>

export default plugin({
  name: 'notify',
  title: 'Tell and act',
  config: NotifyConfig,
  stages: {
    mail: ownStage<NotifyConfig, typeof MailInput, typeof Sent, typeof MailOptions>({
      title: 'E-mail', help: 'Sends the `text` of the message, with its `subject` and picture, through your mail server.',
      version: 1, each: true, input: MailInput, output: Sent, options: MailOptions, own: () => import('./mail.ts'),
    }),
    webhook: ownStage<NotifyConfig, typeof WebhookInput, typeof Sent, typeof WebhookOptions>({
      title: 'Webhook', help: 'Calls an address. A call that was made and not answered is made again, with the same Idempotency-Key.',
      version: 1, each: true, input: WebhookInput, output: Sent, options: WebhookOptions, own: () => import('./webhook.ts'),
    }),
    wake: ownStage<NotifyConfig, typeof Nothing, typeof Sent, typeof WakeOptions>({
      title: 'Wake a computer', help: 'Wake-on-LAN: calls a sleeping machine by its network card.',
      version: 1, each: true, input: Nothing, output: Sent, options: WakeOptions, own: () => import('./wake.ts'),
    }),
    mqtt: ownStage<NotifyConfig, typeof MqttInput, typeof Sent, typeof MqttOptions>({
      title: 'MQTT', help: 'Says the `body` of the message at the broker, as JSON; without one, what is known of the recording.',
      version: 1, each: true, input: MqttInput, output: Sent, options: MqttOptions, own: () => import('./mqtt.ts'),
    }),
  },
})

import type { OwnAnswer, OwnContext } from '../../core/contract/plugin.ts'
import type { MqttInput, MqttOptions, NotifyConfig, Sent } from './plugin.ts'
import { said } from './said.ts'

export async function run(input: MqttInput, { options, say, now_ms }: OwnContext<NotifyConfig, MqttOptions>): Promise<OwnAnswer<Sent>> {
  await say(options.topic, said(input), options.retain)
  return { output: { sent_ms: now_ms } }
}

/** The user's own scripts as stages: files in and out, in a child with limits. */
import { Type, type Static } from 'typebox'
import { MediaRef } from '../../core/contract/media.ts'
import { plugin, stage } from '../../core/contract/plugin.ts'

export const CommandConfig = Type.Object({
  scripts: Type.String({ default: '/config/scripts', title: 'Scripts folder', description: 'Left out: `scripts` beside viewshed.yaml. Only what lies here may be run, on each machine its own' }),
})
export type CommandConfig = Static<typeof CommandConfig>

export const CommandInput = Type.Object({
  sha256: Type.Optional(Type.String({ pattern: '^[0-9a-f]{64}$', description: 'Of the recording: what the script makes is filed under it' })),
  media: Type.Optional(MediaRef),
}, { additionalProperties: true }) // the script is told all that the message says
export type CommandInput = Static<typeof CommandInput> & { readonly [field: string]: unknown }

export const CommandOutput = Type.Object({
  result: Type.Unsafe<Record<string, unknown>>(Type.Object({}, { additionalProperties: true, description: 'The JSON object that the script printed; `said` with its text when it printed something else' })),
  made: Type.Array(MediaRef, { description: 'The files that it left in $OUT' }),
})
export type CommandOutput = Static<typeof CommandOutput>

export const CommandOptions = Type.Object({
  script: Type.String({ pattern: '^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$', title: 'Script', description: 'Its name in the scripts folder; it must be executable' }),
  args: Type.Array(Type.String({ maxLength: 1_000 }), { default: [], maxItems: 50, title: 'Arguments', description: '["--fast"]' }),
  most_s: Type.Number({ default: 600, minimum: 1, maximum: 86_400, title: 'At most (s)' }),
  memory_mib: Type.Integer({ default: 1024, minimum: 16, maximum: 65_536, title: 'Memory (MiB)', description: 'Of address space; it is refused more. A device reckons with 1024 when it decides what else runs' }),
})
export type CommandOptions = Static<typeof CommandOptions>

export default plugin({
  name: 'command',
  title: 'Own scripts',
  config: CommandConfig,
  stages: {
    run: stage<CommandConfig, typeof CommandInput, typeof CommandOutput, typeof CommandOptions>({
      title: 'Any command', help: 'Runs a script of yours once for each message: the recording is at $MEDIA, all that the message says (camera, name, plates and so on; no field of more than 64 kB) comes as JSON on standard input, what it prints as JSON goes on as `result`, what it leaves in $OUT is kept.',
      version: 2, each: true, input: CommandInput, output: CommandOutput, options: CommandOptions, lease_s: 60, load: () => import('./run.ts'),
    }),
  },
})

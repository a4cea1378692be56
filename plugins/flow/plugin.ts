/** What a flow waits for and decides by. Core does all of it: the waiting is a task like any other, so nothing forgets it. */
import { Type } from 'typebox'
import { ownStage, plugin } from '../../core/contract/plugin.ts'
import { DelayInput, DelayOptions, FlowConfig, JoinInput, JoinOptions, JoinOutput, KeepInput, Nothing, ReviewInput, ReviewOptions, ReviewOutput, SummaryOptions, SummaryOutput, WhenInput, WhenOptions, WhenOutput } from './schemas.ts'

export default plugin({
  name: 'flow',
  title: 'Wait and decide',
  config: FlowConfig,
  events: {
    at: Type.Object({ node: Type.String(), at_ms: Type.Number({ description: 'The moment that was meant, UTC epoch' }) }, { title: 'At a time', description: 'Starts something by the clock: at a time of day, on some days, at sunrise or sunset. What was slept through is made up for, once.' }),
    waiting: Type.Object({ node: Type.String(), stage: Type.String(), count: Type.Integer({ description: 'How many wait' }) }, { title: 'When work piles up', description: 'Starts something when so many tasks of a stage wait; at most once in a while.' }),
  },
  stages: {
    delay: ownStage<FlowConfig, typeof DelayInput, typeof Nothing, typeof DelayOptions>({
      title: 'Wait', help: 'Holds every message for a while, or until a time of day, sunrise, sunset or a moment that it names. It waits on through restarts and power cuts.',
      version: 1, each: true, input: DelayInput, output: Nothing, options: DelayOptions, own: () => import('./delay.ts'),
    }),
    when: ownStage<FlowConfig, typeof WhenInput, typeof WhenOutput, typeof WhenOptions>({
      title: 'When', help: 'Lets through by date, time, sun, place and plates; whatever is filled in must hold. The answer is kept with the message, with the plates that were asked for and read as `matched`, so that sending it again asks nothing anew.',
      version: 2, each: true, input: WhenInput, output: WhenOutput, options: WhenOptions, ways: ['yes', 'no'], own: () => import('./when.ts'),
    }),
    join: ownStage<FlowConfig, typeof JoinInput, typeof JoinOutput, typeof JoinOptions>({
      title: 'Join', help: 'Waits until all that a split took apart has come, and goes on once, with everything in its order. Counts through restarts; each part counts once.',
      version: 1, input: JoinInput, output: JoinOutput, options: JoinOptions, gathers: ({ count }) => count, own: () => import('./join.ts'),
    }),
    review: ownStage<FlowConfig, typeof ReviewInput, typeof ReviewOutput, typeof ReviewOptions>({
      title: 'Ask a person', help: 'Waits until somebody has answered on the Work page; the message leaves by the answer.',
      version: 1, each: true, input: ReviewInput, output: ReviewOutput, options: ReviewOptions, ways: ['yes', 'no'], own: () => import('./review.ts'),
    }),
    keep: ownStage<FlowConfig, typeof KeepInput, typeof Nothing, typeof Nothing>({
      title: 'Keep', help: 'Marks a recording to be kept: nothing thins or removes it.',
      version: 1, each: true, input: KeepInput, output: Nothing, own: () => import('./keep.ts'),
    }),
    summary: ownStage<FlowConfig, typeof Nothing, typeof SummaryOutput, typeof SummaryOptions>({
      title: 'Sum up', help: 'What was driven in the last days: how often, how far, how many plates, and the lines on a map.',
      version: 1, each: true, input: Nothing, output: SummaryOutput, options: SummaryOptions, own: () => import('./summary.ts'),
    }),
  },
})

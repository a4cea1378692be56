import { SvelteMap } from 'svelte/reactivity'
import { sourcesOf, type Source, type Unplayed } from './held.ts'
import { hasPicture, takeAt, type Recording, type Take } from './recording.ts'

/** The one playhead: video, scrub bar, lanes, map and lists all read it, and each of them moves it. */
export class Playhead {
  t_s = $state(0)
  playing = $state(false)
  channel = $state('')
  rate = $state(1)
  rung = $state('Original')
  take = $state.raw<Take | null>(null)
  /** Files that could not be played, by place. */
  unplayed = new SvelteMap<string, Unplayed>()
  #recording: Recording
  #video: HTMLVideoElement | null = null
  #frame = 0

  constructor(recording: Recording, t_s: number) {
    this.#recording = recording
    this.channel = recording.channels.find((channel) => recording.takes.some((take) => take.channel === channel && hasPicture(take.view))) ?? recording.channels[0] ?? 'front'
    this.seek(t_s)
  }

  /** The clips came again, perhaps with more plates or another copy; the moment stays. */
  renew(recording: Recording): void {
    this.#recording = recording
    const at = takeAt(recording, this.channel, this.t_s)
    this.take = at && this.take && at.view.asset.sha256 === this.take.view.asset.sha256 ? at : (at ?? this.take)
  }

  get source(): Source | null {
    const sources = this.take ? sourcesOf(this.take.view).filter((source) => !this.unplayed.has(placeOf(source))) : []
    return sources.find((source) => source.name === this.rung) ?? sources[0] ?? null
  }

  /** The next source of this clip takes over, if there is one. */
  fail(source: Source, why: Unplayed): void {
    this.unplayed.set(placeOf(source), why)
    if (this.source === null) this.playing = false
  }

  attach(video: HTMLVideoElement | null): void {
    this.#video = video
    cancelAnimationFrame(this.#frame)
    if (video) this.#follow()
  }

  /** A new file is open: take it to the moment, and go on if it was playing. */
  opened(): void {
    const video = this.#video
    if (!video || !this.take) return
    video.currentTime = this.#local(this.take)
    video.playbackRate = this.rate
    if (this.playing) void this.#play(video)
  }

  seek(t_s: number): void {
    this.t_s = Math.max(0, Math.min(this.#recording.length_s, t_s))
    const take = takeAt(this.#recording, this.channel, this.t_s)
    const same = take?.view.asset.sha256 === this.take?.view.asset.sha256
    this.take = take
    if (same && take && this.#video && this.#video.readyState > 0) this.#video.currentTime = this.#local(take)
  }

  toggle(): void {
    const video = this.#video
    if (!video) return
    if (this.playing) {
      this.playing = false
      video.pause()
      if (this.take && !video.seeking) this.t_s = this.take.start_s + video.currentTime
    } else {
      if (this.t_s >= this.#recording.length_s - 0.1) this.seek(0)
      this.playing = true
      void this.#play(video)
    }
  }

  step(frames: number): void {
    if (this.playing) this.toggle()
    this.seek(this.t_s + frames / (this.take?.view.asset.fps ?? 30))
  }

  look(channel: string): void {
    this.channel = channel
    this.seek(this.t_s)
  }

  setRate(rate: number): void {
    this.rate = rate
    if (this.#video) this.#video.playbackRate = rate
  }

  /** The clip is over: the next one of this camera, or the end. */
  ended(): void {
    const next = this.#recording.takes.find((take) => take.channel === this.channel && take.view.asset.media_kind === 'video' && take.start_s > (this.take?.start_s ?? Infinity))
    if (next) this.seek(next.start_s)
    else this.playing = false
  }

  async #play(video: HTMLVideoElement): Promise<void> {
    try {
      await video.play()
    } catch (error) {
      if (!(error instanceof DOMException)) throw error
      if (error.name !== 'AbortError') this.playing = false // another file took its place, or the browser may not play it
    }
  }

  #local(take: Take): number {
    return Math.max(0, Math.min(this.t_s - take.start_s, take.end_s - take.start_s - 0.05))
  }

  #follow = (): void => {
    const video = this.#video
    if (video && this.take && this.playing && !video.paused && !video.seeking && video.readyState > 1) this.t_s = this.take.start_s + video.currentTime
    this.#frame = requestAnimationFrame(this.#follow)
  }
}

export const placeOf = ({ path }: Source): string => `${path.volume}/${path.path}`

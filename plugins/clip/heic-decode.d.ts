declare module 'heic-decode' {
  /** RGBA, all tiles put together and turned as seen. */
  export default function decode(source: { buffer: Uint8Array }): Promise<{ width: number; height: number; data: Uint8ClampedArray }>
}

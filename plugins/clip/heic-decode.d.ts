declare module 'heic-decode' {
  /** RGBA, all tiles put together and turned as seen. */
  interface Pixels { width: number; height: number; data: Uint8ClampedArray }
  interface Picture { width: number; height: number; decode: () => Promise<Pixels> }
  const decode: { (source: { buffer: Uint8Array }): Promise<Pixels>; all: (source: { buffer: Uint8Array }) => Promise<Picture[] & { dispose: () => void }> }
  export default decode
}

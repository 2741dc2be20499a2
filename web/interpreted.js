/**
 * A program to be interpreted: its bytes, since the host need not be able to compile it. Apart from
 * interp.js, which is loaded only when one is run.
 */
export class Interpreted {
  /**
   * @param {Uint8Array} bytes
   * @param {bigint} [fuel] instructions it may execute, about
   */
  constructor(bytes, fuel) {
    this.bytes = bytes;
    this.fuel = fuel;
    /** What interp.js made of it. @type {Awaited<ReturnType<typeof import("./interp.js").load>> | undefined} */
    this.loaded = undefined;
  }
}

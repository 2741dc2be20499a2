/**
 * How bytes get from one linear memory to another: in wasm where the host has multi-memory, else by
 * the functions here, which the bridge re-exports (docs/kernel-abi.md).
 *
 * Invariants: a range that the guest's memory does not have answers 1 and copies nothing; kernel
 * addresses are right by construction; views are made anew when a memory has grown.
 */

/** Up to here, copying element by element beats `set`. */
const SMALL_COPY = 64;

/** The host can copy between two memories without JavaScript. */
export function hasMultiMemory() {
  const twoMemories = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 5, 5, 2, 0, 0, 0, 0];
  return WebAssembly.validate(new Uint8Array(twoMemories));
}

/**
 * The bridge in JavaScript, for hosts without multi-memory and for guests inside an engine's memory.
 * @param {WebAssembly.Memory} kernelMemory
 * @param {() => Uint8Array} guestBytes the guest's memory, as it is now; it begins at a multiple of 4.
 *   Asked for when a range is beyond the bytes it gave before, as all are once they are detached. If the
 *   memory moves without that, `refresh` has to be called.
 * @param {boolean} shared the kernel's memory is
 */
export function copyFunctions(kernelMemory, guestBytes, shared) {
  let kernel = new Uint8Array(0);
  let kernel32 = new Uint32Array(0);
  /** @type {Uint8Array} */
  let guest = kernel;
  /** @type {Uint32Array} */
  let guest32 = kernel32;
  // Their `buffer` and `byteOffset`, which cost a call to ask for. A view made of them takes half of the time
  // that one by `subarray` takes.
  let kernelBuffer = /** @type {ArrayBufferLike} */ (kernel.buffer);
  let guestBuffer = kernelBuffer;
  let guestStart = 0;
  // A memory that grew leaves its old views with length 0, a shared one leaves them short; that
  // another thread let it grow is noticed by growing it by nothing.
  const refresh = () => {
    if (shared) kernelMemory.grow(0);
    kernelBuffer = kernelMemory.buffer;
    kernel = new Uint8Array(kernelBuffer);
    kernel32 = new Uint32Array(kernelBuffer);
    guest = guestBytes();
    guestBuffer = guest.buffer;
    guestStart = guest.byteOffset;
    guest32 = new Uint32Array(guestBuffer, guestStart, guest.length >>> 2);
  };
  /** Whether the guest's range is out of bounds: 1. All addresses and lengths are unsigned. */
  const beyond = (
    /** @type {number} */ at,
    /** @type {number} */ kernelAt,
    /** @type {number} */ length,
  ) => {
    if (at + length <= guest.length && kernelAt + length <= kernel.length) return 0;
    refresh();
    return at + length > guest.length ? 1 : 0;
  };
  return {
    refresh,

    /**
     * @param {number} to in the kernel
     * @param {number} from in the guest
     * @param {number} length
     */
    read(to, from, length) {
      to >>>= 0;
      from >>>= 0;
      length >>>= 0;
      if (beyond(from, to, length)) return 1;
      if (length > SMALL_COPY)
        kernel.set(new Uint8Array(guestBuffer, guestStart + from, length), to);
      else copySmall(kernel, kernel32, to, guest, guest32, from, length);
      return 0;
    },

    /**
     * @param {number} to in the guest
     * @param {number} from in the kernel
     * @param {number} length
     */
    write(to, from, length) {
      to >>>= 0;
      from >>>= 0;
      length >>>= 0;
      if (beyond(to, from, length)) return 1;
      if (length > SMALL_COPY) guest.set(new Uint8Array(kernelBuffer, from, length), to);
      else copySmall(guest, guest32, to, kernel, kernel32, from, length);
      return 0;
    },
  };
}

/**
 * Copies a few bytes, to room that is there.
 * @param {Uint8Array} target
 * @param {Uint32Array} target32 the same memory
 * @param {number} to
 * @param {Uint8Array} source
 * @param {Uint32Array} source32 the same memory
 * @param {number} from
 * @param {number} length
 */
function copySmall(target, target32, to, source, source32, from, length) {
  if (((to | from | length) & 3) === 0) {
    for (let i = from >>> 2, j = to >>> 2, n = length >>> 2; n > 0; n--) {
      target32[j++] = /** @type {number} */ (source32[i++]);
    }
  } else {
    for (let i = 0; i < length; i++) target[to + i] = /** @type {number} */ (source[from + i]);
  }
}

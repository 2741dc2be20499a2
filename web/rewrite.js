/**
 * The way of a program through the rewriter of toolchain.wasm (wasi-polyfill/src/rewriter.h), which makes one
 * instance of it able to serve many processes (image.js).
 *
 * Invariant: what the rewriter need not see is passed on as it came, without a copy.
 */

/** What the rewriter takes at a time, at most. */
const WINDOW = 64 * 1024;

/**
 * Rewrites a module that arrives piece by piece.
 *
 * @param {import("./kernel.js").Kernel} tools toolchain.wasm
 * @param {boolean} [known] false: each byte is looked at, also of the build of which more is known
 */
export function createRewriter(tools, known = true) {
  const { exports } = tools;
  const handle = exports.nidus_rewriter(Number(known));
  const shown = () => new Uint32Array(tools.memory.buffer, handle, 4);
  return {
    /**
     * Passes on what can be, now that `chunk` has arrived, or the module has ended. Throws `ENOTSUP` where
     * the program cannot be rewritten.
     *
     * @param {Uint8Array | undefined} chunk
     * @param {(part: Uint8Array) => void} pass
     */
    push(chunk, pass) {
      let rest = chunk;
      do {
        const [into, , , skip] = shown();
        const piece = rest?.subarray(0, skip || WINDOW);
        rest = rest?.subarray(piece?.length);
        if (piece && skip) pass(piece);
        else if (piece) tools.u8().set(piece, into);
        tools.check(exports.nidus_rewriter_take(handle, piece?.length ?? 0), "rewrite");
        const [, from, length] = shown();
        if (length) pass(tools.u8().slice(from, from + length));
      } while (rest?.length);
    },
    /** Gives its memory back. */
    close: () => exports.nidus_rewriter_end(handle),
  };
}

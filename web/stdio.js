/**
 * Standard input and output of a process: from what the caller asks for to what lies at descriptors
 * 0, 1 and 2.
 *
 * Invariant: what was handed in, such as the streams of a command that its child inherits, is only
 * borrowed. Where the caller may hand in web streams, node/web-streams.js stands before this.
 */

import { NidusError } from "./errors.js";
import { bytesStream, toBytes } from "./streams.js";

/** @typedef {import("./host.js").HostStream} HostStream */
/** @typedef {{file: string, append?: boolean}} Redirection a file of the tree */
/**
 * What lies at a descriptor of another process; a `pipe`'s end is given away.
 * @typedef {{pid: number, fd: number, whole?: boolean, terminal?: boolean, pipe?: number}} Inherited
 */

/**
 * `"null"`: nothing; a file of the tree; bytes; a synchronous stream; and in Node also `"pipe"` (the default
 * there): a web stream of the process; a web stream; or a function.
 * @typedef {"pipe" | "null" | Redirection | Uint8Array | ReadableStream<Uint8Array> | HostStream | Inherited} StdinOption
 * @typedef {"pipe" | "null" | Redirection | WritableStream<Uint8Array> | ((bytes: Uint8Array) => void) | HostStream | Inherited} OutputOption
 */

/**
 * @typedef {object} StdioOptions
 * @property {StdinOption} [stdin]
 * @property {string | Uint8Array} [input] all of standard input, instead of `stdin`
 * @property {OutputOption} [stdout]
 * @property {OutputOption} [stderr]
 * @property {[HostStream, HostStream, HostStream]} [streams] instead of `stdin`, `stdout`, `stderr`
 * @property {{cols: number, rows: number}} [terminal] all three are a terminal, and the process has
 *   one `output`
 */

/** @typedef {HostStream | Redirection | Inherited} Place what lies at a descriptor */

/**
 * @typedef {object} Stdio
 * @property {Place[]} places three
 * @property {(() => void | Promise<void>)[]} closers to be called when the process has ended
 */

/**
 * @param {StdioOptions} options what is left out is `"null"`
 * @returns {Stdio}
 */
export function planStdio({ streams, input, stdin, stdout, stderr }) {
  const first = input === undefined ? stdin : toBytes(input).slice();
  const places = (streams ?? [first, stdout, stderr]).map((wanted = "null", fd) => {
    if (wanted === "null") return { file: "/dev/null" };
    if (wanted instanceof Uint8Array) return bytesStream(wanted);
    const { file, ready, pid } = Object(wanted);
    if (file ?? ready ?? pid) return /** @type {Place} */ (wanted);
    const name = ["stdin", "stdout", "stderr"][fd];
    throw new NidusError("EINVAL", `EINVAL: ${name} cannot be ${JSON.stringify(wanted)}`);
  });
  return { places, closers: [] };
}

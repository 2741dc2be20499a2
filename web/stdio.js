/**
 * Standard input and output of a process: from what the caller asks for to what lies at descriptors
 * 0, 1 and 2, and what of it must be closed when the process has ended.
 *
 * Invariant: a stream is closed by the process that made it; one that was handed in, such as a
 * command's that its child inherits, is only borrowed.
 */

import { NidusError } from "./errors.js";
import { Bytes, InputPipe, IntoWritable, OutputPipe, Sink, readAll, toBytes } from "./streams.js";

/** @typedef {import("./host.js").HostStream} HostStream */
/** @typedef {{file: string, append?: boolean}} Redirection a file of the tree */

/**
 * `"pipe"`: a web stream of the process; `"null"`: nothing; a file of the tree; bytes, a web stream,
 * a function; or a synchronous stream.
 * @typedef {"pipe" | "null" | Redirection | Uint8Array | ReadableStream<Uint8Array> | HostStream} StdinOption
 * @typedef {"pipe" | "null" | Redirection | WritableStream<Uint8Array> | ((bytes: Uint8Array) => void) | HostStream} OutputOption
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

/** @typedef {HostStream | Redirection | "null"} Place what lies at a descriptor */

/**
 * @typedef {object} Stdio
 * @property {[Place, Place, Place]} places
 * @property {WritableStream<Uint8Array> | null} stdin
 * @property {ReadableStream<Uint8Array> | null} stdout
 * @property {ReadableStream<Uint8Array> | null} stderr
 * @property {ReadableStream<Uint8Array> | null} output
 * @property {(() => void | Promise<void>)[]} closers to be called when the process has ended
 */

/**
 * @param {StdioOptions} options
 * @param {boolean} patient processes can wait
 * @returns {Promise<Stdio>}
 */
export async function planStdio(options, patient) {
  /** @type {Stdio} */
  const stdio = {
    places: ["null", "null", "null"],
    stdin: null,
    stdout: null,
    stderr: null,
    output: null,
    closers: [],
  };
  const [given0, given1, given2] = options.streams ?? [];
  const input = options.input === undefined ? undefined : toBytes(options.input).slice();
  stdio.places[0] = await planInput(given0 ?? input ?? options.stdin ?? "pipe", stdio, patient);
  if (options.terminal !== undefined && given1 === undefined) {
    const pipe = Object.assign(new OutputPipe(patient), { terminal: true });
    stdio.closers.push(() => pipe.close());
    stdio.output = pipe.readable;
    stdio.places[1] = stdio.places[2] = pipe;
    if (typeof stdio.places[0] === "object" && !("file" in stdio.places[0])) {
      stdio.places[0].terminal = true;
    }
    return stdio;
  }
  stdio.places[1] = planOutput(given1 ?? options.stdout ?? "pipe", stdio, "stdout", patient);
  stdio.places[2] = planOutput(given2 ?? options.stderr ?? "pipe", stdio, "stderr", patient);
  return stdio;
}

/**
 * @param {StdinOption} wanted
 * @param {Stdio} stdio
 * @param {boolean} patient
 * @returns {Promise<Place>}
 */
async function planInput(wanted, stdio, patient) {
  if (wanted === "null") return wanted;
  if (wanted instanceof Uint8Array) return new Bytes(wanted);
  if (wanted instanceof ReadableStream) {
    // A process that cannot wait gets its input whole.
    if (!patient) return new Bytes(await readAll(wanted));
    const pipe = new InputPipe();
    pipe.feed(wanted).catch(() => {});
    stdio.closers.push(() => pipe.close());
    return pipe;
  }
  if (wanted === "pipe") {
    const pipe = new InputPipe();
    stdio.stdin = pipe.writable();
    stdio.closers.push(() => pipe.close());
    return pipe;
  }
  return checkPlace(wanted, "stdin");
}

/**
 * @param {OutputOption} wanted
 * @param {Stdio} stdio
 * @param {"stdout" | "stderr"} name
 * @param {boolean} patient
 * @returns {Place}
 */
function planOutput(wanted, stdio, name, patient) {
  if (wanted === "null") return wanted;
  if (typeof wanted === "function") return new Sink(wanted);
  if (wanted instanceof WritableStream) {
    const into = new IntoWritable(wanted, patient);
    stdio.closers.push(() => into.release());
    return into;
  }
  if (wanted === "pipe") {
    const pipe = new OutputPipe(patient);
    stdio[name] = pipe.readable;
    stdio.closers.push(() => pipe.close());
    return pipe;
  }
  return checkPlace(wanted, name);
}

/**
 * @param {Redirection | HostStream} wanted
 * @param {string} name
 * @returns {Place}
 */
function checkPlace(wanted, name) {
  if (typeof wanted === "object" && ("file" in wanted || typeof wanted.ready === "function")) {
    return wanted;
  }
  throw new NidusError("EINVAL", `EINVAL: ${name} cannot be ${JSON.stringify(wanted)}`);
}

/**
 * A file of the tree as a stream, for commands, which have no descriptors of their own.
 * @param {import("./fs.js").FsSync} sync
 * @param {Place} place
 * @param {boolean} reads
 * @returns {HostStream & {close?: () => void}}
 */
export function placeAsStream(sync, place, reads) {
  if (place === "null") {
    return { read: () => 0, write: (from) => from.length, ready: () => 3 };
  }
  if (!("file" in place)) return place;
  const { file, append } = place;
  const fd = sync.open(file, reads ? "r" : append ? "a" : "w");
  return {
    read: (into) => sync.read(fd, into, file),
    write(from) {
      sync.write(fd, from, file);
      return from.length;
    },
    ready: () => 3,
    close: () => sync.close(fd),
  };
}

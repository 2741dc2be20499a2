/**
 * The other end of a wire (wire.js): sockets, and input of this process, in a thread with an event loop that
 * no program holds up.
 */

import { isIPv6, Server, Socket } from "node:net";
import { isatty, ReadStream } from "node:tty";
import { workerData } from "node:worker_threads";

/** @typedef {import("./wire.js").ToWorker} ToWorker */
/** @typedef {import("./wire.js").FromWorker} FromWorker */

/** How long what was written may take to leave when nothing else is to be done, in milliseconds. */
const LINGER = 10_000;
/** As `stream_shutdown` has it. */
const READING = 1;
const WRITING = 2;

/** @type {{port: import("node:worker_threads").MessagePort, word: Int32Array<SharedArrayBuffer>, window: number}} */
const { port, word, window } = workerData;

/** @typedef {{stream: Socket | ReadStream, under: number, discards: boolean}} Inflow */
/** @type {Map<number, Inflow>} */
const inflows = new Map();
/** @type {Map<number, Server>} */
const servers = new Map();
/** Numbers of connections, which go down. */
let last = 0;

/** @param {FromWorker} message */
function tell(message) {
  port.postMessage(message);
  Atomics.add(word, 0, 1);
  Atomics.notify(word, 0);
}

/** @param {unknown} error */
const codeOf = (error) => String(/** @type {{code?: string}} */ (error).code ?? "EIO");

/**
 * Hands on what a stream brings, as far as it is taken.
 * @param {number} number
 * @param {Socket | ReadStream} stream
 */
function bring(number, stream) {
  /** @type {Inflow} */
  const inflow = { stream, under: 0, discards: false };
  inflows.set(number, inflow);
  stream.on("data", (/** @type {Uint8Array} */ chunk) => {
    if (inflow.discards) return;
    inflow.under += chunk.length;
    if (inflow.under >= window) stream.pause();
    // A copy: a chunk is a part of a larger buffer.
    tell(["data", number, new Uint8Array(chunk)]);
  });
  stream.on("end", () => tell(["end", number]));
  stream.on("error", (error) => tell(["broken", number, codeOf(error)]));
}

/**
 * @param {number} number
 * @param {import("./wire.js").Address} address
 */
function listen(number, address) {
  const server = new Server({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true });
  servers.set(number, server);
  server.on("connection", (socket) => {
    bring(--last, socket);
    tell(["connection", number, last]);
  });
  server.on("error", (error) => tell(["failed", number, codeOf(error)]));
  server.listen(address, () => {
    const name = server.address();
    if (name === null || typeof name === "string")
      return tell(["listening", number, `unix:${name}`]);
    const host = isIPv6(name.address) ? `[${name.address}]` : name.address;
    tell(["listening", number, `${host}:${name.port}`]);
  });
}

/** @param {number} number */
function close(number) {
  servers.get(number)?.close();
  servers.delete(number);
  const inflow = inflows.get(number);
  inflows.delete(number);
  if (!inflow) return;
  inflow.discards = true;
  if (inflow.stream instanceof ReadStream || number > 0) inflow.stream.destroy();
  // After what was written.
  else inflow.stream.destroySoon();
}

port.on("message", (/** @type {ToWorker} */ message) => {
  const [what, number, value] = message;
  const inflow = inflows.get(number);
  const stream = inflow?.stream;
  switch (what) {
    case "listen":
      return listen(number, value);
    case "input":
      try {
        return bring(number, isatty(value) ? new ReadStream(value) : new Socket({ fd: value }));
      } catch (error) {
        return tell(["broken", number, codeOf(error)]);
      }
    case "accept":
      return stream?.resume();
    case "taken":
      if (!inflow) return;
      inflow.under -= value;
      if (inflow.under < window && inflow.stream.isPaused()) inflow.stream.resume();
      return;
    case "write":
      stream?.write(value, (error) => {
        if (error) tell(["broken", number, codeOf(error)]);
        else tell(["written", number, value.length]);
      });
      return;
    case "shutdown":
      if (inflow && value & READING) {
        inflow.discards = true;
        inflow.stream.resume();
      }
      if (value & WRITING) stream?.end();
      return;
    case "close":
      return close(number);
    case "finish":
      // What is still to be written keeps this thread.
      setTimeout(() => process.exit(), LINGER).unref();
  }
});

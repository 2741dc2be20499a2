/**
 * What comes from outside while a program holds its thread up: connections, and standard input that cannot be
 * looked at otherwise. Another thread has them (wire-worker.js), and tells this one by messages.
 *
 * ```
 *   kernel ◀── Listener, Connection, Inlet ◀── messages ──▶ worker: node:net, node:tty
 *   program waits: Atomics.wait(word) ◀────────── word + 1 ──────┘
 * ```
 *
 * Invariants: messages are taken in their order, by the kernel's calls or by the event loop, whichever
 * is first; what has come since a program last began to wait lets its next wait return at once; each
 * direction of a connection has at most `WINDOW` bytes under way. A thread has one wire, for as long as
 * something lies at its other end.
 */

import { MessageChannel, Worker, receiveMessageOnPort } from "node:worker_threads";
import { NidusError } from "../web/errors.js";
import { BLOCK } from "../web/streams.js";
import { errnoNumber } from "./errno.js";

/** @typedef {import("../web/host.js").HostStream} HostStream */

/**
 * What crosses. The numbers are those of ends: listeners, connections, input.
 * @typedef {["listen", number, Address] | ["input", number, number] | ["accept", number] | ["taken", number, number]
 *   | ["write", number, Uint8Array] | ["shutdown", number, number] | ["close", number] | ["finish", 0]} ToWorker
 * @typedef {["listening", number, string] | ["failed", number, string] | ["connection", number, number]
 *   | ["data", number, Uint8Array] | ["end", number] | ["broken", number, string] | ["written", number, number]} FromWorker
 */

/** @typedef {{host: string, port: number} | {path: string}} Address */

/** Bytes of each direction of a connection that may be under way. */
const WINDOW = 256 * 1024;
/** As `stream_shutdown` has them. */
const READING = 1;
const WRITING = 2;
const CLOSING = 4;
const EPIPE = -64;

/**
 * Bytes that come from the other thread.
 * @implements {HostStream}
 */
export class Inlet {
  /** @type {Uint8Array[]} */
  #chunks = [];
  #ended = false;
  /** What reading answers when all that came has been taken: 0 or `-errno`. */
  #end = 0;
  /** @type {(() => void) | null} */
  onready = null;

  /** @param {Wire} wire @param {number} number */
  constructor(wire, number) {
    this.wire = wire;
    this.number = number;
  }

  /** @param {Uint8Array} into */
  read(into) {
    this.wire.take();
    const [chunk] = this.#chunks;
    if (chunk === undefined) return this.#ended ? this.#end : BLOCK;
    const part = chunk.subarray(0, into.length);
    into.set(part);
    if (part.length === chunk.length) this.#chunks.shift();
    else this.#chunks[0] = chunk.subarray(part.length);
    this.wire.tell(["taken", this.number, part.length]);
    return part.length;
  }

  /** @returns {number} */
  ready() {
    this.wire.take();
    return this.#chunks.length > 0 || this.#ended ? 1 : 0;
  }

  /** @param {FromWorker} message */
  told([what, , value]) {
    if (what === "data") this.#chunks.push(value);
    else if (what === "end") this.finish(0);
    else if (what === "broken") this.finish(-errnoNumber(value));
    this.onready?.();
  }

  /** Nothing more will come. @param {number} end */
  finish(end) {
    if (!this.#ended) this.#end = end;
    this.#ended = true;
  }
}

/**
 * @implements {HostStream}
 */
class Connection extends Inlet {
  #under = 0;
  /** What writing answers once it is over. */
  #over = 0;

  /** @param {Uint8Array} from */
  write(from) {
    this.wire.take();
    if (this.#over) return this.#over;
    const part = from.slice(0, WINDOW - this.#under);
    if (part.length === 0) return BLOCK;
    this.#under += part.length;
    this.wire.tell(["write", this.number, part]);
    return part.length;
  }

  /** @override */
  ready() {
    const reads = super.ready();
    if (this.#over && this.#over !== EPIPE) return 1 | 2 | 4;
    return reads | (this.#over || this.#under < WINDOW ? 2 : 0);
  }

  /** @param {number} how */
  shutdown(how) {
    if (how & READING) this.finish(0);
    if (how & WRITING) this.#over ||= EPIPE;
    if (how & CLOSING) this.wire.drop(this.number);
    else this.wire.tell(["shutdown", this.number, how]);
    return 0;
  }

  /** @override @param {FromWorker} message */
  told(message) {
    const [what, , value] = message;
    if (what === "written") this.#under -= value;
    else if (what === "broken") this.#over ||= value === "EPIPE" ? EPIPE : -errnoNumber(value);
    super.told(message);
  }
}

/**
 * A socket that listens, which may be given to programs.
 * @implements {HostStream}
 */
export class Listener {
  /** @type {Connection[]} not accepted yet */
  #waiting = [];
  /** @type {(() => void) | null} */
  onready = null;
  /** Where it listens: `HOST:PORT`, or `unix:PATH`. */
  address = "";

  /** @param {Wire} wire @param {number} number */
  constructor(wire, number) {
    this.wire = wire;
    this.number = number;
  }

  ready() {
    this.wire.take();
    return this.#waiting.length > 0 ? 1 : 0;
  }

  /** @returns {HostStream | number} */
  accept() {
    this.wire.take();
    const connection = this.#waiting.shift();
    if (connection) this.wire.tell(["accept", connection.number]);
    return connection ?? BLOCK;
  }

  /** Listens no more; connections that programs have accepted go on. */
  close() {
    for (const connection of this.#waiting.splice(0)) connection.shutdown(CLOSING);
    this.wire.drop(this.number);
  }

  /** @param {FromWorker} message */
  told([what, , value]) {
    if (what !== "connection") return;
    const connection = new Connection(this.wire, value);
    connection.onready = () => this.onready?.();
    this.wire.add(connection, true);
    this.#waiting.push(connection);
    this.onready?.();
  }
}

export class Wire {
  /** @type {Wire | undefined} that of this thread */
  static #own;
  #word = new Int32Array(new SharedArrayBuffer(4));
  /** The word when a program last ceased to wait. */
  #seen = 0;
  #port;
  #worker;
  #last = 0;
  /** @type {Map<number, Listener | Inlet>} */
  #ends = new Map();
  /** Those that this process goes on for. @type {Set<number>} */
  #holding = new Set();
  /** @type {Map<number, {resolve: (address: string) => void, reject: (code: string) => void}>} */
  #opening = new Map();

  /** The wire of this thread, if it has one. */
  static get current() {
    return Wire.#own;
  }

  static open() {
    return (Wire.#own ??= new Wire());
  }

  constructor() {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const workerData = { port: port2, word: this.#word, window: WINDOW };
    const source = new URL("./wire-worker.js", import.meta.url);
    this.#worker = new Worker(source, { workerData, transferList: [port2], execArgv: [] });
    this.#port.on("message", (message) => this.#told(message));
    this.#hold();
  }

  /**
   * @param {Address} address
   * @returns {Promise<Listener>} rejects with the code of what is wrong
   */
  async listen(address) {
    const listener = new Listener(this, ++this.#last);
    const { number } = listener;
    this.add(listener, true);
    try {
      listener.address = await new Promise((resolve, reject) => {
        this.#opening.set(number, { resolve, reject });
        this.tell(["listen", number, address]);
      });
      return listener;
    } catch (code) {
      this.drop(number);
      throw code;
    } finally {
      this.#opening.delete(number);
    }
  }

  /**
   * What comes from a descriptor of this process.
   * @param {number} fd
   */
  input(fd) {
    const inlet = new Inlet(this, ++this.#last);
    this.add(inlet, false);
    this.tell(["input", inlet.number, fd]);
    return inlet;
  }

  /**
   * @param {Listener | Inlet} end
   * @param {boolean} holds this process goes on as long as it is there
   */
  add(end, holds) {
    this.#ends.set(end.number, end);
    if (holds) this.hold(end);
  }

  /** This process goes on until the end is dropped. @param {Listener | Inlet} end */
  hold({ number }) {
    if (this.#ends.has(number)) this.#holding.add(number);
    this.#hold();
  }

  /**
   * An end is needed no more. With the last one the wire goes, when what was written has left.
   * @param {number} number
   */
  drop(number) {
    if (!this.#ends.delete(number)) return;
    this.#holding.delete(number);
    this.tell(["close", number]);
    if (this.#ends.size > 0) return this.#hold();
    if (Wire.#own === this) Wire.#own = undefined;
    this.tell(["finish", 0]);
    this.#worker.ref();
    this.#port.close();
  }

  /** Drops all that is left. Resolves when what was written has left. */
  async close() {
    const exit = new Promise((resolve) => this.#worker.once("exit", resolve));
    for (const number of [...this.#ends.keys()]) this.drop(number);
    await exit;
  }

  /** @param {ToWorker} message */
  tell(message) {
    this.#port.postMessage(message);
  }

  /** Takes what has come. */
  take() {
    for (let got; (got = receiveMessageOnPort(this.#port)) !== undefined;) this.#told(got.message);
  }

  /**
   * Holds this thread up until something has come, or for a time.
   * @param {number} milliseconds
   */
  wait(milliseconds) {
    Atomics.wait(this.#word, 0, this.#seen, milliseconds);
    this.#seen = Atomics.load(this.#word, 0);
  }

  /** @param {FromWorker} message */
  #told(message) {
    const [what, number, value] = message;
    if (what === "listening") this.#opening.get(number)?.resolve(value);
    else if (what === "failed") this.#opening.get(number)?.reject(value);
    else if (what === "connection" && !this.#ends.has(number)) this.tell(["close", value]);
    else this.#ends.get(number)?.told(message);
  }

  #hold() {
    for (const each of [this.#worker, this.#port]) {
      if (this.#holding.size > 0) each.ref();
      else each.unref();
    }
  }
}

/** What is wrong with an address: the end of a sentence. @type {Record<string, string>} */
const REASONS = {
  EADDRINUSE: "it is in use; choose another one, or end the program that has it",
  EACCES: "this user may not; choose a port of 1024 or more",
  EADDRNOTAVAIL: "this machine has no such address; choose one of its own, such as 127.0.0.1",
  ENOTFOUND: "there is no such host; give an address of this machine, such as 127.0.0.1",
};

const NO_PLACE = "its folder is not there, or this user may not write to it; choose another one";

/**
 * Listens on an address of this machine: a socket that programs can be given.
 * @param {string} text `HOST:PORT`, `[HOST]:PORT`, or `unix:PATH`; with port 0 the system chooses one, which
 *   `address` then tells
 * @returns {Promise<Listener>}
 */
export async function listen(text) {
  const [, path] = /^unix:(.+)$/s.exec(text) ?? [];
  const [, literal, name, port] = /^(?:\[(.+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = literal ?? name;
  if (path === undefined && (host === undefined || Number(port) > 65535)) {
    throw new NidusError(
      "EINVAL",
      `cannot listen on ${text}: it must be HOST:PORT, such as 127.0.0.1:8080, or unix:PATH`,
    );
  }
  const address = path === undefined ? { host: String(host), port: Number(port) } : { path };
  try {
    return await Wire.open().listen(address);
  } catch (thrown) {
    const code = String(thrown);
    // Of a path, libuv says EACCES for ENOENT, too.
    const why = path !== undefined && code === "EACCES" ? NO_PLACE : (REASONS[code] ?? code);
    throw new NidusError(code, `cannot listen on ${text}: ${why}`);
  }
}

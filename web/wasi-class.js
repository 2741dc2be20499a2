/**
 * The class `WASI` of `node:wasi` over a kernel in this thread: who has a module and instantiates it himself
 * gives it `getImportObject()` and starts it here. What a place has of its own, such as folders and standard
 * streams, is in node/wasi.js and web/wasi.js. Not loaded by a page's system.
 *
 * ```
 *   instance ──wasiImport──▶ gate ──▶ kernel (one per thread, in its tree a mount for each preopen)
 *      └── memory ◀── bridge ──┘
 * ```
 *
 * Invariants: every object is a process of the kernel of its own, from its construction until neither it nor
 * its functions can be reached any more; then the process is ended and its place in the kernel's table free. The
 * kernel holds nothing that leads to the instance: its memory stands in the table, and the caller's streams
 * are reached weakly.
 */

import { copyFunctions, hasMultiMemory } from "./bridge.js";
import { NidusError, signalName } from "./errors.js";
import { createSync } from "./fs.js";
import { toBytes } from "./streams.js";
import { Volume, heldMount } from "./wasi-volume.js";
import {
  coded,
  mustBe,
  mustBeMemory,
  mustBeObject,
  mustBeUndefined,
  quoted,
  wrongType,
} from "./wasi-options.js";

/** Flag of the bridge: it calls the functions given. */
const HOST_COPY = 8;
/** What a process waits for: a clock. */
const CLOCK = 1;
/** Flags of streams, as the kernel is told: a socket that listens; one that is connected, both ways. */
const LISTENER = "@";
const CONNECTED = ";";
/** The kernel's code for a process that a signal ended is this and the signal. */
const SIGNALLED = 256;

/** The snapshots, by what `version` calls them: the module that programs import from. */
const BINDINGS = { preview1: "wasi_snapshot_preview1", unstable: "wasi_unstable" };

/** Thrown through a program that called `proc_exit`; it carries nothing. */
const EXITED = Symbol("the program has exited");

/** @typedef {import("./host.js").HostStream} HostStream */
/** @typedef {import("./kernel.js").Kernel} Kernel */

/**
 * What standard input may be: a descriptor of this machine (Node); all of it; or a function that is asked for up
 * to `size` more bytes, and answers none at the end.
 * @typedef {number | Uint8Array | ((size: number) => Uint8Array | string | null | undefined)} WasiInput
 */

/**
 * What output may go to: a descriptor of this machine (Node), or a function.
 * @typedef {number | ((bytes: Uint8Array) => void)} WasiOutput
 */

/**
 * @typedef {object} WasiOptions
 * @property {"preview1" | "unstable"} version
 * @property {readonly unknown[]} [args] of the program, its name first
 * @property {Record<string, unknown>} [env]
 * @property {Record<string, string | Volume | import("./tree.js").Tree>} [preopens] by the names under which the
 *   program knows them: a folder of this machine (Node), a volume, or files as a literal
 * @property {WasiInput} [stdin]
 * @property {WasiOutput} [stdout]
 * @property {WasiOutput} [stderr]
 * @property {HostStream[]} [sockets] what lies at the descriptors after the preopens, such as a socket that listens
 * @property {boolean} [returnOnExit] true, as when left out: `start` answers what the program exits with; false:
 *   it ends the process of Node. A page has none, so that there `start` answers it all the same
 */

/** @typedef {{exports: Record<string, unknown>}} InstanceLike such as a WebAssembly.Instance */

/**
 * The kernel of a thread, and what its place has of its own.
 * @typedef {object} Realm
 * @property {Kernel} kernel
 * @property {import("./host.js").Host} host
 * @property {import("./fs.js").FsSync} sync
 * @property {WebAssembly.Module} gate
 * @property {WebAssembly.Module} bridge
 * @property {boolean} multiMemory whether `bridge` copies by itself
 * @property {(folder: string, name: string) => string} mount makes a folder of this machine one of the tree
 * @property {(given: any, fd: 0 | 1 | 2) => HostStream & {close?: () => void}} stream
 * @property {(stdin: HostStream, kinds: number, milliseconds: number) => void} wait holds this thread up until
 *   input has come, or the time is over
 * @property {((code: number) => void) | null} exit ends the process of Node
 */

/** @typedef {Pick<Realm, "mount" | "stream" | "wait" | "exit">} Place */

/**
 * @param {Kernel} kernel that was booted
 * @param {import("./host.js").Host} host
 * @param {Place} place
 * @returns {Realm}
 */
export function createRealm(kernel, host, place) {
  const multiMemory = hasMultiMemory();
  const module = (/** @type {Uint8Array<ArrayBuffer>} */ bytes) => new WebAssembly.Module(bytes);
  return {
    kernel,
    host,
    sync: createSync(kernel),
    gate: module(kernel.take("nidus_gate")[1]),
    bridge: module(kernel.take("nidus_bridge", multiMemory ? 0 : HOST_COPY)[1]),
    multiMemory,
    ...place,
  };
}

/**
 * What the functions of one object keep alive, and what is kept alive by nothing else.
 * @typedef {object} Life
 * @property {(HostStream & {close?: () => void})[]} streams
 * @property {unknown[]} volumes
 */

/**
 * What is to be given back when a life is over.
 * @typedef {{realm: Realm, pid: number, slots: number[], streams: number[]}} Held
 */

/** @type {FinalizationRegistry<Held> | undefined} */
let lives;

/** @param {Held} held */
function release({ realm: { kernel, host }, pid, slots, streams }) {
  kernel.exports.nidus_process_finish(pid);
  for (const slot of slots) kernel.unplace(slot);
  for (const stream of streams) host.remove(stream);
}

/**
 * A program's way to a kernel, in the shape of `node:wasi`'s class.
 */
export class BaseWASI {
  /** @type {Realm} */
  #realm;
  /** @type {Held} */
  #held;
  #binding;
  #started = false;
  #exitCode = 0;
  #life;

  /**
   * The system calls, for a module's imports; `getImportObject` has them under the module's name.
   * @type {Record<string, Function>}
   */
  wasiImport;

  /**
   * @param {WasiOptions} options
   * @param {() => Realm} open asked for when the options are right
   */
  constructor(options = /** @type {WasiOptions} */ ({}), open) {
    mustBeObject(options, "options");
    const { version, args, env, preopens, returnOnExit } = options;
    mustBe(version, "options.version", "string");
    if (!Object.hasOwn(BINDINGS, version)) {
      throw coded(
        new TypeError(
          `The property 'options.version' unsupported WASI version. Received ${quoted(version)}`,
        ),
        "ERR_INVALID_ARG_VALUE",
      );
    }
    this.#binding = BINDINGS[version];
    if (args !== undefined && !Array.isArray(args)) {
      throw wrongType("options.args", "an instance of Array", args);
    }
    if (env !== undefined) mustBeObject(env, "options.env");
    if (preopens !== undefined) mustBeObject(preopens, "options.preopens");
    const realm = (this.#realm = open());
    const streams = [
      realm.stream(options.stdin, 0),
      realm.stream(options.stdout, 1),
      realm.stream(options.stderr, 2),
    ];
    if (returnOnExit !== undefined) mustBe(returnOnExit, "options.returnOnExit", "boolean");
    /** @type {Life} */
    const life = (this.#life = { streams, volumes: [] });
    const folders = Object.entries(preopens ?? {}).flatMap(([name, given]) => {
      if (typeof given === "string") return [name, realm.mount(given, name)];
      mustBeObject(given, `options.preopens.${name}`);
      const volume = given instanceof Volume ? given : new Volume(given);
      life.volumes.push(volume);
      return [name, heldMount(volume, realm)];
    });
    const held = (this.#held = createProcess(realm, life, options, folders));
    (lives ??= new FinalizationRegistry(release)).register(life, held);
    if (version === "unstable") realm.kernel.exports.nidus_process_snapshot0(held.pid, 1);
    const exit =
      returnOnExit === false && realm.exit
        ? realm.exit
        : (/** @type {number} */ code) => {
            this.#exitCode = code;
            throw EXITED;
          };
    const calls = Object.entries(createGate(realm, life, held.pid).exports);
    // What follows are the functions of another module, for processes.
    const end = calls.findIndex(([name]) => name === "proc_spawn");
    this.wasiImport = {
      .../** @type {Record<string, Function>} */ (Object.fromEntries(calls.slice(0, end))),
      proc_exit: exit,
    };
  }

  /** What to give `WebAssembly.instantiate` for the program. */
  getImportObject() {
    return { [this.#binding]: this.wasiImport };
  }

  /**
   * Gives the program its memory, without starting it: for those who call its exports themselves.
   * @param {InstanceLike} instance
   * @param {{memory?: WebAssembly.Memory}} [options] left out: the instance's export `memory`
   */
  finalizeBindings(instance, options = {}) {
    if (this.#started) {
      throw coded(new Error("WASI instance has already started"), "ERR_WASI_ALREADY_STARTED");
    }
    mustBeObject(instance, "instance");
    mustBeObject(instance.exports, "instance.exports");
    const { memory: own } = instance.exports;
    const memory = mustBeMemory(options.memory === undefined ? own : options.memory);
    const { kernel } = this.#realm;
    const { slots, pid } = this.#held;
    slots.push(...bridge(this.#realm, memory));
    const [read = 0, write = 0] = slots;
    kernel.exports.nidus_process_memory(pid, read, write);
    this.#started = true;
  }

  /**
   * Runs a command: calls its export `_start`, and answers what it exits with.
   * @param {InstanceLike} instance
   * @returns {number}
   */
  start(instance) {
    this.finalizeBindings(instance);
    const { _start, _initialize } = instance.exports;
    mustBe(_start, "instance.exports._start", "function");
    mustBeUndefined(_initialize, "instance.exports._initialize");
    try {
      /** @type {() => void} */ (_start)();
    } catch (thrown) {
      if (thrown !== EXITED) throw thrown;
    } finally {
      for (const stream of this.#life.streams) stream.close?.();
    }
    return this.#exitCode;
  }

  /**
   * Makes a reactor ready: calls its export `_initialize`, if it has one.
   * @param {InstanceLike} instance
   */
  initialize(instance) {
    this.finalizeBindings(instance);
    const { _start, _initialize } = instance.exports;
    mustBeUndefined(_start, "instance.exports._start");
    if (_initialize === undefined) return;
    mustBe(_initialize, "instance.exports._initialize", "function");
    /** @type {() => void} */ (_initialize)();
  }
}

/**
 * @param {Realm} realm
 * @param {Life} life
 * @param {WasiOptions} options
 * @param {string[]} folders names and paths
 * @returns {Held}
 */
function createProcess(realm, life, { args = [], env = {}, sockets = [] }, folders) {
  const { kernel, host } = realm;
  const known = new WeakRef(life);
  const argv = args.map(String);
  const variables = Object.entries(env)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${value}`);
  const streams = life.streams.map((_, fd) => host.add(reachedWeakly(known, fd)));
  const places = streams.map((stream, fd) => {
    const flags = (fd === 0 ? 1 : 2) | (life.streams[fd]?.terminal ? 4 : 0);
    return `s${flags}${stream}`;
  });
  const further = sockets.map((socket) => {
    const stream = host.add(socket);
    streams.push(stream);
    return `s${socket.accept ? LISTENER : CONNECTED}${stream}`;
  });
  try {
    const [pid] = kernel.ask(
      "nidus_spawn",
      ["/", ...argv, ...variables, ...places, ...folders, ...further],
      argv.length,
      variables.length,
      folders.length / 2,
    );
    return { realm, pid, slots: [], streams };
  } catch (error) {
    for (const stream of streams) host.remove(stream);
    throw error;
  }
}

/**
 * A stream that does not keep the caller's alive.
 * @param {WeakRef<Life>} life
 * @param {number} fd
 * @returns {HostStream}
 */
function reachedWeakly(life, fd) {
  const stream = () => life.deref()?.streams[fd];
  return {
    read: (into) => stream()?.read?.(into) ?? 0,
    write: (from) => stream()?.write?.(from) ?? from.length,
    ready: () => stream()?.ready() ?? 4,
  };
}

/**
 * The gate's functions for a process; as long as one of them can be reached, the process lives.
 * @param {Realm} realm
 * @param {Life} life
 * @param {number} number
 */
function createGate(realm, life, number) {
  const { exports } = realm.kernel;
  const stdin = () => /** @type {HostStream} */ (life.streams[0]);
  return new WebAssembly.Instance(realm.gate, {
    process: { pid: new WebAssembly.Global({ value: "i32", mutable: true }, number) },
    kernel: realm.kernel.raw,
    host: {
      park(/** @type {number} */ pid) {
        const kinds = exports.nidus_wait_kinds(pid);
        const clock = (kinds & CLOCK) !== 0;
        const left = Number(exports.nidus_wait_deadline(pid)) / 1e6 - performance.now();
        realm.wait(stdin(), kinds, clock ? left : Infinity);
      },
      exit(/** @type {number} */ pid) {
        const code = exports.nidus_process_exit_code(pid);
        if (code < 0) return; // proc_raise of a signal that is ignored
        const signal = signalName(code - SIGNALLED);
        throw new NidusError("EINTR", `EINTR: the program ended itself by ${signal}`);
      },
    },
  });
}

/**
 * Places in the kernel's table functions that copy from and to a memory.
 * @param {Realm} realm
 * @param {WebAssembly.Memory} memory
 */
function bridge({ kernel, bridge: module, multiMemory }, memory) {
  const isShared = !(memory.buffer instanceof ArrayBuffer);
  const bytes = () => new Uint8Array(memory.buffer);
  const own = multiMemory && !isShared;
  const code =
    own || !multiMemory
      ? module
      : new WebAssembly.Module(kernel.take("nidus_bridge", HOST_COPY)[1]);
  const { exports } = new WebAssembly.Instance(code, {
    kernel: { memory: kernel.memory },
    guest: { memory },
    host: own ? {} : copyFunctions(kernel.memory, bytes, false),
  });
  const { read, write } = exports;
  return [kernel.place(read), kernel.place(write)];
}

/**
 * What is the same in every place: input that is there, and functions.
 * @param {unknown} given
 * @param {0 | 1 | 2} fd
 * @returns {HostStream | undefined}
 */
export function commonStream(given, fd) {
  if (fd === 0) {
    /** @type {Uint8Array} */
    let rest = new Uint8Array(0);
    /** @type {(size: number) => unknown} */
    let ask = () => null;
    if (given instanceof Uint8Array) rest = given;
    else if (typeof given === "function") ask = /** @type {typeof ask} */ (given);
    else return undefined;
    return {
      read(into) {
        if (rest.length === 0) rest = toBytes(/** @type {any} */ (ask(into.length) ?? ""));
        const part = rest.subarray(0, into.length);
        into.set(part);
        rest = rest.subarray(part.length);
        return part.length;
      },
      ready: () => 1,
    };
  }
  if (typeof given !== "function") return undefined;
  return {
    write(from) {
      given(from.slice());
      return from.length;
    },
    ready: () => 2,
  };
}

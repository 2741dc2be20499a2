/**
 * The worker a page's system lives in: takes the page's messages (protocol.js) to the system, its
 * volume and its toolchain, and what they say back to the page.
 *
 * Invariants: every call is answered once and every process ends once, whatever goes wrong; what
 * changes files while a process runs is answered when it is stored, because that process may have to
 * be ended together with this worker.
 */

import { compileAsset } from "./assets.js";
import { hasMultiMemory } from "./bridge.js";
import { Database } from "./database.js";
import { NidusError } from "./errors.js";
import { hasJSPI } from "./process.js";
import { FS_METHODS, RING, unknownMessage } from "./protocol.js";
import { System } from "./system.js";
import { Volume } from "./volume.js";
import { PageInput, PageOutput, RingInput, tookTurn, waitOnRing } from "./worker-streams.js";

/** @typedef {import("./protocol.js").ToWorker} ToWorker */
/** @typedef {import("./protocol.js").ToPage} ToPage */
/** @typedef {import("./protocol.js").Capabilities} Capabilities */
/** @typedef {import("./protocol.js").VolumeState} VolumeState */
/** @typedef {import("./spawn.js").Process} Process */

/** A process of the page's, from before it starts until it has ended. */
class Job {
  /** @type {Process | null} */
  process = null;
  /** @type {string | null} a kill that came before the process was there */
  killed = null;

  /**
   * @param {Extract<ToWorker, {t: "spawn"}>} message
   * @param {Capabilities["waiting"]} waiting
   * @param {(message: ToPage) => void} post
   */
  constructor({ id, settings, ring }, waiting, post) {
    const { input } = settings;
    const terminal = settings.terminal !== null;
    /** @type {(taken: number, waiting: boolean) => void} */
    const tell = (taken, waits) => post({ t: "stdin", id, taken, waiting: waits });
    this.words = ring && new Int32Array(ring, 0, RING.words);
    this.pipe = new PageInput(terminal, tell);
    if (input) {
      this.pipe.push(input);
      this.pipe.end();
      this.pipe.whole = true;
    }
    /** @type {import("./host.js").HostStream} */
    this.input = ring && !input ? new RingInput(ring, terminal, tell) : this.pipe;
    this.output = new PageOutput(id, waiting, this.words, terminal, post);
  }
}

class Hosted {
  /** @type {Map<number, Job>} by the page's number */
  #jobs = new Map();
  /** @type {Map<number, Job>} by process number, where processes wait synchronously */
  #byPid = new Map();
  #post;
  #waiting;
  /** @type {System | null} */
  #system = null;
  /** @type {Volume | null} */
  #volume = null;
  /** Makes the toolchain ready. */
  #prepare = noToolchain;

  /**
   * @param {(message: ToPage) => void} post
   * @param {Capabilities["waiting"]} waiting
   */
  constructor(post, waiting) {
    this.#post = post;
    this.#waiting = waiting;
  }

  /**
   * @param {Extract<ToWorker, {t: "boot"}>} message
   * @returns {Promise<VolumeState>}
   */
  async boot({ volume: name, kept, parts }) {
    const module = await compileAsset(
      parts.kernel ?? new URL("./kernel.wasm", import.meta.url),
      "kernel.wasm",
    );
    if (!(parts.kernel instanceof WebAssembly.Module)) {
      this.#post({ t: "part", name: "kernel", part: module });
    }
    const system = await System.create({
      kernel: module,
      env: { HOME: "/home", PATH: "/home:/usr/bin", TERM: "xterm-256color", LANG: "C.UTF-8" },
      jspi: this.#waiting === "jspi",
      waitSync:
        this.#waiting === "shared"
          ? (pid, kinds, deadline) => this.#waitSync(pid, kinds, deadline)
          : undefined,
    });
    this.#system = system;
    const volume = await this.#openVolume(name, kept);
    this.#volume = volume;
    const mount = await system.mount("/home", { type: "volume", flush: () => volume.flush() });
    await volume.load(system.kernel, mount);
    const { compiler, resources } = parts;
    if (compiler !== null && resources !== null) {
      const { addToolchain } = await import("./worker-toolchain.js");
      this.#prepare = addToolchain(system, compiler, resources, this.#post);
    }
    return { persistent: volume.persistent, reason: volume.reason };
  }

  /**
   * @param {string | null} name
   * @param {import("./volume.js").Stored[]} kept
   */
  async #openVolume(name, kept) {
    /** @type {import("./volume.js").Store} */
    let store = {
      read: async () => kept,
      write: async (changes) => this.#post({ t: "keep", changes }),
      close() {},
    };
    let reason = name === null ? "they were asked for in memory" : null;
    if (name !== null) {
      try {
        store = await Database.open(globalThis.indexedDB, name);
      } catch (error) {
        if (error instanceof NidusError) throw error;
        reason = `the browser denies storage (${String(error)})`;
      }
    }
    return new Volume(store, reason, (event, error) =>
      this.#post({ t: "event", name: event, error: error && error.toJSON() }),
    );
  }

  /** @param {Exclude<ToWorker, {t: "boot"}>} message */
  take(message) {
    switch (message.t) {
      case "call":
        return void this.#call(message);
      case "spawn":
        return void this.#spawn(message);
      case "input": {
        const pipe = this.#jobs.get(message.id)?.pipe;
        if (message.bytes) pipe?.push(message.bytes);
        else pipe?.end();
        return;
      }
      case "credit":
        return this.#jobs.get(message.id)?.output.credit(message.cost);
      case "kill": {
        const job = this.#jobs.get(message.id);
        if (job) job.killed = message.signal;
        job?.process?.kill(message.signal);
        return;
      }
      default:
        return unknownMessage(message);
    }
  }

  /** @param {Extract<ToWorker, {t: "call"}>} message */
  async #call({ id, method, args }) {
    try {
      const value = await this.#perform(method, args);
      if (FS_METHODS[method] && this.#jobs.size > 0) await this.#flush();
      this.#post({ t: "reply", id, value });
    } catch (error) {
      this.#post({ t: "refuse", id, error: NidusError.toRecord(error) });
    }
  }

  /**
   * @param {string} method
   * @param {unknown[]} args
   * @returns {Promise<unknown>}
   */
  async #perform(method, args) {
    const system = /** @type {System} */ (this.#system);
    if (method in FS_METHODS) {
      const fs = /** @type {Record<string, (...args: unknown[]) => unknown>} */ (
        /** @type {unknown} */ (system.fs)
      );
      return /** @type {Function} */ (fs[method])(...args);
    }
    if (method === "flush") return system.flush();
    if (method === "prepare") return this.#prepare();
    if (method === "close") {
      await system.close();
      return this.#volume?.close();
    }
    throw new NidusError("ENOSYS", `ENOSYS: there is no call "${method}"`);
  }

  /** @param {Extract<ToWorker, {t: "spawn"}>} message */
  async #spawn(message) {
    const { id, command, args, settings } = message;
    const system = /** @type {System} */ (this.#system);
    const job = new Job(message, this.#waiting, this.#post);
    this.#jobs.set(id, job);
    try {
      await this.#flush();
      const { cwd = "/home", env, terminal, tier, limits } = settings;
      const process = await system.spawn(command, args, {
        cwd,
        env: { ...system.env, ...env },
        streams: [job.input, job.output.stdout, job.output.stderr],
        terminal: terminal ?? undefined,
        tier,
        limits,
      });
      job.process = process;
      this.#byPid.set(process.pid, job);
      this.#post({ t: "started", id, pid: process.pid });
      if (job.killed !== null) process.kill(job.killed);
      const { diagnostics = null, ...status } = await process.exit;
      this.#byPid.delete(process.pid);
      await this.#flush();
      job.output.flush();
      this.#post({ t: "exit", id, status, diagnostics });
    } catch (error) {
      this.#post({ t: "refuse", id, error: NidusError.toRecord(error) });
    } finally {
      this.#jobs.delete(id);
      job.pipe.close();
    }
  }

  /** A volume that cannot be stored now has said so by event; what runs goes on. */
  #flush() {
    return this.#volume?.flush().catch(() => {});
  }

  /**
   * @param {number} pid
   * @param {number} kinds
   * @param {bigint} deadline
   */
  #waitSync(pid, kinds, deadline) {
    const job = this.#byPid.get(pid);
    if (!job?.words || kinds & 8) {
      throw new NidusError(
        "ENOTSUP",
        "ENOTSUP: a program cannot wait for its files to be stored in a browser without JSPI; " +
          "leave fsync out, files are stored when it ends.",
      );
    }
    const { host } = /** @type {System} */ (this.#system);
    const clock = /** @type {(id: number) => bigint} */ (host.imports.clock);
    const left = kinds & 1 ? Number(deadline - clock(1)) / 1e6 : Infinity;
    waitOnRing({ words: job.words, input: job.input, output: job.output }, kinds, left);
  }
}

/** @returns {Promise<unknown>} */
async function noToolchain() {
  throw new NidusError(
    "ENOENT",
    "This system has no toolchain: give the address of @yowasp/clang's files to boot, in toolchain.",
  );
}

/** @returns {Capabilities} */
function capabilities() {
  const isolated =
    globalThis.crossOriginIsolated === true && typeof SharedArrayBuffer === "function";
  const jspi = hasJSPI();
  const multiMemory = hasMultiMemory();
  const waiting = jspi ? "jspi" : isolated ? "shared" : "interp";
  const notes = [];
  if (!jspi) {
    notes.push(
      isolated
        ? "No JSPI (Chrome 137, Firefox 153, Safari 27): while a program waits, nothing else runs in its system."
        : "Neither JSPI (Chrome 137, Firefox 153, Safari 27) nor a cross-origin isolated page " +
            "(COOP and COEP headers): programs that may wait run on the interpreter, which is slower.",
    );
  }
  if (!multiMemory) {
    notes.push("No multi-memory: system calls copy through JavaScript, which is slower.");
  }
  return { isolated, jspi, multiMemory, waiting, notes };
}

/**
 * Serves the page that made this worker.
 * @param {{postMessage: (message: ToPage) => void, onmessage: ((event: MessageEvent) => void) | null}} scope
 */
function serve(scope) {
  const can = capabilities();
  /** @param {ToPage} message */
  const post = (message) => scope.postMessage(message);
  const hosted = new Hosted(post, can.waiting);
  scope.onmessage = ({ data }) => {
    tookTurn();
    const message = /** @type {ToWorker} */ (data);
    if (message.t !== "boot") return hosted.take(message);
    hosted.boot(message).then(
      (volume) => post({ t: "ready", capabilities: can, volume }),
      (error) => post({ t: "failed", error: NidusError.toRecord(error) }),
    );
  };
}

serve(/** @type {any} */ (globalThis));

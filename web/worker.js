/**
 * The worker a page's system lives in: takes the page's messages (protocol.js) to the system, its
 * volume and its toolchain, and what they say back to the page. One worker holds one system.
 *
 * Invariants: every call is answered once and every process ends once, whatever goes wrong; what
 * changes files while a process runs is answered when it is stored, because that process may have to
 * be ended together with this worker.
 */

import { compileAsset } from "./assets.js";
import { hasMultiMemory } from "./bridge.js";
import { openDatabase } from "./database.js";
import { NidusError } from "./errors.js";
import { hasJSPI } from "./process.js";
import { perform } from "./protocol.js";
import { System } from "./system.js";
import { createVolume } from "./volume.js";
import { pageStreams, tookTurn } from "./worker-streams.js";

/** @typedef {import("./protocol.js").Capabilities} Capabilities */
/** @typedef {import("./protocol.js").Verbs} Verbs */

/** Methods of `fs` that change nothing. */
const READS = /^(access|l?stat|read|realpath)/;

/**
 * The page's processes, from before they start until they have ended, by the page's numbers.
 * @typedef {import("./worker-streams.js").PageStreams & {process?: import("./spawn.js").Process}} Job
 * @type {Map<number, Job>}
 */
const jobs = new Map();
const can = capabilities();
/** @type {System} */
let system;
/** @type {import("./volume.js").Volume} */
let volume;
/** Makes the toolchain ready. @type {() => Promise<unknown>} */
let prepare = async () => {
  throw new NidusError(
    "ENOENT",
    "This system has no toolchain: give the address of @yowasp/clang's files to boot, in toolchain.",
  );
};
let begin = () => {};
/** What may come before the system is there waits for it. */
const booted = new Promise((resolve) => (begin = () => resolve(undefined)));

/** @type {import("./protocol.js").Post} */
const post = (...message) => globalThis.postMessage(message);

/** @type {Verbs} */
const verbs = {
  async boot(name, kept, { kernel, compiler, resources }) {
    const source = kernel ?? new URL("./kernel.wasm", import.meta.url);
    const module = await compileAsset(source, "kernel.wasm");
    if (kernel !== module) post(0, "part", kernel, module);
    system = await System.create({
      kernel: module,
      env: { HOME: "/home", PATH: "/home:/usr/bin", TERM: "xterm-256color", LANG: "C.UTF-8" },
      jspi: can.jspi,
      waitSync: can.waiting === "shared" ? waitSync : undefined,
    });
    volume = await openVolume(name, kept);
    const mount = await system.mount("/home", { type: "volume", flush: () => volume.flush() });
    await volume.load(system.kernel, mount);
    if (compiler && resources) {
      const { addToolchain } = await import("./worker-toolchain.js");
      prepare = addToolchain(system, compiler, resources, post);
    }
    const { promises, ...fs } = system.fs;
    for (const [method, call] of Object.entries(fs)) {
      /** @type {Record<string, Function>} */ (/** @type {unknown} */ (verbs))[method] = async (
        /** @type {any[]} */ ...args
      ) => {
        const value = await /** @type {Function} */ (call)(...args);
        if (jobs.size > 0 && !READS.test(method)) await flush();
        return value;
      };
    }
    begin();
    return { capabilities: can, volume: volumeState(), fs: Object.keys(fs) };
  },

  async spawn(id, command, args, settings, ring) {
    /** @type {Job} */
    const job = pageStreams(
      ring,
      Boolean(settings.terminal),
      can.waiting,
      (...event) => post(id, ...event),
      () => system.wake(),
    );
    jobs.set(id, job);
    try {
      await flush();
      const { cwd = "/home" } = settings;
      const process = await system.spawn(command, args, { ...settings, cwd, streams: job.streams });
      job.process = process;
      process.exit.then(async (status) => {
        await flush();
        job.flush();
        jobs.delete(id);
        post(id, "exit", status);
      });
      killIfAsked(job);
      return process.pid;
    } catch (error) {
      jobs.delete(id);
      throw error;
    }
  },

  tell(id, word, value) {
    const job = jobs.get(id);
    if (!job) return;
    job.tell(word, value);
    killIfAsked(job);
    system.wake();
  },

  prepare: () => prepare(),
  flush: () => system.flush(),
  async close() {
    await system.close();
    await volume.close();
  },
};

globalThis.onmessage = async (/** @type {MessageEvent} */ { data: [id, verb, args] }) => {
  tookTurn();
  try {
    if (verb !== "boot") await booted;
    const value = await perform(verbs, verb, args);
    if (id !== null) post(id, "resolve", value);
  } catch (error) {
    if (id !== null) post(id, "reject", NidusError.toRecord(error));
  }
};

/** @param {Job} job */
function killIfAsked({ process, killed }) {
  const signal = killed();
  if (signal) process?.kill(signal);
}

/** A volume that cannot be stored now has said so by event; what runs goes on. */
async function flush() {
  await volume.flush().catch(() => {});
}

/**
 * @param {string | undefined} name
 * @param {import("./volume.js").Stored[]} kept
 */
async function openVolume(name, kept) {
  /** @type {import("./volume.js").Store} */
  let store = {
    name: "mem",
    read: async () => kept,
    write: async (changes) => post(0, "keep", changes),
    close() {},
  };
  /** @type {string | null} */
  let reason = "they were asked for in memory";
  if (name !== undefined) {
    try {
      store = await openDatabase(indexedDB, name);
      reason = null;
    } catch (error) {
      const { name: thrown } = /** @type {DOMException} */ (error);
      if (thrown === "VersionError") system.kernel.ask("nidus_volume_failure", [name, thrown]);
      reason = `the browser denies storage (${error})`;
    }
  }
  return createVolume(store, reason, (event, error) =>
    post(0, "event", event, error && error.toJSON(), volumeState()),
  );
}

function volumeState() {
  const { reason } = volume;
  return { persistent: reason === null, reason };
}

/** @type {NonNullable<import("./system.js").SystemOptions["waitSync"]>} */
function waitSync(pid, kinds, deadline) {
  for (const { process, wait } of jobs.values()) {
    if (process?.pid === pid && !(kinds & 8)) {
      return wait(kinds & 1 ? Number(deadline) / 1e6 - performance.now() : Infinity);
    }
  }
  throw new NidusError(
    "ENOTSUP",
    "ENOTSUP: a program cannot wait for its files to be stored in a browser without JSPI; " +
      "leave fsync out, files are stored when it ends.",
  );
}

/** @returns {Capabilities} */
function capabilities() {
  const isolated = Boolean(globalThis.crossOriginIsolated);
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

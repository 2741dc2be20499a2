/**
 * The worker a page's system lives in: takes the page's messages (protocol.js) to the system, its
 * volume and its toolchain, and what they say back to the page. One worker holds one system.
 *
 * Invariants: every call is answered once and every process ends once, whatever goes wrong; what
 * changes files while a process runs is answered when it is stored, because that process may have to
 * be ended together with this worker.
 */

import { NO_ISOLATION, NO_JSPI, NO_MULTI_MEMORY, NO_TOOLCHAIN } from "./abi.js";
import { compileAsset } from "./assets.js";
import { hasMultiMemory } from "./bridge.js";
import { NidusError } from "./errors.js";
import { hasJSPI } from "./process.js";
import { System } from "./system.js";
import { pageStreams, tookTurn } from "./worker-streams.js";
import { openVolume } from "./worker-volumes.js";

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
const isolated = Boolean(globalThis.crossOriginIsolated);
const jspi = hasJSPI();
/** @type {Capabilities["waiting"]} */
let waiting = jspi ? "jspi" : "interp";
/** @type {System} */
let system;
/** The volumes by the paths they lie at. @type {Map<string, import("./volume-kinds.js").Mounted>} */
const volumes = new Map();
/** Makes the toolchain ready. @type {() => unknown} */
let prepare = () => lacks(NO_TOOLCHAIN);
/** What comes before the system is there waits for it. @type {Promise<unknown>} */
let booted;

/** @type {import("./protocol.js").Post} */
const post = (...message) => globalThis.postMessage(message);

/** @type {Verbs} */
const verbs = {
  async boot(settings, kept, kernel, compiler, resources, tools, shell, env, threads) {
    /** @type {(source: any) => any} what the page kept of it, else itself */
    const part = (source) => kept.get(source) ?? source;
    const rewriter = threads?.rewriter;
    // A page that has its kernel elsewhere says where the other one is.
    const parallel = isolated && typeof Worker === "function" && (!kernel || threads?.kernel);
    if (parallel) waiting = "workers";
    const name = parallel ? "kernel.shared.wasm" : "kernel.wasm";
    const source = parallel
      ? (threads?.kernel ?? new URL("./kernel.shared.wasm", import.meta.url).href)
      : (kernel ?? new URL("./kernel.wasm", import.meta.url).href);
    const module = await compileAsset(part(source), name);
    if (source !== module) post(0, "part", source, module);
    system = await System.create({
      kernel: module,
      threads: parallel ? (await import("./threads.js")).webThreads(threads?.worker) : undefined,
      env: env ?? {
        HOME: "/home",
        PATH: "/home:/usr/bin:/bin",
        TERM: "xterm-256color",
        LANG: "C.UTF-8",
      },
      interruptible: true,
      deaf: (change) => post(0, "deaf", change),
      rewriter: rewriter ? () => part(rewriter) : undefined,
    });
    // One may lie in another.
    for (const each of [...settings].sort((a, b) => (a.path < b.path ? -1 : 1))) {
      volumes.set(each.path, await openVolume(system, each, post));
    }
    if (compiler && resources) {
      const { addToolchain } = await import("./worker-toolchain.js");
      prepare = addToolchain(
        system,
        part(compiler),
        part(resources),
        tools,
        threads?.library,
        post,
      );
    }
    if (shell) {
      const { addShell } = await import("./shell.js");
      await addShell(system, shell === true ? undefined : shell);
    }
    system.runner.threads?.warm();
    // Nobody waits for it but the first program, which tells what goes wrong.
    if (system.runner.shares) {
      import("./turns.js").then(({ warm }) => warm(system.runner, system.rewriter)).catch(() => {});
    }
    const states = settings.map(({ path }) => volumes.get(path)?.state());
    return {
      capabilities: capabilities(),
      volumes: /** @type {import("./protocol.js").VolumeState[]} */ (states),
      fs: Object.keys(system.fs),
    };
  },

  async fs(method, ...values) {
    const { [method]: call } = /** @type {Record<string, any>} */ (system.fs);
    const value = await call?.(...values);
    if (jobs.size > 0 && !READS.test(method)) await flush();
    return value;
  },

  async archive(source, ...step) {
    if (source) system.archives = () => source;
    const answer = await system.archive(...step);
    if (jobs.size > 0 && step[0] === "import_finish") await flush();
    return answer;
  },

  async spawn(id, command, args, settings, ring) {
    /** @type {Job} */
    const job = pageStreams(
      ring,
      Boolean(settings.terminal),
      waiting,
      (...event) => post(id, ...event),
      () => system.wake(),
    );
    jobs.set(id, job);
    try {
      await flush();
      const { streams } = job;
      if (settings.terminal) {
        const { joinTerminal } = await import("./terminal.js");
        const state = (/** @type {number} */ now) => {
          job.flush();
          post(id, "terminal", now);
        };
        streams.fill(joinTerminal(streams[0], streams[1], settings.terminal, state));
      }
      // Bytes, so that it is known that the program need not wait for more.
      const { input, stdin = input, stdout, stderr } = settings;
      [stdin, stdout, stderr].forEach((place, fd) => {
        if (place) streams[fd] = /** @type {any} */ (place);
      });
      const { cwd = "/home" } = settings;
      const process = await system.spawn(command, args, { ...settings, cwd, streams });
      job.process = process;
      process.exit.then(async (status) => {
        await flush();
        job.flush();
        jobs.delete(id);
        post(id, "exit", status);
      });
      // It may have been killed already.
      look(job);
      return process.pid;
    } catch (error) {
      jobs.delete(id);
      throw error;
    }
  },

  tell(id, word, value) {
    const job = jobs.get(id);
    job?.tell(word, value);
    if (job) look(job);
  },

  processes: async () => system.processes(),
  pipe: async (end) => (end ? system.closeEnd(end) : system.pipe()),

  async volume(path, method, ...values) {
    const volume = /** @type {Record<string, any> | undefined} */ (volumes.get(path));
    return volume?.[method]?.(...values);
  },

  async prepare() {
    await prepare();
  },
  flush: () => system.flush(),
  async close() {
    await system.close();
    await Promise.all(Array.from(volumes.values(), (volume) => volume.close()));
  },
};

globalThis.onmessage = async (/** @type {MessageEvent} */ { data: [id, verb, args] }) => {
  tookTurn();
  const act = async () => {
    const method = /** @type {Record<string, Function | undefined>} */ (
      /** @type {unknown} */ (verbs)
    )[verb];
    if (method) return method(...args);
    throw new NidusError(
      "ENOSYS",
      `ENOSYS: there is no call "${verb}": page and worker come from different versions of Nidus; reload the page.`,
    );
  };
  try {
    const value = await (verb === "boot" ? (booted = act()) : booted.then(act));
    if (id !== null) post(id, "resolve", value);
  } catch (error) {
    if (id !== null) post(id, "reject", NidusError.toRecord(error));
  }
};

/** A volume that cannot be stored now has said so by event; what runs goes on. */
async function flush() {
  await system.flush().catch(() => {});
}

/** Does what the page has told a process. @param {Job} job */
function look(job) {
  const { process } = job;
  const signal = process && job.killed();
  if (signal && process.kill(signal)) job.spare();
  const { cols, rows } = job.size() ?? {};
  if (cols !== undefined && rows !== undefined) process?.resize(cols, rows);
  system.wake();
}

/** @returns {Capabilities} */
function capabilities() {
  const multiMemory = hasMultiMemory();
  const [, ...notes] = lacks(
    (jspi || waiting === "workers" ? 0 : NO_JSPI) |
      (isolated ? 0 : NO_ISOLATION) |
      (multiMemory ? 0 : NO_MULTI_MEMORY),
  );
  return { isolated, jspi, multiMemory, waiting, notes: notes.slice(0, -1) };
}

/**
 * The sentences for what this host lacks; throws the one for what cannot be done without it.
 * @param {number} what
 */
function lacks(what) {
  return system.kernel.ask("nidus_lacks", [], what);
}

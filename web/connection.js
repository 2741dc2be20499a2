/**
 * A page's connection to the worker its system lives in: calls and their answers, events, and the worker's
 * life.
 *
 * Invariants: every call is answered once. A worker that is ended, or crashes, is replaced, and what it had
 * not answered is asked again. What fails while a worker starts is the end, as closing is: whoever waits is
 * told why, and so is whoever asks from then on.
 */

import { NidusError } from "./errors.js";
import { createProcess } from "./page-process.js";
import { perform } from "./protocol.js";

/** @typedef {import("./protocol.js").Answers} Answers */
/** @typedef {import("./protocol.js").Verbs} Verbs */
/** @typedef {URL | string | (() => Worker)} WorkerSource */

/**
 * The system as its worker knows it: `resolve` when a worker is ready, `reject` when all is over.
 * @typedef {import("./protocol.js").SystemEvents & {resolve: (booted: import("./protocol.js").Booted) => void, reject: (error: unknown) => void}} SystemTarget
 */

/**
 * Who is told what: a call, a process or the system.
 * @typedef {object} Target
 * @property {unknown} [message] what asked; another worker is asked again
 * @property {(error: unknown) => void} [reject] there will be no answer
 * @property {(signal: string) => void} [lost] the worker is gone
 */

/**
 * Starts a worker.
 * @param {WorkerSource | undefined} source
 * @param {() => Parameters<Verbs["boot"]>} boot what a worker is started with
 * @param {SystemTarget} system
 */
export function connect(source, boot, system) {
  /** @type {Worker | undefined} */
  let worker;
  /** The worker has said something. */
  let alive = false;
  let lastId = 0;
  /** @type {unknown} why nothing works any more; undefined while it does */
  let dead;
  /** @type {Map<number, Target>} */
  const targets = new Map([[0, system]]);

  const start = () => {
    try {
      const its = (worker = createWorker(source));
      alive = false;
      its.onmessage = ({ data: [id, name, ...args] }) => {
        const target = targets.get(id);
        if (its !== worker || !target) return;
        alive = true;
        if (target.message) targets.delete(id);
        if (name !== "reject") return perform(target, name, args);
        const error = NidusError.fromJSON(args[0]);
        if (id) target.reject?.(error);
        else stop("SIGKILL", error);
      };
      its.onerror = (event) => {
        event.preventDefault?.();
        if (its === worker) stop("SIGKILL", alive ? undefined : workerError(event, source));
      };
      its.postMessage([0, "boot", boot()]);
      for (const { message } of targets.values()) if (message) its.postMessage(message);
    } catch (error) {
      stop("SIGKILL", error);
    }
  };

  /**
   * Ends the worker with all its processes; another one takes its place, unless an error says that this is
   * the end.
   * @param {string} signal
   * @param {unknown} [error]
   */
  const stop = (signal, error) => {
    if (dead !== undefined) return;
    dead = error;
    worker?.terminate();
    worker = undefined;
    for (const target of targets.values()) {
      target.lost?.(signal);
      if (error !== undefined) target.reject?.(error);
    }
    if (error === undefined) start();
  };

  /**
   * @param {string} verb one of `Verbs`, or a method of `fs`
   * @param {unknown[]} args
   * @returns {Promise<any>}
   */
  const ask = (verb, ...args) =>
    new Promise((resolve, reject) => {
      if (dead !== undefined) throw dead;
      const message = [++lastId, verb, args];
      worker?.postMessage(message);
      targets.set(lastId, /** @type {Target} */ ({ message, resolve, reject }));
    });

  /**
   * @param {string} command
   * @param {unknown[]} args
   * @param {import("./nidus.js").ExecOptions} options
   * @param {boolean} shared programs wait synchronously
   */
  const spawn = async (command, args, { signal, input, ...settings }, shared) => {
    signal?.throwIfAborted();
    const id = ++lastId;
    const { process, events, ring } = createProcess(
      (...told) => worker?.postMessage([null, "tell", [id, ...told]]),
      stop,
      shared,
      Boolean(settings.terminal),
      input,
    );
    const release = onAbort(signal, () => process.kill("SIGKILL"));
    process.exit.then(() => {
      targets.delete(id);
      release();
    });
    try {
      process.pid = await ask("spawn", id, command, args.map(String), settings, ring);
      // Not before: one that a lost worker had not started is started by the next one.
      targets.set(id, events);
      return process;
    } catch (error) {
      events.lost(null);
      throw error;
    }
  };

  start();
  return { ask, spawn, stop, isDead: () => dead !== undefined };
}

/**
 * Acts when a signal is aborted, now or later.
 * @param {AbortSignal | undefined} signal
 * @param {() => void} act
 * @returns {() => void} stops watching
 */
export function onAbort(signal, act) {
  if (signal?.aborted) act();
  signal?.addEventListener("abort", act);
  return () => signal?.removeEventListener("abort", act);
}

/**
 * @param {WorkerSource | undefined} source
 * @returns {Worker}
 */
function createWorker(source) {
  if (typeof source === "function") return source();
  // Bundlers look for the whole of the second expression.
  return source
    ? new Worker(source, { type: "module", name: "nidus" })
    : new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "nidus" });
}

/**
 * @param {ErrorEvent} event
 * @param {WorkerSource | undefined} source
 */
function workerError({ message }, source) {
  if (message) {
    return new NidusError("NIDUS_WORKER", `The worker of Nidus failed to start: ${message}`);
  }
  const where = source && typeof source !== "function" ? ` from ${source}` : "";
  return new NidusError(
    "NIDUS_ASSET",
    `worker.js could not be loaded${where}: serve the package's web folder as JavaScript from this ` +
      "page's origin, allow it in the policy's worker-src, or give its address in assets.worker.",
  );
}

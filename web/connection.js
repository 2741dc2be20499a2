/**
 * A page's connection to the worker its system lives in: calls and their answers, events, and the worker's
 * life.
 *
 * Invariants: every call is answered once. A worker that is ended, or crashes, is replaced, and what it had
 * not answered is asked again. What fails while a worker starts is the end, as closing is: whoever waits is
 * told why, and so is whoever asks from then on.
 */

import { NidusError } from "./errors.js";
import { perform } from "./protocol.js";

/** @typedef {import("./protocol.js").Booted} Booted */
/** @typedef {import("./protocol.js").Verbs} Verbs */

/** @typedef {URL | string | (() => Worker)} WorkerSource */

/**
 * Who is told what by the worker: a call, a process or the system.
 * @typedef {Partial<Pick<import("./protocol.js").Answers, "resolve"> & import("./protocol.js").ProcessEvents & import("./protocol.js").SystemEvents> & Ends} Target
 *
 * @typedef {object} Ends
 * @property {unknown} [message] what asked; it is asked again
 * @property {(error: any) => void} [reject] there will be no answer; all is over
 * @property {(signal: string) => void} [lost] the worker is gone
 */

/** The number of the call that starts a worker. */
const BOOT = 1;

export class Connection {
  /** @type {Worker | null} */
  #worker = null;
  #lastId = BOOT;
  /** @type {Map<number, Target>} */
  #targets = new Map();
  /** @type {unknown} why nothing works any more */
  dead;
  #source;
  #boot;
  #restarted;

  /**
   * @param {WorkerSource | undefined} source
   * @param {() => Parameters<Verbs["boot"]>} boot what a worker is started with
   * @param {(answer: Booted) => void} restarted another worker has taken the place of one
   * @param {Target} system
   */
  constructor(source, boot, restarted, system) {
    this.#source = source;
    this.#boot = boot;
    this.#restarted = restarted;
    this.#targets.set(0, system);
  }

  /**
   * Starts a worker.
   * @returns {Promise<Booted>}
   */
  async start() {
    const source = this.#source;
    const worker = createWorker(source);
    this.#worker = worker;
    worker.onmessage = ({ data: [id, name, ...args] }) => {
      const target = this.#targets.get(id);
      if (!target || worker !== this.#worker) return;
      if (target.message) this.remove(id);
      perform(target, name, args);
    };
    worker.onerror = (event) => {
      event.preventDefault?.();
      if (worker !== this.#worker) return;
      this.stop("SIGKILL", this.#targets.has(BOOT) ? workerError(event, source) : null);
    };
    const unanswered = [...this.#targets];
    const answer = this.ask("boot", ...this.#boot());
    for (const [id, { message }] of unanswered) {
      if (message && id !== BOOT) worker.postMessage(message);
    }
    return answer;
  }

  /**
   * @param {string} verb one of `Verbs`, or a method of `fs`
   * @param {unknown[]} args
   * @returns {Promise<any>}
   */
  ask(verb, ...args) {
    return new Promise((resolve, reject) => {
      if (this.dead) throw this.dead;
      const id = verb === "boot" ? BOOT : ++this.#lastId;
      const message = [id, verb, args];
      this.#worker?.postMessage(message);
      this.#targets.set(id, {
        message,
        resolve,
        reject: (error) => reject(NidusError.fromJSON(error)),
      });
    });
  }

  /** @type {Verbs["tell"]} */
  tell(...args) {
    this.#worker?.postMessage([0, "tell", args]);
  }

  /**
   * Gives somebody who is to be told a number.
   * @param {Target} target
   */
  add(target) {
    this.#targets.set(++this.#lastId, target);
    return this.#lastId;
  }

  /** @param {number} id */
  remove(id) {
    this.#targets.delete(id);
  }

  /**
   * Ends the worker with all its processes; another one takes its place, unless an error says that this is
   * the end.
   * @param {string} signal
   * @param {unknown} [error]
   */
  stop(signal, error) {
    if (this.dead) return;
    this.dead = error;
    this.#worker?.terminate();
    this.#worker = null;
    for (const target of this.#targets.values()) {
      target.lost?.(signal);
      if (error) target.reject?.(error);
    }
    if (!error) this.start().then(this.#restarted, (failed) => this.stop(signal, failed));
  }
}

/**
 * @param {WorkerSource | undefined} source
 * @returns {Worker}
 */
function createWorker(source) {
  if (typeof source === "function") return source();
  if (source !== undefined) return new Worker(source, { type: "module", name: "nidus" });
  return new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "nidus" });
}

/**
 * @param {ErrorEvent} event
 * @param {unknown} source
 */
function workerError(event, source) {
  const where = typeof source === "string" || source instanceof URL ? ` from ${source}` : "";
  return event.message
    ? new NidusError("NIDUS_WORKER", `The worker of Nidus failed to start: ${event.message}`)
    : new NidusError(
        "NIDUS_ASSET",
        `worker.js could not be loaded${where}: serve the package's web folder as JavaScript from this ` +
          "page's origin, allow it in the policy's worker-src, or give its address in assets.worker.",
      );
}

/**
 * Threads for the processes of a system: a pool of workers (process-thread.js) over the shared kernel, each of which
 * runs one process at a time on the direct tier. Loaded where a system has them: on pages that are cross-origin
 * isolated, and in Node if it is asked for.
 *
 * Invariants: each process that is run is answered once, whatever becomes of its worker; a worker is ended only while it is
 * outside the kernel, which it then never enters again: both take its word by compare-and-swap. The kernel's process is
 * always finished by the system's own thread.
 */

import { NidusError } from "./errors.js";
import { GRACE, STACK_REST, THREADS_IDLE, THREADS_MOST, WARM_AFTER } from "./limits.js";
import { loadSharedKernel } from "./shared-kernel.js";
import { SharedHost } from "./shared-streams.js";

/** @typedef {import("./system.js").System} System */
/** @typedef {import("./process.js").Compiled} Compiled */
/** @typedef {import("./shared-kernel.js").SharedKernel} SharedKernel */

/** Of a thread's word. */
const OUTSIDE = 0;
const KILLED = 2;
/** From here on, codes of processes that something else ended. */
const SIGNALLED = 256;

/**
 * A worker as its host makes it.
 * @typedef {object} ThreadWorker
 * @property {(message: unknown) => void} post
 * @property {() => unknown} terminate
 * @property {(busy: boolean) => void} hold whether it keeps the host's process alive
 *
 * @typedef {(settings: import("./process-thread.js").ThreadSettings, onmessage: (message: any[]) => void, onerror: (why: string) => void) => ThreadWorker} CreateThread
 */

/**
 * @typedef {object} Thread
 * @property {ThreadWorker} worker
 * @property {number} stack
 * @property {boolean} ready
 * @property {Job | null} job
 * @property {Set<number>} kept programs whose instances it may have
 * @property {boolean} over
 *
 * @typedef {object} Job
 * @property {number} pid
 * @property {number} words
 * @property {(failure?: {thrown: unknown}) => void} resolve
 * @property {boolean} ending
 * @property {Group} [group]
 * @property {(failure?: {thrown: unknown}) => void} [resolveGroup]
 * @property {number} number of the thread of its program
 *
 * @typedef {object} Group the threads of a program that has some
 * @property {Compiled} program
 * @property {Set<Thread>} members
 * @property {boolean} over the process has ended
 * @property {{thrown: unknown}} [failure]
 */

class Threads {
  #system;
  #create;
  /** @type {WebAssembly.Module} */
  #module;
  /** @type {Set<Thread>} */
  #all = new Set();
  /** Those that have nothing to do, the last used one last. @type {Thread[]} */
  #idle = [];
  /** Stacks of workers that were ended. @type {number[]} */
  #stacks = [];
  #closed = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #warming;
  /** @type {WeakMap<WebAssembly.Module, number>} */
  #ids = new WeakMap();
  #lastId = 0;
  /** @type {() => string[]} folders of the host, by their numbers */
  folders = () => [];

  /**
   * @param {System} system
   * @param {WebAssembly.Module} module
   * @param {CreateThread} create
   */
  constructor(system, module, create) {
    this.#system = system;
    this.#module = module;
    this.#create = create;
  }

  get #kernel() {
    return /** @type {SharedKernel} */ (this.#system.kernel);
  }

  #words() {
    return new Int32Array(this.#kernel.memory.buffer);
  }

  /** Starts workers, so that some are there when they are needed. */
  warm() {
    while (!this.#closed && this.#idle.length < THREADS_IDLE && this.#all.size < THREADS_MOST) {
      this.#idle.unshift(this.#start());
    }
  }

  /** Not while programs begin: a worker that starts would take from them what they could compute. */
  #warmLater() {
    clearTimeout(this.#warming);
    this.#warming = setTimeout(() => this.warm(), WARM_AFTER);
    /** @type {{unref?: () => void}} */ (/** @type {unknown} */ (this.#warming)).unref?.();
  }

  /** @returns {Thread} */
  #start() {
    const kernel = this.#kernel;
    const stack = this.#stacks.pop() ?? kernel.newStack();
    Atomics.store(this.#words(), stack >> 2, OUTSIDE);
    /** @type {Thread} */
    const thread = {
      worker: /** @type {any} */ (null),
      stack,
      ready: false,
      job: null,
      kept: new Set(),
      over: false,
    };
    const { memory } = kernel;
    const settings = { memory, stack, kernel: this.#module, origin: performance.timeOrigin };
    thread.worker = this.#create(
      settings,
      (message) => this.#hear(thread, message),
      (why) => this.#lose(thread, why),
    );
    thread.worker.hold(false);
    this.#all.add(thread);
    return thread;
  }

  /**
   * Runs a program as process `pid` to its end; answers what it trapped by, or undefined.
   * @param {number} pid
   * @param {Compiled} program
   * @param {boolean} recycle its instances can be used again
   * @returns {Promise<{thrown: unknown} | undefined>}
   */
  run(pid, program, recycle) {
    if (!program.shared) return this.#run(pid, program, recycle);
    const most = program.shared.numbers.length - 1;
    if (this.#kernel.exports.nidus_process_threads(pid, most) !== 0) {
      return Promise.resolve({
        thrown: new NidusError("ENOMEM", "ENOMEM: no memory for its threads"),
      });
    }
    /** @type {Group} */
    const group = { program, members: new Set(), over: false };
    return new Promise((resolve) => this.#join(group, pid, 0, 0, resolve));
  }

  /**
   * One more thread of a program.
   * @param {Group} group
   * @param {number} pid
   * @param {number} number
   * @param {number} argument
   * @param {(failure?: {thrown: unknown}) => void} resolve when all of them have ended
   */
  async #join(group, pid, number, argument, resolve) {
    const shared = /** @type {import("./guest-threads.js").Shared} */ (group.program.shared);
    /** @type {Thread | undefined} */
    let member;
    const failure = await this.#run(
      pid,
      group.program,
      false,
      { ...shared, number, argument },
      (thread, job) => {
        member = thread;
        job.group = group;
        job.resolveGroup = resolve;
        group.members.add(thread);
      },
    );
    if (member) group.members.delete(member);
    if (!group.over) {
      const words = this.#kernel.exports.nidus_process_words(pid);
      group.failure = failure;
      group.over = !!failure || number === 0 || Atomics.load(this.#words(), (words >> 2) + 4) >= 0;
      Atomics.store(shared.numbers, number, 0);
      if (group.over) {
        // Those that are about to end are spared, and their workers with them.
        for (const thread of group.members) this.#stopLater(thread, failure ? 0 : GRACE);
      }
    }
    if (group.over && group.members.size === 0) resolve(group.failure);
  }

  /**
   * @param {number} pid
   * @param {Compiled} program
   * @param {boolean} recycle
   * @param {import("./guest-threads.js").GuestThread} [guestThread]
   * @param {(thread: Thread, job: Job) => void} [begun]
   * @returns {Promise<{thrown: unknown} | undefined>}
   */
  #run(pid, { module, entry }, recycle, guestThread, begun) {
    const id = this.#ids.get(module) ?? ++this.#lastId;
    this.#ids.set(module, id);
    if (this.#idle.length === 0 && this.#all.size >= THREADS_MOST) {
      const why = `EAGAIN: no more than ${THREADS_MOST} programs can run at a time; wait for some to end`;
      return Promise.resolve({ thrown: new NidusError("EAGAIN", why) });
    }
    return new Promise((resolve) => {
      try {
        const thread = this.#pick(id, recycle);
        const words = this.#kernel.exports.nidus_process_words(pid);
        /** @type {Job} */
        const job = { pid, words, resolve, ending: false, number: guestThread?.number ?? 0 };
        thread.job = job;
        begun?.(thread, job);
        thread.worker.hold(true);
        const folders = this.folders();
        const known = thread.kept.has(id);
        if (recycle) thread.kept.add(id);
        thread.worker.post({
          pid,
          id,
          module: known ? undefined : module,
          entry,
          recycle,
          folders,
          thread: guestThread,
        });
      } catch (thrown) {
        resolve({ thrown });
      }
      this.#warmLater();
    });
  }

  /**
   * @param {number} id
   * @param {boolean} recycle
   */
  #pick(id, recycle) {
    const idle = this.#idle;
    let at = recycle ? idle.findLastIndex(({ kept }) => kept.has(id)) : -1;
    if (at < 0) at = idle.findLastIndex(({ kept, ready }) => kept.size === 0 && ready);
    if (at < 0) at = idle.length - 1;
    return at < 0 ? this.#start() : /** @type {Thread} */ (idle.splice(at, 1)[0]);
  }

  /**
   * @param {Thread} thread
   * @param {any[]} message
   */
  #hear(thread, [what, ...values]) {
    if (thread.over) return;
    const { runner } = this.#system;
    const host = /** @type {SharedHost} */ (this.#system.host);
    const wake = () => this.#system.wake();
    switch (what) {
      case "ready":
        thread.ready = true;
        break;
      case "done":
        this.#done(thread, values[1]);
        break;
      case "spawn": {
        const { group, resolveGroup } = thread.job ?? {};
        const [pid, number, argument] = values;
        if (group && resolveGroup && !group.over)
          void this.#join(group, pid, number, argument, resolveGroup);
        break;
      }
      case "stream":
        host.pump();
        break;
      case "state":
        host.tellState(values[0], values[1]);
        break;
      case "changed":
        host.onchanged();
        break;
      case "flush":
        this.#system.flush().then(wake, wake);
        break;
      case "settle":
        (this.#system.settle() ?? Promise.resolve()).then(wake, wake);
        break;
      default:
        this.#lose(thread, values[0]);
    }
    if (what !== "stream") runner.changed();
  }

  /**
   * @param {Thread} thread
   * @param {{message: string, stack: string} | null} trap
   */
  #done(thread, trap) {
    const { job } = thread;
    thread.job = null;
    thread.worker.hold(false);
    // One that keeps an instance is not spare.
    if (thread.kept.size === 0 && this.#idle.length >= 2 * THREADS_IDLE) this.#end(thread);
    else this.#idle.push(thread);
    job?.resolve(trap ? { thrown: Object.assign(new Error(), trap) } : undefined);
  }

  /**
   * The worker could not start, or is no more.
   * @param {Thread} thread
   * @param {string} why
   */
  #lose(thread, why) {
    if (thread.over) return;
    const { job } = thread;
    this.#end(thread);
    const sentence = `the worker of the program could not be started, or broke off: ${why}`;
    job?.resolve({ thrown: new NidusError("NIDUS_WORKER", sentence) });
  }

  /** @param {Thread} thread that is outside the kernel for ever */
  #end(thread) {
    thread.over = true;
    this.#all.delete(thread);
    this.#idle = this.#idle.filter((each) => each !== thread);
    Atomics.store(this.#words(), thread.stack >> 2, KILLED);
    thread.worker.terminate();
    // It may compute for a moment yet, and must find its word as it is.
    const timer = setTimeout(() => this.#stacks.push(thread.stack), STACK_REST);
    /** @type {{unref?: () => void}} */ (/** @type {unknown} */ (timer)).unref?.();
  }

  /** Processes may have been ended: one that does not see it by itself, since it computes, is stopped. */
  changed() {
    const words = this.#words();
    for (const thread of this.#all) {
      const { job } = thread;
      if (!job || Atomics.load(words, (job.words >> 2) + 4) < SIGNALLED) continue;
      this.#stopLater(thread, GRACE);
    }
  }

  /**
   * @param {Thread} thread
   * @param {number} time milliseconds that it has to end by itself
   */
  #stopLater(thread, time) {
    const { job } = thread;
    if (!job || job.ending) return;
    job.ending = true;
    if (time > 0) setTimeout(() => this.#stop(thread, job), time);
    else this.#stop(thread, job);
  }

  /**
   * @param {Thread} thread
   * @param {Job} job
   */
  #stop(thread, job) {
    if (thread.job !== job || thread.over) return;
    const was = Atomics.compareExchange(this.#words(), thread.stack >> 2, OUTSIDE, KILLED);
    if (was !== OUTSIDE) {
      // In the kernel, but not for long.
      setTimeout(() => this.#stop(thread, job), 1);
      return;
    }
    this.#end(thread);
    job.resolve();
    this.warm();
  }

  /** Ends all workers; no process runs any more. */
  async close() {
    this.#closed = true;
    for (const { stack } of this.#all) {
      // One that has just started is in the kernel for a moment.
      while (Atomics.compareExchange(this.#words(), stack >> 2, OUTSIDE, KILLED) !== OUTSIDE) {
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    }
    for (const thread of this.#all) this.#end(thread);
  }
}

/**
 * What makes a system whose programs run in threads of their own.
 * @param {import("./kernel.js").KernelOptions["source"]} source kernel.shared.wasm
 * @param {import("./host.js").FolderImports | undefined} folders
 * @param {(kernel: SharedKernel, host: SharedHost) => System} make
 * @param {CreateThread} create
 */
export async function createThreaded(source, folders, make, create) {
  const host = new SharedHost(folders);
  const kernel = await loadSharedKernel({ source, host });
  const system = make(kernel, host);
  const threads = new Threads(system, kernel.module, create);
  host.onchanged = () => {
    threads.changed();
    system.runner.ring();
  };
  system.runner.threads = threads;
  return system;
}

/**
 * Workers of a browser.
 * @param {string} [source] of process-worker.js, where it is not beside this file
 * @returns {CreateThread}
 */
export const webThreads = (source) => (settings, onmessage, onerror) => {
  // Bundlers look for the whole of the second expression.
  const worker = source
    ? new Worker(source, { type: "module" })
    : new Worker(new URL("./process-worker.js", import.meta.url), { type: "module" });
  worker.onmessage = ({ data }) => onmessage(data);
  worker.onerror = (event) => {
    event.preventDefault();
    onerror(event.message || "process-worker.js cannot be loaded");
  };
  worker.postMessage(settings);
  return {
    post: (message) => worker.postMessage(message),
    terminate: () => worker.terminate(),
    hold: () => {},
  };
};

/** @typedef {Threads} SystemThreads */

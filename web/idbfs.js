/**
 * Mounts of Emscripten's IDBFS: when files go to the database (idbfs-store.js) and come from it.
 *
 * Invariants: one flush at a time, each both ways; all who ask while one runs share the next; what fails is told and
 * tried again, later each time. Nobody asks what others have changed while nothing changes here: that is what
 * `system.flush()` is for.
 */

import { NidusError } from "./errors.js";
import { openStore } from "./idbfs-store.js";
import { RETRY_LONGEST, WRITE_BEHIND } from "./limits.js";

/**
 * Mounts the files of the database `name`. Rejects with the browser's own error where it has no database to give.
 * @param {Pick<import("./system.js").System, "kernel" | "mount">} system
 * @param {string} name where the program built by Emscripten mounts it
 * @param {{path: string, readonly?: boolean, maxBytes?: number}} settings
 * @param {import("./volume.js").Listener} [tell]
 * @param {IDBFactory} [factory]
 */
export async function mount(system, name, settings, tell = () => {}, factory = indexedDB) {
  const { path, readonly, maxBytes = NaN } = settings;
  if (readonly) {
    throw new NidusError(
      "EINVAL",
      `"idbfs:${name}" has several writers and so no views: leave out access: "readonly".`,
    );
  }
  const store = await openStore(name, path, factory);
  const { kernel } = system;
  /** It is stored from time to time. */
  let open = true;
  /** @type {Promise<void> | null} the flush under way */
  let running = null;
  /** @type {Promise<void> | null} the one that starts when it ends */
  let next = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let delay = WRITE_BEHIND;

  /**
   * Throws what a failure means, in the kernel's words.
   * @type {(thrown: Error) => never}
   */
  const refuse = (thrown) => {
    if (thrown instanceof NidusError) throw thrown;
    throw kernel.ask("nidus_volume_failure", [name, thrown.name, String(thrown)]);
  };

  const schedule = () => {
    const due = () => {
      if (!kernel.exports.nidus_paths_dirty(number)) schedule();
      // A failure is told by event.
      else flush().catch(() => {});
    };
    timer = open ? setTimeout(due, delay) : undefined;
    // In Node a volume alone keeps no program alive.
    /** @type {{unref?: () => void} | undefined} */ (/** @type {unknown} */ (timer))?.unref?.();
  };

  const synchronize = async () => {
    clearTimeout(timer);
    try {
      const { kept, taken } = await store.flush(kernel, number).catch(refuse);
      delay = WRITE_BEHIND;
      if (kept.length + taken.length > 0) tell("conflict", conflict(name, kept, taken));
      tell("flush", null);
    } catch (error) {
      delay = Math.min(delay * 2, RETRY_LONGEST);
      tell("flusherror", /** @type {NidusError} */ (error));
      throw error;
    } finally {
      schedule();
    }
  };

  /**
   * Resolves when all that changed here before the call is stored for good, and what others have stored is here.
   * @returns {Promise<void>}
   */
  const flush = () => {
    if (!running) return (running = synchronize().finally(() => (running = null)));
    next ??= running
      .catch(() => {}) // Whoever asked for that one is told.
      .then(() => {
        next = null;
        return flush();
      });
    return next;
  };

  const number = await system.mount(path, { type: "paths", flush });
  try {
    await store.fill(kernel, number).catch(refuse);
  } catch (error) {
    store.close();
    throw error;
  }
  kernel.exports.nidus_mount_limit(number, maxBytes);
  schedule();

  return {
    /** Files outlive the page. */
    state: () => ({ persistent: true, reason: null, readonly: false }),

    flush,
    /** Each file is one record: there are no parts that could be missing. */
    check: async () => [],

    /** Stores what changed and lets go of the database. */
    async close() {
      open = false;
      try {
        await flush();
      } finally {
        store.close();
      }
    },
  };
}

/**
 * @param {string} name
 * @param {string[]} kept paths
 * @param {string[]} taken
 */
function conflict(name, kept, taken) {
  const say = (/** @type {string} */ what, /** @type {string[]} */ paths) =>
    paths.length ? ` ${what}: ${paths.join(", ")}.` : "";
  const message =
    `Another program changed files of "${name}" that were changed here, too.` +
    say("Kept as they are here", kept) +
    say("Taken from the other program, whose change is later", taken);
  return new NidusError("NIDUS_CONFLICT", message, { path: name });
}

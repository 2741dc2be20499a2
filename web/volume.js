/**
 * A volume that outlives its kernel: the tree below one persistent mount, kept in a store.
 *
 * The kernel holds the tree and knows what changed and which contents are in memory; this file moves bytes. Mounting
 * reads the log of the store, contents come when they are needed; a flush writes one consistent cut of the
 * kernel's, whole or not at all, so the store always holds the state of some completed flush, whenever the worker dies.
 * view.js has those that another one writes.
 *
 * Stores: the browser's database (database.js); for a volume in memory the page (kept-volume.js), which
 * so survives a worker that had to be ended.
 */

import {
  FLUSH_CHUNK,
  FLUSH_CUT,
  FLUSH_RESTART,
  FLUSH_SEGMENT,
  RECORD_LENGTH,
  WANTS_ROOM,
} from "./abi.js";
import { NidusError } from "./errors.js";
import { RETRY_LONGEST, WRITE_BEHIND } from "./limits.js";

const EIO = 29;
/** What no later flush makes good: another one writes here now, or the layout is that of a newer version. */
const LOST = /EBUSY|ENOTSUP/;
/** To `nidus_volume_check`: what of the store is missing is stored anew from memory. */
const REWRITE = 2;

/** @typedef {import("./kernel.js").Kernel} Kernel */
/**
 * What a flush changes, to be done in this order: the log starts anew, segments are appended to it, the chunks of files
 * from an index on are deleted, and those that a check found to belong to nothing, chunks are put. Keys are inode number
 * and index.
 * @typedef {object} Cut
 * @property {boolean} restart
 * @property {Uint8Array<ArrayBuffer>[]} segments
 * @property {[ino: number, from: number][]} cuts
 * @property {{ino: number, index: number}[]} [strays]
 * @property {{key: [ino: number, index: number], bytes: Uint8Array<ArrayBuffer>}[]} chunks
 */
/** @typedef {[ino: number, first: number, count: number]} Range */
/** @typedef {(Uint8Array | undefined)[]} Chunks */
/**
 * @typedef {object} Store
 * @property {string} name for messages
 * @property {(view: boolean, range?: Range) => Promise<Uint8Array[] & {chunks?: Chunks}>} open answers what the log has that
 *   it has not answered yet, and makes this its writer, or a view of it; with `range`, its chunks as they are then
 * @property {(cut: Cut) => Promise<void>} write all of it or nothing; begins before it returns. A `LossError`: the store
 *   has lost its log, and takes only a cut that restarts it
 * @property {(...range: Range) => Promise<Chunks | null>} chunks null: the log has more than it has answered
 * @property {() => Promise<[ino: number, index: number][]>} [keys] of all chunks
 * @property {(() => void) | null} [onchange] told when its writer has written; set by a view
 * @property {() => void} close
 */
/** @typedef {(name: import("./protocol.js").VolumeEvent, error: NidusError | null) => void} Listener */

/** @typedef {ReturnType<typeof createVolume>} Volume */

/**
 * The volume of one mount; see the head of this file.
 * @param {Store} store
 * @param {string | null} reason why files do not outlive the page; null when they do
 * @param {Listener} [on]
 * @param {string} [repaired] the log that the store answers is not its own, but what was salvaged of that, as this says
 */
export function createVolume(store, reason, on = () => {}, repaired) {
  /** @type {Kernel} from `load` on */
  let kernel;
  let mount = -1;
  let maxBytes = NaN;
  /** It is loaded, and may be stored. */
  let open = false;
  let whole = false;
  /** @type {NidusError | null} why nothing of it is stored any more */
  let lost = null;
  /** @type {Promise<unknown> | null} the flush or check under way */
  let running = null;
  /** @type {Promise<void> | null} the one that starts when it ends, shared by all who ask */
  let next = null;
  /** @type {Set<Promise<void>>} requests for chunks under way */
  const requests = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let delay = WRITE_BEHIND;

  /**
   * What a failure means, in the kernel's words.
   * @param {Error} thrown
   */
  const explain = (thrown) => {
    try {
      if (!(thrown instanceof NidusError))
        kernel.ask("nidus_volume_failure", [store.name, thrown.name, String(thrown)]);
      return /** @type {NidusError} */ (thrown);
    } catch (error) {
      return /** @type {NidusError} */ (error);
    }
  };
  /** @type {(thrown: Error) => never} */
  const refuse = (thrown) => {
    throw explain(thrown);
  };

  /** Flushes what will have changed by then. */
  const schedule = () => {
    if (!open) return;
    // A failure is told by event.
    timer = setTimeout(() => flush().catch(() => {}), delay);
    // In Node a volume alone keeps no program alive.
    /** @type {{unref?: () => void}} */ (/** @type {unknown} */ (timer)).unref?.();
  };

  /** Takes the kernel's cut. @returns {Cut} */
  const takeCut = () => kernel.together(readCut);

  /** Copies it out of the kernel's memory. */
  const readCut = () => {
    const k = kernel.exports;
    /** @type {Cut} */
    const cut = { restart: false, segments: [], cuts: [], chunks: [] };
    const length = kernel.check(k.nidus_flush_begin(mount), "flush");
    for (let i = 0; i < length; i++) {
      const at = k.nidus_flush_record(mount, i);
      const [kind, ino, index, ptr, size] =
        /** @type {[number, number, number, number, number]} */ (
          /** @type {unknown} */ (new Float64Array(kernel.memory.buffer, at, RECORD_LENGTH))
        );
      const bytes = kernel.u8().slice(ptr, ptr + size);
      if (kind === FLUSH_RESTART) cut.restart = true;
      else if (kind === FLUSH_SEGMENT) cut.segments.push(bytes);
      else if (kind === FLUSH_CUT) cut.cuts.push([ino, index]);
      else if (kind === FLUSH_CHUNK) cut.chunks.push({ key: [ino, index], bytes });
    }
    return cut;
  };

  /**
   * Compares the files with what the store has.
   * @param {number} repair
   */
  const compare = async (repair) =>
    // What the page keeps is in memory, too: there is nothing to compare.
    store.keys ? kernel.compareChunks(mount, await store.keys().catch(refuse), repair) : [];

  /** @param {{ino: number, index: number}[]} [strays] */
  const write = async (strays = []) => {
    clearTimeout(timer);
    if (!open && !lost) return;
    const k = kernel.exports;
    if (k.nidus_volume_dirty(mount) + strays.length === 0) return schedule();
    /** @type {NidusError | null} */
    let error = null;
    let loss = false;
    try {
      // Without a pause between: a store completes by itself what it was given, even if a program keeps
      // this thread busy from now on.
      const cut = takeCut();
      if (lost) throw lost;
      await store.write({ ...cut, strays });
    } catch (thrown) {
      const why = /** @type {Error} */ (thrown);
      loss = why.name === "LossError";
      error = explain(why);
    }
    // Whoever waits in fd_sync is told, too.
    k.nidus_flush_end(mount, error ? (error.errno ?? EIO) : 0);
    if (lost) throw lost;
    // The next flush then writes all that is in memory; what is not, cannot be read any more.
    if (loss) {
      await compare(REWRITE)
        .then(({ length }) => refuse(new DOMException(String(length), "LossError")))
        .catch((thrown) => (error = explain(thrown)));
    }
    delay = error ? Math.min(delay * 2, RETRY_LONGEST) : WRITE_BEHIND;
    if (error && LOST.test(error.code)) {
      lost = error;
      open = false;
      reason = error.message;
    }
    on(!error ? "flush" : open ? "flusherror" : "nopersist", error);
    schedule();
    if (error) throw error;
  };

  /**
   * Resolves when all that changed before the call is stored for good. Rejects with `ENOSPC` or `EIO`, when
   * storing is tried again, and with `EBUSY` (another tab took the volume over) or `ENOTSUP` (a newer version
   * did) for good; nothing is dropped from memory.
   * @returns {Promise<void>}
   */
  const flush = () => {
    if (!running) return alone(write);
    next ??= running
      .catch(() => {}) // Whoever asked for that one is told.
      .then(() => {
        next = null;
        return flush();
      });
    return next;
  };

  /**
   * No flush runs while this does.
   * @template T
   * @param {() => Promise<T>} act
   * @returns {Promise<T>}
   */
  const alone = (act) => {
    const acting = act().finally(() => (running = null));
    running = acting;
    return acting;
  };

  /**
   * Takes in what the log has more than was taken, and answers it.
   * @param {boolean} view whether to be no more than a view
   * @param {Range} [range] of chunks to be answered with it
   */
  const take = async (view, range) => {
    const segments = await store.open(view, range).catch(refuse);
    for (const segment of segments) {
      if (kernel.call("nidus_load", [segment], mount)[0] < 0) break;
    }
    kernel.ask("nidus_load_end", [store.name], mount, maxBytes);
    return segments;
  };

  /** Gets all contents, where all are to be in memory. */
  const fill = async () => {
    if (whole) for (let come; (come = settle(true)) !== null;) await come;
  };

  /** From now on, what changes is stored. */
  const begin = () => {
    open = true;
    schedule();
  };

  /**
   * Gets a range of chunks and gives them to the kernel, or tells it that they cannot be had.
   * @param {number} ino
   * @param {number} first
   * @param {number} count
   */
  const request = async (ino, first, count) => {
    const chunks = await store.chunks(ino, first, count).catch(() => null);
    for (let i = 0; i < count; i++) {
      const bytes = chunks?.[i] ?? new Uint8Array();
      try {
        kernel.call("nidus_chunk", [bytes], mount, ino, first + i, chunks ? 0 : EIO);
      } catch {
        // The kernel has no memory for it: whoever waits must not wait for ever.
        kernel.exports.nidus_chunk(0, 0, mount, ino, first + i, EIO);
      }
    }
  };

  /**
   * Resolves when something has come that may have been waited for: chunks, or a flush that made room; null when
   * nothing is on its way.
   * @param {boolean} [all] also of what nobody has asked for
   * @returns {Promise<unknown> | null}
   */
  const settle = (all = false) => {
    const [wants, given] = kernel.take("nidus_volume_wants", mount, Number(all));
    const ranges = new Float64Array(given.buffer);
    for (let at = 0; at < ranges.length; at += 3) {
      const range = /** @type {[number, number, number]} */ ([...ranges.subarray(at, at + 3)]);
      const asked = request(...range).finally(() => requests.delete(asked));
      requests.add(asked);
    }
    const awaited = /** @type {Promise<unknown>[]} */ ([...requests]);
    if (wants & WANTS_ROOM) awaited.push(flush().catch(() => {}));
    return awaited.length > 0 ? Promise.race(awaited) : null;
  };

  return {
    /** Whether files outlive the page. */
    state: () => ({
      persistent: reason === null,
      reason,
      readonly: false,
      ...(repaired && { repaired }),
    }),

    /**
     * Fills the persistent mount `at` of a kernel with what is stored, and from then on stores what
     * changes. Call once, before anything touches the mount.
     * @param {Kernel} of
     * @param {number} at
     * @param {number} [most] bytes it may hold from then on
     * @param {boolean} [all] with all contents: nothing is waited for later, if the mount has no budget
     * @param {boolean} [view] stores nothing
     */
    async load(of, at, most, all = false, view = false) {
      kernel = of;
      mount = at;
      maxBytes = /** @type {number} */ (most);
      whole = all;
      await take(view);
      // The first flush then puts it in the place of the store's own, which is there until that is done.
      if (repaired) await compare(REWRITE);
      await fill();
      if (!view) begin();
      if (repaired) await flush();
    },

    flush,
    settle,
    /**
     * Compares the files with the chunks that the store has: `missing` ones cannot be read, `stray` ones belong to
     * nothing. With `repair`, the first become holes and the others are deleted.
     * @param {{repair?: boolean}} [options]
     * @returns {Promise<{kind: "missing" | "stray", ino: number, index: number}[]>}
     */
    async check({ repair = false } = {}) {
      while (running) await running.catch(() => {});
      // Between the list of chunks and the comparison nothing may be stored, nor between that and the repair: what is
      // stored meanwhile would be taken for missing or stray.
      return alone(async () => {
        await write();
        const findings = await compare(Number(repair));
        if (repair) await write(findings.filter(({ kind }) => kind === "stray"));
        return findings;
      });
    },

    /** For views (view.js). */
    inside: { take, fill, begin },

    /** Stores what changed and lets go of the store. */
    async close() {
      try {
        await flush();
      } finally {
        open = false;
        lost = null;
        clearTimeout(timer);
        store.close();
      }
    },
  };
}

/**
 * A volume in one file, mounted: the image (image-module.js) is a store that answers at once, so the kernel stores by
 * itself, in `fd_sync` and whenever its memory is used up, and no program ever waits. Here is what a clock has to
 * do, and what is told.
 */

import {
  FOUND_LOG,
  FOUND_PLACES,
  FOUND_SUPERBLOCK,
  READ_ONLY,
  REPAIR,
  openImage,
} from "./image-module.js";
import { RETRY_LONGEST, WRITE_BEHIND } from "./limits.js";

/** @typedef {import("./volume.js").Listener} Listener */
/** @typedef {import("./errors.js").NidusError} NidusError */

/**
 * @typedef {object} ImageOptions
 * @property {boolean} [readOnly] nothing of it is changed
 * @property {boolean} [repair] give up what is damaged, instead of refusing all of it
 * @property {() => import("./assets.js").ModuleSource} [salvage] salvage.wasm, for that; left out: the package's own file
 * @property {number} [memory] bytes of contents that are kept in memory
 * @property {number} [maxBytes] the most it may hold; beyond it programs see `ENOSPC`
 */

/** Bytes of contents in memory, where nothing else is said. */
const MEMORY = 64 * 1024 * 1024;

const IO = -29;
const NO_MEMORY = -48;

/** Records of a flush, as the kernel gives them. */
const RECORD_FIELDS = 5;
const RESTART = 1;
const SEGMENT = 2;
const CUT = 3;
const CHUNK = 4;

/** To `nidus_volume_check`: what of the store is missing is stored anew from memory. */
const REWRITE = 2;

/**
 * The image as the kernel's store.
 * @param {import("./kernel.js").Kernel} kernel
 * @param {import("./image-module.js").Image} image
 * @param {import("./image-module.js").BlockDevice} device
 * @param {{mount: number, kept: boolean}} mounted its number, when that is known; whether the image stays open when it
 *   cannot be mounted
 * @param {Uint8Array[]} segments its log
 * @returns {import("./host.js").HostStore}
 */
function createStore(kernel, image, device, mounted, segments) {
  /**
   * @param {number} i
   * @returns {boolean} the log restarts
   */
  const put = (i) => {
    const at = kernel.raw.nidus_flush_record?.(mounted.mount, i) ?? 0;
    const [kind, ino, index, ptr, size] = /** @type {[number, number, number, number, number]} */ (
      /** @type {unknown} */ (new Float64Array(kernel.memory.buffer, at, RECORD_FIELDS))
    );
    const bytes = kernel.u8().subarray(ptr, ptr + size);
    if (kind === SEGMENT) image.putSegment(bytes);
    else if (kind === CUT) image.putCut(ino, index);
    else if (kind === CHUNK) image.putChunk(ino, index, bytes);
    return kind === RESTART;
  };
  return {
    segment(out) {
      const segment = segments.shift();
      if (!segment) return 0;
      const ptr = /** @type {number} */ (kernel.raw.nidus_alloc?.(segment.length)) >>> 0;
      if (ptr === 0) return NO_MEMORY;
      kernel.u8().set(segment, ptr);
      new Uint32Array(kernel.memory.buffer, out, 2).set([ptr, segment.length]);
      return 1;
    },
    load(ino, index, ptr) {
      const chunk = image.load(ino, index);
      if (typeof chunk === "number") return chunk;
      kernel.u8().set(chunk, ptr);
      return chunk.length;
    },
    commit(records) {
      let restart = false;
      try {
        for (let i = 0; i < records; i++) restart = put(i) || restart;
      } catch {
        // Memory was short. The kernel is told by a number, since it cannot be left by an exception.
        image.spoil();
      }
      return image.commit(restart);
    },
    close() {
      if (mounted.kept) return 0;
      image.close();
      return device.close();
    },
  };
}

/**
 * Gives an image another log. The one that was there counts until this one is stored.
 * @param {import("./image-module.js").Image} image
 * @param {Uint8Array[]} segments
 */
function putLog(image, segments) {
  for (const segment of segments) image.putSegment(segment);
  const result = image.commit(true);
  if (result < 0) throw image.failure(result, "repair");
}

/**
 * Mounts the volume that lies on a device, which belongs to it from now on; an empty device becomes an empty volume.
 * @param {import("./system.js").System} system
 * @param {string} path
 * @param {WebAssembly.Module} module image.wasm
 * @param {import("./image-module.js").BlockDevice} device
 * @param {string} name for messages
 * @param {ImageOptions} [options]
 * @param {Listener} [on]
 */
export async function mountImage(system, path, module, device, name, options = {}, on = () => {}) {
  const { kernel, host } = system;
  const { readOnly = false, repair = false, memory = MEMORY, maxBytes } = options;
  const flags = (readOnly ? READ_ONLY : 0) | (repair ? REPAIR : 0);
  const mounted = { mount: -1, kept: true };
  /** @type {string[]} what was not as it should be */
  const found = [];
  /** @type {import("./image-module.js").Image | undefined} */
  let opened;
  try {
    const image = (opened = await openImage(module, device, name, flags));
    /** @param {Uint8Array[]} segments */
    const mountLog = (segments) => {
      const store = createStore(kernel, image, device, mounted, segments);
      const numbers = [host.addStore(store), Number(readOnly), memory];
      [mounted.mount] = kernel.ask("nidus_mount_store", [path], ...numbers);
    };
    const log = image.log();
    try {
      mountLog([...log]);
    } catch (error) {
      if (/** @type {NidusError} */ (error).errno !== -IO) throw error;
      if (!repair || readOnly) throw image.failure(IO, "mount");
      const { salvage } = await import("./salvage.js");
      const { segments, told } = await salvage(log, options.salvage?.());
      mountLog([...segments]);
      found.push(told);
      putLog(image, segments);
    }
  } catch (error) {
    if (mounted.mount >= 0) system.unmount(mounted.mount);
    opened?.close();
    device.close();
    throw error;
  }
  mounted.kept = false;
  const { failure, findings, check, keys, putCut, commit } = opened;
  const { exports } = kernel;
  const was = repair ? "was" : "is";
  if (findings & FOUND_SUPERBLOCK) {
    found.push(`one of the two superblocks ${was} damaged; the other one tells all`);
  }
  if (findings & FOUND_LOG) {
    found.push("the log was damaged; what was stored after that place is lost");
  }
  if (findings & FOUND_PLACES) found.push("contents of files lay one upon the other");
  const { mount } = mounted;
  if (maxBytes !== undefined) exports.nidus_mount_limit?.(mount, maxBytes);

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let delay = WRITE_BEHIND;
  let open = true;
  /** When storing was tried last. */
  let last = performance.now();

  const schedule = () => {
    clearTimeout(timer);
    if (!open || readOnly) return;
    timer = setTimeout(() => {
      try {
        flush();
      } catch {} // Told by event.
    }, delay);
    // In Node a volume alone keeps no program alive.
    /** @type {{unref?: () => void}} */ (/** @type {unknown} */ (timer)).unref?.();
  };

  /**
   * Stores what changed; throws `ENOSPC` or `EIO` if that fails, when nothing is lost and it is tried again.
   * @param {boolean} [ifDue] not if that has been done, or tried, just now
   */
  const flush = (ifDue) => {
    const now = performance.now();
    if (!open || readOnly || (ifDue && now - last < delay)) return;
    last = now;
    try {
      if (exports.nidus_volume_dirty?.(mount) === 0) return;
      const result = exports.nidus_volume_flush?.(mount) ?? IO;
      if (result < 0) throw failure(result, "flush");
      delay = WRITE_BEHIND;
      on("flush", null);
    } catch (error) {
      delay = Math.min(delay * 2, RETRY_LONGEST);
      on("flusherror", /** @type {NidusError} */ (error));
      throw error;
    } finally {
      schedule();
    }
  };

  /**
   * Deletes what belongs to no file: all chunks of an inode from an index on.
   * @param {{kind: string, ino: number, index: number}[]} findings
   */
  const deleteStrays = (findings) => {
    const strays = new Set(
      findings.filter(({ kind }) => kind === "stray").map(({ ino, index }) => String([ino, index])),
    );
    /** @type {Map<number, number>} */
    const from = new Map();
    for (const [ino, index] of keys()) {
      if (!strays.has(String([ino, index]))) from.delete(ino);
      else if (!from.has(ino)) from.set(ino, index);
    }
    for (const [ino, index] of from) putCut(ino, index);
    const result = commit(false);
    if (result < 0) throw failure(result, "fsck");
  };

  /**
   * What is damaged, or missing although a file has it; with `mend`, what of it is in memory is stored anew, zeros and holes
   * take the places of the rest, and what belongs to no file is deleted.
   * @param {boolean} mend
   * @returns {{kind: "damaged" | "missing" | "stray", ino: number, index: number}[]}
   */
  const compare = (mend) => {
    flush();
    const damaged = check(flags & READ_ONLY);
    if (mend && damaged.length > 0) {
      const bad = new Set(damaged.map(String));
      const good = keys().filter((key) => !bad.has(String(key)));
      kernel.compareChunks(mount, good, REWRITE, "fsck");
      flush();
    }
    // Also where no chunk is: a superblock may be.
    if (mend) check(REPAIR);
    const differences = kernel.compareChunks(mount, keys(), Number(mend), "fsck");
    if (mend && differences.some(({ kind }) => kind === "missing")) flush();
    if (mend && differences.some(({ kind }) => kind === "stray")) deleteStrays(differences);
    return [
      ...damaged.map(([ino, index]) => ({ kind: /** @type {const} */ ("damaged"), ino, index })),
      ...differences,
    ];
  };

  const storing = () => flush();
  system.stores.add(storing);
  const serving = () => exports.nidus_volume_serve?.(mount);
  system.serves.add(serving);
  schedule();
  return {
    mount,
    /** Whether files outlive the page. */
    state: () => ({
      persistent: true,
      reason: null,
      readonly: readOnly,
      ...(repair && found.length > 0 && { repaired: found.join("; ") }),
    }),
    flush,
    /** One sentence for each thing that is wrong with it; with `repair`, that was. */
    async check() {
      // Chunks that nothing asks for do no harm.
      const differences = compare(repair).filter(({ kind }) => kind !== "stray");
      if (differences.length === 0) return found;
      const { describeChunks } = await import("./image-check.js");
      /** @type {(which: string, what: string) => string[]} */
      const describe = (which, what) =>
        describeChunks(
          system.sync,
          path,
          differences.filter(({ kind }) => kind === which).map(({ ino, index }) => [ino, index]),
          what,
        );
      return [
        ...found,
        ...describe("damaged", repair ? "were damaged; they are zeros now" : "are damaged"),
        ...describe("missing", repair ? "were missing; they are a hole now" : "are missing"),
      ];
    },
    compare,
    /** Stores what changed and lets go of the device. `EBUSY` while files of it are open. */
    close() {
      try {
        flush();
      } finally {
        open = false;
        clearTimeout(timer);
        system.stores.delete(storing);
        system.serves.delete(serving);
        system.unmount(mount);
      }
    },
  };
}

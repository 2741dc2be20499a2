/**
 * Getting the compiler and its headers and libraries: from addresses, bytes, files or what a page kept
 * of an earlier worker, with progress in bytes.
 *
 * Invariant: a compiler is compiled once for all systems of a thread that name the same source; a
 * failed attempt is forgotten, so that the next one tries again.
 */

import { explainCompileError, fetchAsset, notAModule } from "../assets.js";
import { NidusError } from "../errors.js";
import { ModuleRewriter } from "../rewrite.js";
import { Unreadable } from "../wasm-reader.js";
import { GROWING_BODIES } from "./build.js";

/** @typedef {import("../mounts.js").ArchiveSource} ArchiveSource */
/** @typedef {{size: number, read: (into: Uint8Array) => number | Promise<number>}} Reading */

/**
 * Where something comes from: an address, its bytes, a stream, or a reader of a known size.
 * @typedef {URL | string | ArchiveSource} ByteSource
 */

/**
 * @typedef {object} Progress
 * @property {"download" | "compile" | "mount"} phase
 * @property {string} file
 * @property {number} loaded bytes
 * @property {number} total bytes; 0 while it is not known
 */

/** @typedef {(progress: Progress) => void} OnProgress */

export const COMPILER_FILE = "llvm.core.wasm";
export const RESOURCES_FILE = "llvm-resources.tar";

/** Progress is told this often at most, in milliseconds. */
const TELL_EVERY = 50;
/** Read at a time where reading blocks the thread, so that progress can be told. */
const PIECE = 4 * 1024 * 1024;
/** More than what the rewriting adds to a module. */
const SLACK = 64 * 1024;

/**
 * Compiled modules by address.
 * @type {Map<string, Promise<WebAssembly.Module>>}
 */
const compiledByAddress = new Map();
/**
 * The same by object, for sources that have no address.
 * @type {WeakMap<object, Promise<WebAssembly.Module>>}
 */
const compiledByObject = new WeakMap();

/**
 * Compiles the compiler, or gives the module that was compiled from this source before.
 *
 * @param {WebAssembly.Module | ByteSource} source
 * @param {OnProgress} [onProgress]
 * @returns {Promise<WebAssembly.Module>}
 */
export function loadCompiler(source, onProgress = () => {}) {
  if (source instanceof WebAssembly.Module) return Promise.resolve(source);
  const key = source instanceof URL ? String(source) : source;
  const cache = typeof key === "string" ? compiledByAddress : compiledByObject;
  // Each of the two takes what it is asked with.
  const compiled = /** @type {Map<unknown, Promise<WebAssembly.Module>>} */ (cache);
  let module = compiled.get(key);
  if (module === undefined) {
    module = compileSource(source, onProgress);
    compiled.set(key, module);
    module.catch(() => compiled.delete(key));
  }
  return module;
}

/**
 * @param {ByteSource} source
 * @param {OnProgress} onProgress
 */
async function compileSource(source, onProgress) {
  try {
    return await compileOnce(source, onProgress, true);
  } catch (error) {
    // A build that cannot be rewritten is run as it is: each process gets an instance of its own.
    if (!(error instanceof Unreadable)) throw error;
    return compileOnce(source, onProgress, false);
  }
}

/**
 * @param {ByteSource} source
 * @param {OnProgress} onProgress
 * @param {boolean} rewritten
 */
async function compileOnce(source, onProgress, rewritten) {
  const opened = await open(source, COMPILER_FILE);
  const meter = new Meter(COMPILER_FILE, sizeOf(opened), onProgress);
  let module;
  if (opened instanceof Uint8Array || opened instanceof ArrayBuffer || "read" in opened) {
    module = await compileWhole(await readWhole(opened, meter, rewritten));
  } else {
    module = await compileStream(streamOf(opened).pipeThrough(meter.counter()), rewritten);
  }
  onProgress({ phase: "compile", file: COMPILER_FILE, loaded: meter.loaded, total: meter.loaded });
  return module;
}

/**
 * Compiles the compiler while it arrives, rewritten so that its instances can be used again.
 *
 * @param {ReadableStream<Uint8Array>} stream
 * @param {boolean} [rewritten]
 * @returns {Promise<WebAssembly.Module>} rejects with `Unreadable` where the rewriting cannot be done
 */
export async function compileStream(stream, rewritten = true) {
  const rewriter = rewritten ? new ModuleRewriter(GROWING_BODIES) : null;
  let first = true;
  /** @type {unknown} */
  let wrong = null;
  /** @type {Transformer<Uint8Array, Uint8Array>} */
  const transformer = {
    transform(chunk, controller) {
      try {
        if (first) refuse(chunk);
        first = false;
        const parts = rewriter === null ? [chunk] : rewriter.push(chunk);
        for (const part of parts) controller.enqueue(part);
      } catch (error) {
        wrong = error;
        throw error;
      }
    },
    flush(controller) {
      for (const part of rewriter?.end() ?? []) controller.enqueue(part);
    },
  };
  const body = stream.pipeThrough(new TransformStream(transformer));
  const headers = { "content-type": "application/wasm" };
  try {
    return await WebAssembly.compileStreaming(new Response(body, { headers }));
  } catch (error) {
    throw (
      wrong ?? (error instanceof NidusError ? error : explainCompileError(error, COMPILER_FILE))
    );
  }
}

/**
 * Throws when bytes are not the beginning of the compiler.
 *
 * @param {Uint8Array} head
 */
function refuse(head) {
  const found = notAModule(head);
  if (found === null) return;
  throw new NidusError(
    "NIDUS_ASSET",
    `${COMPILER_FILE} is ${found}, not a WebAssembly module; ` +
      `serve gen/${COMPILER_FILE} of @yowasp/clang at that address.`,
  );
}

/** @param {Uint8Array<ArrayBuffer>} bytes */
async function compileWhole(bytes) {
  try {
    return await WebAssembly.compile(bytes);
  } catch (error) {
    throw explainCompileError(error, COMPILER_FILE);
  }
}

/**
 * Reads a module and rewrites it on the way, with no second copy of 75 MB.
 *
 * @param {Uint8Array | ArrayBuffer | Reading} source
 * @param {Meter} meter
 * @param {boolean} rewritten
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
async function readWhole(source, meter, rewritten) {
  const reader = "read" in source ? source : reading(source);
  const out = new Uint8Array(meter.total + SLACK);
  const piece = new Uint8Array(Math.min(PIECE, meter.total));
  const rewriter = rewritten ? new ModuleRewriter(GROWING_BODIES) : null;
  let at = 0;
  /** @param {Uint8Array} part */
  const put = (part) => {
    out.set(part, at);
    at += part.length;
  };
  while (meter.loaded < meter.total) {
    const most = Math.min(piece.length, meter.total - meter.loaded);
    const direct = rewriter === null || rewriter.done;
    const into = direct ? out.subarray(at, at + most) : piece.subarray(0, most);
    const got = await reader.read(into);
    if (got === 0) break;
    const chunk = into.subarray(0, got);
    if (meter.loaded === 0) refuse(chunk);
    meter.add(got);
    if (direct) at += got;
    else rewriter.push(chunk).forEach(put);
  }
  rewriter?.end().forEach(put);
  return out.subarray(0, at);
}

/**
 * @param {Uint8Array | ArrayBuffer} source
 * @returns {Reading}
 */
function reading(source) {
  const bytes = source instanceof Uint8Array ? source : new Uint8Array(source);
  let at = 0;
  return {
    size: bytes.length,
    read(into) {
      const part = bytes.subarray(at, at + into.length);
      into.set(part);
      at += part.length;
      return part.length;
    },
  };
}

/**
 * The archive of headers and libraries, with its progress told as it is read.
 *
 * @param {ByteSource} source
 * @param {OnProgress} [onProgress]
 * @returns {Promise<{from: ArchiveSource, size: number}>}
 */
export async function loadResources(source, onProgress = () => {}) {
  const opened = await open(source, RESOURCES_FILE);
  const size = sizeOf(opened);
  if (opened instanceof Uint8Array || opened instanceof ArrayBuffer) return { from: opened, size };
  const meter = new Meter(RESOURCES_FILE, size, onProgress);
  if (!("read" in opened)) return { from: streamOf(opened).pipeThrough(meter.counter()), size };
  return {
    size,
    from: {
      size,
      async read(into) {
        const got = await opened.read(into);
        meter.add(got);
        return got;
      },
    },
  };
}

/**
 * @param {ByteSource} source
 * @param {string} file
 * @returns {Promise<ArchiveSource>}
 */
async function open(source, file) {
  return typeof source === "string" || source instanceof URL ? fetchAsset(source, file) : source;
}

/**
 * The length of a source, 0 where it is not known.
 *
 * @param {ArchiveSource} source
 */
function sizeOf(source) {
  if (source instanceof Uint8Array || source instanceof ArrayBuffer) return source.byteLength;
  if (source instanceof ReadableStream) return 0;
  if (!(source instanceof Response)) return source.size;
  // With an encoding, the length is that of the encoded bytes, which are not what is counted.
  if (source.headers.get("content-encoding") !== null) return 0;
  return Number(source.headers.get("content-length") ?? 0);
}

/**
 * @param {Blob | Response | ReadableStream<Uint8Array>} source
 * @returns {ReadableStream<Uint8Array>}
 */
function streamOf(source) {
  if (source instanceof Blob) return source.stream();
  return source instanceof Response
    ? /** @type {ReadableStream<Uint8Array>} */ (source.body)
    : source;
}

/** Counts bytes and tells how many have come. */
class Meter {
  loaded = 0;
  #told = 0;

  /**
   * @param {string} file
   * @param {number} total
   * @param {OnProgress} onProgress
   */
  constructor(file, total, onProgress) {
    this.file = file;
    this.total = total;
    this.onProgress = onProgress;
  }

  /** @param {number} bytes */
  add(bytes) {
    this.loaded += bytes;
    if (bytes > 0 && this.loaded < this.total && performance.now() - this.#told < TELL_EVERY)
      return;
    this.#told = performance.now();
    const total = Math.max(this.total, bytes === 0 ? this.loaded : 0);
    this.onProgress({ phase: "download", file: this.file, loaded: this.loaded, total });
  }

  /** A stream that passes everything on and counts it. */
  counter() {
    return /** @type {TransformStream<Uint8Array, Uint8Array>} */ (
      new TransformStream({
        transform: (chunk, controller) => {
          this.add(chunk.length);
          controller.enqueue(chunk);
        },
        flush: () => this.add(0),
      })
    );
  }
}

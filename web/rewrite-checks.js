/**
 * Programs with countdown checks: the engine's rewriter (rewrite.wasm) as turns.js uses it. What takes long is done in a worker of
 * its own (rewrite-worker.js), where the host has workers, so that the system goes on meanwhile.
 */

import { compileAsset } from "./assets.js";
import { NidusError } from "./errors.js";

/** What core/wasm/rewrite.c says of itself. */
const VERSION = 2;
/** The size of its `struct nidus_rewritten`. */
const MADE_BYTES = 20;
/** Larger modules are left as they are: bytes. */
export const LARGEST = 1 << 26;
/** Larger ones than this are rewritten in a worker. */
const ASIDE = 1 << 20;
/** An instance of rewrite.wasm is kept for the next program if its memory has so many bytes at most. */
const KEPT_BYTES = 1 << 23;

/** @type {Promise<WebAssembly.Module> | null} */
let compiledRewriter = null;
/** @type {Record<string, (...numbers: number[]) => number> & {memory: WebAssembly.Memory} | null} */
let kept = null;

/** @param {import("./interp.js").EngineSource} [source] left out: the package's own file */
function loadRewriter(source) {
  const given = source?.() ?? new URL("./rewrite.wasm", import.meta.url);
  compiledRewriter ??= compileAsset(given, "rewrite.wasm");
  compiledRewriter.catch(() => (compiledRewriter = null));
  return compiledRewriter;
}

/**
 * A program with countdown checks.
 * @typedef {object} Rewritten
 * @property {Uint8Array<ArrayBuffer>} bytes
 * @property {Uint32Array} moved where its code went, as pairs of an old offset and a new one
 * @property {boolean} starts it has a start function, whose checks nobody answers
 */

/**
 * null where the program is to be left as it is.
 * @param {Uint8Array} bytes
 * @param {import("./interp.js").EngineSource} [source]
 * @returns {Promise<Rewritten | null>}
 */
export async function addChecks(bytes, source) {
  if (bytes.length > LARGEST) return null;
  const module = await loadRewriter(source);
  if (bytes.length > ASIDE && typeof Worker === "function") {
    const answer = await addAside(module, bytes);
    if (answer) return answer.rewritten;
  }
  return rewriteHere(module, bytes);
}

/**
 * @param {WebAssembly.Module} module
 * @param {Uint8Array} bytes
 * @returns {Promise<{rewritten: Rewritten | null} | null>} null: there is no such worker here
 */
function addAside(module, bytes) {
  return new Promise((resolve) => {
    /** @type {Worker | undefined} */
    let worker;
    const end = (/** @type {{rewritten: Rewritten | null} | null} */ answer) => {
      worker?.terminate();
      resolve(answer);
    };
    try {
      worker = new Worker(new URL("./rewrite-worker.js", import.meta.url), { type: "module" });
    } catch {
      // Browsers refuse the file of another origin.
      return end(null);
    }
    worker.onmessage = ({ data }) => end(data);
    worker.onerror = (event) => {
      event.preventDefault();
      end(null);
    };
    worker.postMessage({ module, bytes });
  });
}

/**
 * @param {WebAssembly.Module} module rewrite.wasm
 * @param {Uint8Array} bytes
 * @returns {Rewritten | null}
 */
export function rewriteHere(module, bytes) {
  kept ??= instantiateRewriter(module);
  const { memory, rewrite_room: room, rewrite_checks: rewrite, rewrite_release: release } = kept;
  let rewritten = null;
  try {
    const [at, out] = [room(bytes.length) >>> 0, room(MADE_BYTES) >>> 0];
    if (at && out) {
      new Uint8Array(memory.buffer).set(bytes, at);
      const answer = rewrite(at, bytes.length, out);
      if (answer) {
        const [from = 0, size = 0, , moved = 0, count = 0] = new Uint32Array(memory.buffer, out, 5);
        rewritten = {
          bytes: new Uint8Array(memory.buffer).slice(from, from + size),
          moved: new Uint32Array(memory.buffer, moved, 2 * count).slice(),
          starts: answer === 2,
        };
        release(from);
        release(moved);
      }
    }
    release(at);
    release(out);
  } catch {
    // This instance is not to be trusted any more, and the program is none the worse.
    kept = null;
  }
  if (memory.buffer.byteLength > KEPT_BYTES) kept = null;
  return rewritten;
}

/** @param {WebAssembly.Module} module rewrite.wasm */
function instantiateRewriter(module) {
  // What Emscripten's standalone C library asks of its host: that is told when its memory grows.
  const env = new Proxy({}, { get: () => () => 0 });
  const { exports } = new WebAssembly.Instance(module, { env });
  const rewriter = /** @type {NonNullable<typeof kept>} */ (exports);
  if (rewriter.rewrite_version?.() !== VERSION) {
    throw new NidusError(
      "NIDUS_ENGINE",
      "rewrite.wasm does not fit this host library; install both from one release.",
    );
  }
  return rewriter;
}

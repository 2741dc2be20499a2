/**
 * Getting the compiler and its headers and libraries: from addresses, bytes, files or what a page kept
 * of an earlier worker, with progress in bytes.
 *
 * Invariant: a compiler is compiled once for all systems of a thread that name the same source; a
 * failed attempt is forgotten, so that the next one tries again.
 */

import { compileAsset, explainCompileError, fetchAsset, notAModule } from "../assets.js";
import { NidusError } from "../errors.js";
import { Kernel } from "../kernel.js";
import { createRewriter } from "../rewrite.js";

/** @typedef {{size: number, read: (into: Uint8Array) => number | Promise<number>}} Reading */

/**
 * Where something comes from: an address, its bytes, a stream, or a reader of a known size.
 * @typedef {URL | string | import("../mounts.js").ArchiveSource} ByteSource
 */

/**
 * What of it is used.
 * @typedef {object} Opened
 * @property {number} [size]
 * @property {Reading["read"]} [read]
 * @property {Headers} [headers]
 * @property {ReadableStream<Uint8Array> | null} [body]
 * @property {() => ReadableStream<Uint8Array>} [stream]
 */

/**
 * @typedef {object} Progress
 * @property {"download" | "compile" | "mount"} phase
 * @property {string} file
 * @property {number} loaded bytes
 * @property {number} total bytes; 0 while it is not known
 */

/** @typedef {(progress: Progress) => void} OnProgress */
/** @typedef {(chunk: Uint8Array | undefined, put: (part: Uint8Array) => void) => void} Pass */

export const COMPILER_FILE = "llvm.core.wasm";
export const RESOURCES_FILE = "llvm-resources.tar";

/** Progress is told this often at most, in milliseconds. */
const TELL_EVERY = 50;
/** Read at a time where reading blocks the thread, so that progress can be told. */
const PIECE = 4 * 1024 * 1024;

/**
 * Compiled modules by address.
 * @type {Map<unknown, Promise<WebAssembly.Module>>}
 */
const byAddress = new Map();
/**
 * The same by object, for sources that have no address.
 * @type {WeakMap<object, Promise<WebAssembly.Module>>}
 */
const byObject = new WeakMap();

/**
 * An instance of toolchain.wasm, which is asked as the kernel is.
 *
 * @param {import("../assets.js").ModuleSource} [source] left out: the package's own file
 */
export async function loadTools(source = new URL("../toolchain.wasm", import.meta.url)) {
  const tools = new Kernel(
    await WebAssembly.instantiate(await compileAsset(source, "toolchain.wasm")),
  );
  tools.raw._initialize?.();
  return tools;
}

/**
 * The headers and the library of threads: the beginning of an archive.
 *
 * @param {Uint8Array<ArrayBuffer> | string | URL} [source] left out: the package's own file
 */
export async function loadThreads(source = new URL("../pthread.tar", import.meta.url)) {
  if (source instanceof Uint8Array) return source;
  return new Uint8Array(await (await fetchAsset(source, "pthread.tar")).arrayBuffer());
}

/**
 * Compiles the compiler, or gives the module that was compiled from this source before.
 *
 * @param {WebAssembly.Module | ByteSource} source
 * @param {Kernel} tools rewrite it on its way
 * @param {OnProgress} onProgress
 * @returns {Promise<WebAssembly.Module>}
 */
export async function loadCompiler(source, tools, onProgress) {
  if (source instanceof WebAssembly.Module) return source;
  const key = source instanceof URL ? source.href : source;
  // Each of the two takes what it is asked with.
  const compiled = /** @type {typeof byAddress} */ (typeof key === "string" ? byAddress : byObject);
  let module = compiled.get(key);
  if (module === undefined) {
    module = compile(source, onProgress, createRewriter(tools)).catch((error) => {
      // A build that cannot be rewritten is run as it is: each process gets an instance of its own.
      if (error.code === "ENOTSUP") return compile(source, onProgress);
      throw error;
    });
    compiled.set(key, module);
    module.catch(() => compiled.delete(key));
  }
  return module;
}

/**
 * Compiles the compiler while it arrives.
 *
 * @param {ByteSource} source
 * @param {OnProgress} onProgress
 * @param {ReturnType<typeof createRewriter>} [rewriter]
 */
async function compile(source, onProgress, rewriter) {
  let loaded = 0;
  /** @type {unknown} what a host may tell in words of its own */
  let wrong;
  try {
    const { from } = await open(source, COMPILER_FILE, onProgress, (chunk, put) => {
      try {
        const found = chunk && loaded === 0 ? notAModule(chunk) : null;
        if (found !== null) {
          throw unfit(COMPILER_FILE, `is ${found}, not a WebAssembly module`);
        }
        loaded += chunk?.length ?? 0;
        (rewriter?.push ?? passOn)(chunk, put);
      } catch (error) {
        wrong = error;
        throw error;
      }
    });
    const headers = { "content-type": "application/wasm" };
    const module = await WebAssembly.compileStreaming(new Response(from, { headers }));
    onProgress({ phase: "compile", file: COMPILER_FILE, loaded, total: loaded });
    return module;
  } catch (error) {
    const cause = wrong ?? error;
    throw cause instanceof NidusError ? cause : explainCompileError(cause, COMPILER_FILE);
  } finally {
    rewriter?.close();
  }
}

/** What comes is passed on as it is. @type {Pass} */
const passOn = (chunk, put) => void (chunk && put(chunk));

/**
 * The error for a file that is not what it should be.
 *
 * @param {string} file
 * @param {string} how
 */
export function unfit(file, how) {
  return new NidusError(
    "NIDUS_ASSET",
    `${file} ${how}; serve gen/${file} of @yowasp/clang at that address.`,
  );
}

/**
 * Opens a source: its length, 0 where it is not known, and its bytes, of which is told as they come. Nobody
 * who reads them is slower than where they come from, so they are not held back.
 *
 * @param {ByteSource} source
 * @param {string} file
 * @param {OnProgress} onProgress
 * @param {Pass} [pass] what becomes of them; called once more at the end
 * @returns {Promise<{size: number, from: ReadableStream<Uint8Array<ArrayBuffer>>}>}
 */
export async function open(source, file, onProgress, pass = passOn) {
  const opened = /** @type {Opened} */ (
    typeof source === "string" || source instanceof URL
      ? await fetchAsset(source, file)
      : source instanceof Uint8Array || source instanceof ArrayBuffer
        ? new Blob([/** @type {BlobPart} */ (source)])
        : source
  );
  const { headers } = opened;
  // With an encoding, the length is that of the encoded bytes, which are not what is counted.
  const length = headers?.has("content-encoding") ? 0 : headers?.get("content-length");
  const size = opened.size ?? Number(length ?? 0);
  const stream = /** @type {ReadableStream<Uint8Array>} */ (
    opened.stream?.() ?? opened.body ?? opened
  );
  const reader = opened.read ? null : stream.getReader();
  let loaded = 0;
  const next = async () => {
    if (reader) return (await reader.read()).value;
    const piece = new Uint8Array(Math.min(PIECE, size - loaded));
    const got = piece.length && (await opened.read?.(piece));
    return got ? piece.subarray(0, got) : undefined;
  };
  return {
    size,
    from: new ReadableStream({
      async start(controller) {
        let told = 0;
        let toldAt = 0;
        /** @type {Uint8Array | undefined} */
        let chunk;
        try {
          do {
            chunk = await next();
            loaded += chunk?.length ?? 0;
            const now = performance.now();
            if (loaded > told && (!chunk || now - toldAt > TELL_EVERY)) {
              [told, toldAt] = [loaded, now];
              onProgress({ phase: "download", file, loaded, total: chunk ? size : loaded });
            }
            pass(chunk, (part) =>
              controller.enqueue(/** @type {Uint8Array<ArrayBuffer>} */ (part)),
            );
          } while (chunk);
          controller.close();
        } finally {
          // Whoever reads may have given up.
          reader?.cancel().catch(() => {});
        }
      },
    }),
  };
}

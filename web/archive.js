/**
 * A tree as a tar archive in a stream, and back. archive.wasm, a part of the kernel that comes later, writes and
 * reads the archive (tar.h); this file moves its pieces, between the kernel and a stream (`createArchives`), and where
 * the stream is in the page and the kernel in a worker, across (`exportTo`, `importFrom`). Loaded when it is first
 * used.
 */

import { compileAsset } from "./assets.js";
import { NidusError } from "./errors.js";
import { Kernel } from "./kernel.js";
import { ARCHIVE_PIECE } from "./limits.js";

/** @typedef {"export_begin" | "export_next" | "export_end" | "import_begin" | "import_take" | "import_finish" | "import_end"} StepName */
/**
 * One step of an export or import, which has a number of its own: `begin` is given a path, `take` bytes;
 * `next` answers bytes, none at the end.
 * @typedef {(name: StepName, id: number, value?: string | Uint8Array) => Promise<Uint8Array>} Step
 */
/** @typedef {ReadableStream<Uint8Array> | Blob | Response | Uint8Array | ArrayBuffer} TarSource */

/** Never used again, also not with the worker that takes another's place. */
let lastId = 0;

/**
 * An instance of archive.wasm in the memory of a kernel, asked as the kernel is.
 * @param {Kernel} kernel
 * @param {import("./interp.js").EngineSource} [source] left out: the package's own file
 */
async function loadArchives(kernel, source = () => new URL("./archive.wasm", import.meta.url)) {
  const { raw, memory, table } = kernel;
  const module = await compileAsset(
    source(),
    "archive.wasm",
    kernel.shared ? takeShared : undefined,
  );
  const instance = await WebAssembly.instantiate(module, { kernel: raw, env: { ...raw, memory } });
  const archives = new Kernel(instance, memory);
  // What the kernel's files do stands in its table, at places that never change.
  archives.table.grow(Math.max(0, table.length - archives.table.length));
  for (let i = 1; i < table.length; i++) archives.table.set(i, table.get(i));
  archives.raw._initialize?.();
  return archives;
}

/**
 * Lets the module take its memory for a shared one: in its import, that is one bit.
 * @param {Uint8Array} bytes
 */
function takeShared(bytes) {
  const shared = 2;
  const name = [3, ...new TextEncoder().encode("env"), 6, ...new TextEncoder().encode("memory"), 2];
  const at = bytes.findIndex((_, i) => name.every((byte, j) => bytes[i + j] === byte));
  bytes[at + name.length] |= shared;
}

/**
 * Takes the steps in a system.
 * @param {Pick<import("./system.js").System, "kernel" | "settle" | "archives">} system
 * @returns {Promise<Step>}
 */
export async function createArchives(system) {
  const archives = await loadArchives(system.kernel, system.archives);
  /** @type {Map<number, number>} the kernel's handles */
  const handles = new Map();
  return async (name, id, value = new Uint8Array()) => {
    const which = `nidus_${name}`;
    if (typeof value === "string") {
      const { kernel } = system;
      const begin = () => archives.ask(which, [value], kernel.raw.nidus_system());
      handles.set(id, kernel.together(begin)[0]);
      return new Uint8Array();
    }
    const handle = handles.get(id);
    const ends = name.endsWith("end");
    if (ends) handles.delete(id);
    if (handle === undefined) {
      if (ends) return value;
      throw new NidusError(
        "ECANCELED",
        "The export or import was interrupted: the system had to be started anew meanwhile; begin again.",
      );
    }
    for (let at = 0; ;) {
      try {
        const piece = value.subarray(at, at + ARCHIVE_PIECE);
        const step = () => archives.request(which, [piece], handle);
        const [taken, given] = system.kernel.together(step);
        at += taken;
        if (name !== "import_take" || at >= value.length) return given;
      } catch (error) {
        const coming = /** @type {NidusError} */ (error).code === "EAGAIN" && system.settle();
        if (!coming) throw error;
        await coming;
      }
    }
  };
}

/**
 * Writes the archive of a tree.
 * @param {Step} step
 * @param {string} path a folder
 * @param {WritableStream<Uint8Array>} to is ended, or aborted with what went wrong
 */
export async function exportTo(step, path, to) {
  const id = ++lastId;
  const writer = to.getWriter();
  try {
    await step("export_begin", id, path);
    for (let piece; (piece = await step("export_next", id)).length > 0;) {
      await writer.ready;
      await writer.write(piece);
    }
    await writer.close();
  } catch (error) {
    await writer.abort(error).catch(() => {});
  } finally {
    await step("export_end", id).catch(() => {});
  }
}

/**
 * Makes the files of an archive.
 * @param {Step} step
 * @param {string} path the folder they are put into
 * @param {TarSource} source
 */
export async function importFrom(step, path, source) {
  const id = ++lastId;
  const stream =
    source instanceof ReadableStream
      ? source
      : (source instanceof Response ? source : new Response(/** @type {BodyInit} */ (source))).body;
  const reader = /** @type {ReadableStream<Uint8Array>} */ (stream).getReader();
  try {
    await step("import_begin", id, path);
    for (let value; ({ value } = await reader.read()).value;) await step("import_take", id, value);
    await step("import_finish", id);
  } catch (error) {
    await reader.cancel(error).catch(() => {});
    throw error;
  } finally {
    await step("import_end", id).catch(() => {});
  }
}

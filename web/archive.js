/**
 * A tree as a tar archive in a stream, and back. The kernel writes and reads the archive (tar.h); this file
 * moves its pieces, between a kernel and a stream (`createArchives`), and where the stream is in the page
 * and the kernel in a worker, across (`exportTo`, `importFrom`). Loaded when it is first used.
 */

import { NidusError } from "./errors.js";
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
 * Takes the steps in a system.
 * @param {Pick<import("./system.js").System, "kernel" | "settle">} system
 * @returns {Step}
 */
export function createArchives(system) {
  const { kernel } = system;
  /** @type {Map<number, number>} the kernel's handles */
  const handles = new Map();
  return async (name, id, value = new Uint8Array()) => {
    const which = `nidus_${name}`;
    if (typeof value === "string") {
      handles.set(id, kernel.ask(which, [value])[0]);
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
        const [taken, given] = kernel.request(which, [piece], handle);
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

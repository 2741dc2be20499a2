/**
 * What mounts are made from: archives, read straight into kernel memory.
 */

/**
 * A tar archive: its bytes, a stream or response, or a reader of a known size that fills what it is
 * given and answers the number of bytes.
 * @typedef {Uint8Array | ArrayBuffer | Blob | Response | ReadableStream<Uint8Array>
 *   | {size: number, read: (into: Uint8Array) => number | Promise<number>}} ArchiveSource
 */

/** What is allocated first for an archive whose size is not known. */
const FIRST_GUESS = 4 * 1024 * 1024;

/**
 * Reads an archive into kernel memory; the address and length that come back belong to the mount to be
 * made.
 * @param {import("./kernel.js").Kernel} kernel
 * @param {ArchiveSource} source
 * @param {number} [size] if known
 * @returns {Promise<[number, number]>}
 */
export async function loadArchive(kernel, source, size) {
  const own = /** @type {{size?: number, byteLength?: number}} */ (source);
  let capacity = size || own.size || own.byteLength || FIRST_GUESS;
  let ptr = kernel.alloc(capacity);
  let length = 0;
  try {
    if ("read" in source) {
      let got;
      do {
        got = await source.read(kernel.u8().subarray(ptr + length, ptr + capacity));
        length += got;
      } while (got > 0 && length < capacity);
      return [ptr, length];
    }
    const response =
      source instanceof Response ? source : new Response(/** @type {BodyInit} */ (source));
    const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
    for (;;) {
      const { value } = await reader.read();
      if (!value) return [ptr, length];
      if (length + value.length > capacity) {
        capacity = Math.max(capacity * 2, length + value.length);
        ptr = kernel.alloc(capacity, ptr);
      }
      kernel.u8().set(value, ptr + length);
      length += value.length;
    }
  } catch (error) {
    kernel.free(ptr);
    throw error;
  }
}

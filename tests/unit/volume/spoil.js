/**
 * Logs of volumes that contradict themselves, made from whole ones by leaving records out (wasi-polyfill/src/volume_log.h).
 */

import { openImage } from "../../../web/image-module.js";

const HEADER = 32;
const RECORD = 12;

/** Types of records. */
export const INODE = 1;
export const ENTRY = 2;

/**
 * A record of a log: of an ENTRY, `name` is what the folder `ino` has in it.
 * @typedef {{type: number, ino: number, name: string}} LogRecord
 */

/**
 * The segments of a log without the records that `drops` says.
 * @param {Uint8Array[]} segments
 * @param {(record: LogRecord) => boolean} drops
 */
export function leaveOut(segments, drops) {
  return segments.map((segment) => {
    const view = new DataView(segment.buffer, segment.byteOffset, segment.length);
    const kept = [segment.slice(0, HEADER)];
    for (let at = HEADER, end; at < segment.length; at = end) {
      const head = view.getUint32(at, true);
      end = at + RECORD + (head >>> 8);
      const type = head & 255;
      const ino = Number(view.getBigUint64(at + 4, true));
      const name = type === ENTRY ? new TextDecoder().decode(segment.subarray(at + 20, end)) : "";
      if (!drops({ type, ino, name })) kept.push(segment.slice(at, end));
    }
    return new Uint8Array(Buffer.concat(kept));
  });
}

/**
 * Leaves records out of the log of an image.
 * @param {WebAssembly.Module} module image.wasm
 * @param {import("../../../web/image-module.js").BlockDevice} device is closed then
 * @param {(record: LogRecord) => boolean} drops
 */
export async function spoilImage(module, device, drops) {
  const image = await openImage(module, device, "test", 0);
  for (const segment of leaveOut(image.log(), drops)) image.putSegment(segment);
  const result = image.commit(true);
  if (result < 0) throw image.failure(result, "spoil");
  image.close();
  device.close();
}

/**
 * A device in memory: its bytes, and calls that `fails` may let answer EIO.
 * @param {Uint8Array} [bytes]
 */
export function memoryDevice(bytes = new Uint8Array()) {
  const own = {
    bytes: Uint8Array.from(bytes),
    /** @type {(call: "read" | "write" | "flush") => boolean} */
    fails: () => false,
    /** @type {import("../../../web/image-module.js").BlockDevice} */
    device: {
      read(into, at) {
        if (own.fails("read") || at + into.length > own.bytes.length) return -29;
        into.set(own.bytes.subarray(at, at + into.length));
        return 0;
      },
      write(from, at) {
        if (own.fails("write")) return -29;
        if (at + from.length > own.bytes.length) this.truncate(at + from.length);
        own.bytes.set(from, at);
        return 0;
      },
      flush: () => (own.fails("flush") ? -29 : 0),
      size: () => own.bytes.length,
      truncate(size) {
        const { bytes: before } = own;
        own.bytes = new Uint8Array(size);
        own.bytes.set(before.subarray(0, size));
        return 0;
      },
      close: () => 0,
    },
  };
  return own;
}

/**
 * Volumes of schema 1, which had an IndexedDB record for each inode (`inode`: number -> bytes) and each name
 * (`dirent`: [parent, name] -> number), become a log, in the transaction that upgrades the database: whatever ends it,
 * the volume is as it was. Chunks stay as they are, but for those of small files, which are inline now always.
 *
 * The bytes are those of wasi-polyfill/src/volume_log.h and volume_record.c. What they say is not checked here: the
 * kernel does, when it loads the log.
 */

import { concat } from "./streams.js";

const INODE = 1;
const ENTRY = 2;
const CHUNKS = 5;
const CHECKPOINT = 1;
const LAST = 2;
const SEGMENT_SIZE = 1 << 20;
/** Bytes of an inode's record: whether contents follow it, how many, and the size of the file. */
const INLINE = 2;
const INLINE_LENGTH = 12;
const SIZE = 16;
const RECORD_SIZE = 64;
const INLINE_LIMIT = 4096;

/** @type {import("./database.js").Migration} */
export async function migrate(db, tx) {
  /** @type {(store: string, what: "getAll" | "getAllKeys") => Promise<any[]>} */
  const all = (name, what) => result(tx.objectStore(name)[what]());
  const chunk = tx.objectStore("chunk");
  const [inos, inodes, names, children, chunks] = await Promise.all([
    all("inode", "getAllKeys"),
    all("inode", "getAll"),
    all("dirent", "getAllKeys"),
    all("dirent", "getAll"),
    all("chunk", "getAllKeys"),
  ]);
  /** @type {Uint8Array[][]} records by segment */
  const segments = [[]];
  let size = 0;
  /** @type {(type: number, ino: number, numbers: [number, 4 | 8][], bytes?: Uint8Array) => void} */
  const add = (type, ino, numbers, bytes = new Uint8Array(0)) => {
    const parts = [];
    const length = numbers.reduce((sum, [, width]) => sum + width, bytes.length);
    for (const [number, width] of /** @type {typeof numbers} */ ([
      [length * 256 + type, 4],
      [ino, 8],
      ...numbers,
    ])) {
      parts.push(littleEndian(number, width));
    }
    const record = concat([...parts, bytes]);
    if ((size += record.length) > SEGMENT_SIZE - 32) size = segments.push([]) && record.length;
    segments.at(-1)?.push(record);
  };

  const small = new Set();
  for (const [i, ino] of inos.entries()) {
    let record = /** @type {Uint8Array} */ (inodes[i]);
    const view = new DataView(record.buffer, record.byteOffset);
    const length = Number(view.getBigUint64(SIZE, true));
    if (record[1] === 4 && !record[INLINE] && length <= INLINE_LIMIT) {
      small.add(ino);
      const whole = new Uint8Array(RECORD_SIZE + length);
      whole.set(record);
      whole.set((await result(chunk.get([ino, 0]))) ?? [], RECORD_SIZE);
      whole[INLINE] = 1;
      whole.set(littleEndian(length, 4), INLINE_LENGTH);
      record = whole;
      chunk.delete(IDBKeyRange.bound([ino], [ino, []]));
    }
    add(INODE, ino, [], record);
  }
  for (const [ino, index] of chunks) {
    if (!small.has(ino)) add(CHUNKS, ino, [[index, 8], [1, 4]]); // prettier-ignore
  }
  for (const [i, [parent, name]] of names.entries()) {
    add(ENTRY, parent, [[children[i], 8]], new TextEncoder().encode(name));
  }
  const log = tx.objectStore("log");
  // Without an inode it is a volume that was never written.
  for (const [part, records] of inos.length > 0 ? segments.entries() : []) {
    const flags = CHECKPOINT | (part === segments.length - 1 ? LAST : 0);
    const head = [[0x4c44494e, 4], [1 + 256 * flags, 4], [1, 8], [0, 8], [part, 4], [0, 4]]; // prettier-ignore
    log.add(concat([...head.map(([n, width]) => littleEndian(n ?? 0, width ?? 0)), ...records]));
  }
  db.deleteObjectStore("inode");
  db.deleteObjectStore("dirent");
}

/** @param {number} number @param {number} width */
function littleEndian(number, width) {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(number), true);
  return bytes.subarray(0, width);
}

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
function result(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

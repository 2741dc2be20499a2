/**
 * Counts what a thread hands to IndexedDB: a module to load before the code that is watched. In a worker the
 * page reads the count, and sets it to zero, by `takeCount` over a channel.
 */

/** @typedef {{puts: number, deletes: number, bytes: number}} Count */

const CHANNEL = "idbfs-count";
/** @type {Count} */
let count = { puts: 0, deletes: 0, bytes: 0 };

/**
 * What a value or key takes in a store, headers aside. A view counts as the whole of what it views: that is
 * what is cloned.
 * @param {unknown} value
 * @returns {number}
 */
export function sizeOf(value) {
  if (ArrayBuffer.isView(value)) return value.buffer.byteLength;
  if (value instanceof ArrayBuffer) return value.byteLength;
  if (typeof value === "string") return value.length;
  if (value === null || typeof value !== "object" || value instanceof Date) return 8;
  return Object.entries(value).reduce(
    (sum, [name, part]) => sum + (Array.isArray(value) ? 0 : name.length) + sizeOf(part),
    0,
  );
}

const { put, add, delete: remove } = IDBObjectStore.prototype;

/** @param {typeof put} original @returns {typeof put} */
const counted = (original) =>
  function (value, key) {
    count.puts += 1;
    count.bytes += sizeOf(value) + sizeOf(key ?? null);
    return original.call(this, value, key);
  };

Object.assign(IDBObjectStore.prototype, {
  put: counted(put),
  add: counted(add),
  /** @this {IDBObjectStore} @param {IDBValidKey | IDBKeyRange} key */
  delete(key) {
    count.deletes += 1;
    return remove.call(this, key);
  },
});

function take() {
  const taken = count;
  count = { puts: 0, deletes: 0, bytes: 0 };
  return taken;
}

if (!("document" in globalThis)) {
  const channel = new BroadcastChannel(CHANNEL);
  channel.onmessage = ({ data }) => data === "take" && channel.postMessage(take());
}

/**
 * This thread's count, or that of the one worker that counts.
 * @param {boolean} ofWorker
 * @returns {Promise<Count>}
 */
export function takeCount(ofWorker) {
  if (!ofWorker) return Promise.resolve(take());
  const channel = new BroadcastChannel(CHANNEL);
  return new Promise((resolve) => {
    channel.onmessage = ({ data }) => {
      channel.close();
      resolve(data);
    };
    channel.postMessage("take");
  });
}

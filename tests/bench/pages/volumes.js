// The page's half of the volumes bench: the same job on two file systems that live in IndexedDB.
// Every step ends when the data is stored, or can be read again.

const FILES = 200;
const SMALL = 1024;
const LARGE = 10 * 2 ** 20;

/**
 * A file system of which each is a new mount of the same stored data.
 *
 * @typedef {object} Store
 * @property {(path: string, bytes: Uint8Array) => Promise<void>} write
 * @property {(path: string) => Promise<Uint8Array>} read
 * @property {() => Promise<void>} flush
 * @property {() => Promise<void>} close
 * @typedef {(name: string) => Promise<Store>} Open
 */

/** @type {Record<string, Open>} */
const stores = {
  async nidus(name) {
    const { Nidus } = await import("../../../web/nidus.js");
    const system = await Nidus.boot({ volume: `idb:${name}` });
    return {
      write: (path, bytes) => system.fs.writeFile(`/home/${path}`, bytes),
      async read(path) {
        return /** @type {Uint8Array} */ (await system.fs.readFile(`/home/${path}`));
      },
      flush: () => system.flush(),
      close: () => system.close(),
    };
  },

  async idbfs(name) {
    // Made by the bench with emcc; there is nothing to import before.
    const path = "../../../build/bench/idbfs.mjs";
    const { default: start } = await import(path);
    const { FS } = await start();
    FS.mkdir(`/${name}`);
    FS.mount(FS.filesystems.IDBFS, {}, `/${name}`);
    /** @param {boolean} populate */
    const sync = (populate) =>
      /** @type {Promise<void>} */ (
        new Promise((resolve, reject) =>
          FS.syncfs(populate, (/** @type {unknown} */ error) =>
            error ? reject(error) : resolve(),
          ),
        )
      );
    await sync(true);
    return {
      write: async (path, bytes) => FS.writeFile(`/${name}/${path}`, bytes),
      read: async (path) => FS.readFile(`/${name}/${path}`),
      flush: () => sync(false),
      async close() {
        FS.unmount(`/${name}`);
      },
    };
  },
};

/** @param {string} kind @param {string} name */
async function job(kind, name) {
  /** @type {Record<string, number>} */
  const times = {};
  let last = performance.now();
  /** @param {string} step */
  const lap = (step) => {
    const now = performance.now();
    times[step] = now - last;
    last = now;
  };
  const small = new Uint8Array(SMALL).fill(7);
  const large = new Uint8Array(LARGE).fill(9);
  const paths = Array.from({ length: FILES }, (_, i) => `file-${i}`);
  let store = await stores[kind](name);
  last = performance.now();
  await Promise.all(paths.map((path) => store.write(path, small)));
  await store.flush();
  lap(`store ${FILES} files of 1 KiB`);
  await store.write("file-7", new Uint8Array(SMALL).fill(8));
  await store.flush();
  lap("store one change");
  await store.write("large", large);
  await store.flush();
  lap("store a file of 10 MiB");
  large[5_000_000] = 1;
  last = performance.now();
  await store.write("large", large);
  await store.flush();
  lap("store it again");
  await store.close();
  last = performance.now();
  store = await stores[kind](name);
  lap("mount again");
  const read = await Promise.all(paths.map((path) => store.read(path)));
  const again = await store.read("large");
  lap("read all");
  await store.close();
  const whole = read.every((bytes, i) => bytes.length === SMALL && bytes[0] === (i === 7 ? 8 : 7));
  if (!whole || again.length !== LARGE || again[5_000_000] !== 1)
    throw new Error(`${kind} did not give back what was stored`);
  return times;
}

Object.assign(globalThis, { job });

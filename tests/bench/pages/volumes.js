// The page's half of the volumes bench: the same program (tests/idbfs/files.c) on two file systems that live
// in IndexedDB: as a guest of Nidus on a volume, and built by emcc on IDBFS.
import { sizeOf, takeCount } from "../../idbfs/count-puts.js";

/** @typedef {import("../../idbfs/count-puts.js").Count} Count */
/**
 * A mounted file system. `run` answers what the program printed.
 * @typedef {object} Files
 * @property {string} folder where it is mounted
 * @property {string} database
 * @property {boolean} inWorker
 * @property {(...args: string[]) => Promise<string>} run
 * @property {(path: string) => Promise<Uint8Array>} read
 * @property {(path: string, bytes: Uint8Array) => Promise<void>} write
 * @property {() => Promise<void>} save
 * @property {() => Promise<void>} close
 */
/** @typedef {{ms: number, mounted?: number, whole?: number, count?: Count, stored?: number}} Figures */

/**
 * @param {string} name
 * @param {ArrayBuffer} guest
 * @returns {Promise<Files>}
 */
async function nidus(name, guest) {
  const { Nidus } = await import("../../../web/nidus.js");
  const worker = new URL("volumes-worker.js", import.meta.url);
  const system = await Nidus.boot({
    volume: `idb:${name}`,
    assets: { worker: () => new Worker(worker, { type: "module" }) },
  });
  let there = false;
  return {
    folder: "/home",
    database: `nidus:${name}`,
    inWorker: true,
    async run(...args) {
      if (!there) await system.fs.writeFile("/tmp/files", new Uint8Array(guest), { mode: 0o755 });
      there = true;
      const { code, stdout, stderr } = await system.exec("/tmp/files", args);
      if (code !== 0) throw new Error(`files ${args.join(" ")}: ${stderr}`);
      return stdout;
    },
    read: (path) => system.fs.readFile(`/home/${path}`),
    write: (path, bytes) => system.fs.writeFile(`/home/${path}`, bytes),
    save: () => system.flush(),
    close: () => system.close(),
  };
}

/** @type {(path: string) => (name: string, guest: ArrayBuffer) => Promise<Files>} */
const idbfs = (path) => async (name) => {
  const { default: start } = await import(path);
  let printed = "";
  let synced = (/** @type {unknown} */ _error) => {};
  const program = await start({
    print: (/** @type {string} */ line) => (printed += `${line}\n`),
    printErr: (/** @type {string} */ line) => (printed += `${line}\n`),
    synced: (/** @type {unknown} */ error) => synced(error),
  });
  /** @param {string[]} args */
  const run = (...args) => {
    printed = "";
    const code = program.callMain(args);
    if (code !== 0) throw new Error(`files ${args.join(" ")}: ${printed}`);
    return printed;
  };
  /** @param {string} direction @returns {Promise<void>} */
  const sync = (direction) =>
    new Promise((resolve, reject) => {
      synced = (error) => (error ? reject(error) : resolve());
      run(direction);
    });
  run("mount", `/${name}`);
  await sync("load");
  return {
    folder: `/${name}`,
    database: `/${name}`,
    inWorker: false,
    run: async (...args) => run(...args),
    read: async (path) => program.FS.readFile(`/${name}/${path}`),
    write: async (path, bytes) => program.FS.writeFile(`/${name}/${path}`, bytes),
    save: () => sync("save"),
    async close() {
      program.FS.unmount(`/${name}`);
      program.FS.filesystems.IDBFS.dbs[`/${name}`].close();
    },
  };
};

/** What a database holds: its keys and values. @param {string} name @returns {Promise<number>} */
async function stored(name) {
  /** @type {<T>(request: IDBRequest<T>) => Promise<T>} */
  const result = (request) =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  const db = await result(indexedDB.open(name));
  let bytes = 0;
  for (const store of db.objectStoreNames) {
    const keys = await result(db.transaction(store).objectStore(store).getAllKeys());
    for (const key of keys) {
      const value = await result(db.transaction(store).objectStore(store).get(key));
      bytes += sizeOf(key) + sizeOf(value);
    }
  }
  db.close();
  return bytes;
}

/** @param {string} name @returns {Promise<void>} */
const remove = (name) =>
  new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(name);
    request.onsuccess = () => resolve();
    // A connection is still closing; the deletion follows.
    request.onblocked = () => resolve();
    request.onerror = () => reject(request.error);
  });

/** @param {() => Promise<unknown>} step */
async function timed(step) {
  const begin = performance.now();
  await step();
  return performance.now() - begin;
}

/**
 * One step of the bench on one kind of file system, each on a database of its own.
 * @type {Record<string, (open: (name: string) => Promise<Files>, name: string, numbers: number[]) => Promise<Figures>>}
 */
const steps = {
  /** New files: from when the program has made them until they are stored, and the whole. */
  async fill(open, name, [count, size]) {
    const files = await open(name);
    await files.run("check", files.folder, "0", "1");
    await files.save();
    await takeCount(files.inWorker);
    let printed = "";
    const whole = await timed(async () => {
      printed = await files.run("fill", `${files.folder}/new`, String(count), String(size));
      await files.save();
    });
    const figures = {
      ms: whole - Number(printed),
      whole,
      count: await takeCount(files.inWorker),
      stored: await stored(files.database),
    };
    await files.close();
    await remove(files.database);
    return figures;
  },

  /** One file changed among many, several times: the median. */
  async change(open, name, [count, size, rounds]) {
    const files = await open(name);
    await files.run("fill", `${files.folder}/new`, String(count), String(size));
    await files.save();
    await takeCount(files.inWorker);
    const times = [];
    for (let i = 0; i < rounds; i++) {
      // Another millisecond, so that IDBFS sees the change.
      await new Promise((resolve) => setTimeout(resolve, 5));
      const bytes = new Uint8Array(size).fill(65 + i);
      times.push(
        await timed(async () => {
          await files.write(`new/d050/f05000`, bytes);
          await files.save();
        }),
      );
    }
    const taken = await takeCount(files.inWorker);
    const count1 = /** @type {Count} */ (
      Object.fromEntries(Object.entries(taken).map(([key, value]) => [key, value / rounds]))
    );
    await files.close();
    const again = await open(name);
    const [byte] = await again.read("new/d050/f05000");
    await again.close();
    if (byte !== 64 + rounds) throw new Error(`the last change was not stored: ${byte}`);
    await remove(files.database);
    times.sort((a, b) => a - b);
    return { ms: times[rounds >> 1], count: count1 };
  },

  /** Many files: from nothing until one has been read; `whole`: until all were checked. */
  async mount(open, name, [count, size]) {
    const before = await open(name);
    await before.run("fill", `${before.folder}/new`, String(count), String(size));
    await before.save();
    await before.close();
    /** @type {Files | undefined} */
    let files;
    let mounted = 0;
    const begin = performance.now();
    const ms = await timed(async () => {
      files = await open(name);
      mounted = performance.now() - begin;
      const bytes = await files.read("new/d070/f07001");
      if (bytes.length !== size) throw new Error("the first file has not its size");
    });
    const again = /** @type {Files} */ (/** @type {unknown} */ (files));
    await again.run("check", `${again.folder}/new`, String(count), String(size));
    const whole = performance.now() - begin;
    await again.close();
    await remove(again.database);
    return { ms, mounted, whole };
  },

  /** A file made by many small writes. */
  async append(open, name, [count, size]) {
    const files = await open(name);
    await files.save();
    await takeCount(files.inWorker);
    const ms = await timed(async () => {
      await files.run("append", `${files.folder}/log`, String(size), String(count));
      await files.save();
    });
    const taken = await takeCount(files.inWorker);
    await files.close();
    const bytes = await stored(files.database);
    await remove(files.database);
    return { ms, count: taken, stored: bytes };
  },
};

/**
 * @param {string | null} peer the module of the program built by emcc; null for Nidus
 * @param {string} step
 * @param {string} name of the database
 * @param {number[]} numbers
 * @returns {Promise<Figures>}
 */
async function job(peer, step, name, numbers) {
  const guest = await (await fetch("/guest/files.wasm")).arrayBuffer();
  const open = peer === null ? nidus : idbfs(`/${peer}`);
  return steps[step]((called) => open(called, guest), name, numbers);
}

Object.assign(globalThis, { job });

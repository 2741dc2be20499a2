// The WASI hosts of the system call bench, each behind the same two verbs, so that one guest can be
// run on all of them in turn. A host lives for the whole bench: what a guest writes stays there.
//
// Every peer is given its best case: the tree in memory (node:wasi: a folder on tmpfs where the
// machine has one), the guest's folder as its root, and a precise clock.
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/**
 * @typedef {object} Host
 * @property {string} name
 * @property {string} version
 * @property {(folder: string, count: number) => void | Promise<void>} fill makes a folder that holds
 *   exactly `count` empty files
 * @property {(module: WebAssembly.Module, args: string[]) => Promise<string>} run runs a command
 *   module and returns what it wrote to standard output; throws when it exits with another code than 0
 * @property {() => void | Promise<void>} close
 */

/** @param {number} i */
const fileName = (i) => `file-${String(i).padStart(6, "0")}`;

/**
 * @param {string} host
 * @param {number} code
 * @param {string[]} args
 * @param {string} stderr
 */
function checkExit(host, code, args, stderr = "") {
  if (code !== 0)
    throw new Error(`${host}: ${args.join(" ")} exited with ${code}. ${stderr.trim()}`.trim());
}

/**
 * The version of an installed package, found by walking up from its entry point.
 *
 * @param {string} name
 */
export function packageVersion(name) {
  const entry = createRequire(import.meta.url).resolve(name);
  for (let folder = dirname(entry); ; folder = dirname(folder)) {
    try {
      const found = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
      if (found.name === name) return String(found.version);
    } catch {
      // No package.json at this level: look further up.
    }
    if (folder === dirname(folder)) return "of unknown version";
  }
}

/** @returns {Promise<Host>} */
export async function browserWasiShim() {
  const shim = await import("@bjorn3/browser_wasi_shim");
  const name = "browser_wasi_shim";
  /** @type {Map<string, import("@bjorn3/browser_wasi_shim").Inode>} */
  const root = new Map();
  return {
    name,
    version: packageVersion("@bjorn3/browser_wasi_shim"),
    fill(folder, count) {
      /** @type {Map<string, import("@bjorn3/browser_wasi_shim").Inode>} */
      const files = new Map();
      for (let i = 0; i < count; i++) files.set(fileName(i), new shim.File([]));
      root.set(folder, new shim.Directory(files));
    },
    async run(module, args) {
      let out = "";
      let err = "";
      const text = new TextDecoder();
      const wasi = new shim.WASI(
        ["guest", ...args],
        [],
        [
          new shim.OpenFile(new shim.File([])),
          new shim.ConsoleStdout((bytes) => void (out += text.decode(bytes))),
          new shim.ConsoleStdout((bytes) => void (err += text.decode(bytes))),
          new shim.PreopenDirectory("/", root),
        ],
        { debug: false },
      );
      const instance = await WebAssembly.instantiate(module, {
        wasi_snapshot_preview1: wasi.wasiImport,
      });
      const code = wasi.start(
        /** @type {Parameters<typeof wasi.start>[0]} */ (/** @type {unknown} */ (instance)),
      );
      checkExit(name, code, args, err);
      return out;
    },
    close() {},
  };
}

/** @returns {Promise<Host>} */
export async function runno() {
  const { WASI } = await import("@runno/wasi");
  const name = "@runno/wasi";
  /** @type {import("@runno/wasi").WASIFS} */
  let tree = {};
  return {
    name,
    version: packageVersion(name),
    fill(folder, count) {
      const now = new Date();
      const timestamps = { access: now, modification: now, change: now };
      tree = Object.fromEntries(
        Array.from({ length: count }, (_, i) => {
          const path = `/${folder}/${fileName(i)}`;
          return [path, { path, timestamps, mode: "binary", content: new Uint8Array() }];
        }),
      );
    },
    async run(module, args) {
      let out = "";
      let err = "";
      const wasi = new WASI({
        args: ["guest", ...args],
        stdout: (text) => void (out += text),
        stderr: (text) => void (err += text),
        fs: tree,
      });
      const imports = wasi.getImportObject();
      /** @type {WebAssembly.Instance | undefined} */
      let instance;
      // Its own clock counts whole milliseconds, too coarse for the guest's short batches.
      Object.assign(imports.wasi_snapshot_preview1, {
        clock_time_get(
          /** @type {number} */ _id,
          /** @type {bigint} */ _precision,
          /** @type {number} */ out,
        ) {
          const memory = /** @type {WebAssembly.Memory} */ (instance?.exports.memory);
          new DataView(memory.buffer).setBigUint64(out, process.hrtime.bigint(), true);
          return 0;
        },
      });
      instance = await WebAssembly.instantiate(module, imports);
      checkExit(name, wasi.start({ instance, module }).exitCode, args, err);
      return out;
    },
    close() {
      tree = {};
    },
  };
}

/** @returns {Promise<Host>} */
export async function nodeWasi() {
  const { WASI } = await import("node:wasi");
  const base = isFolder("/dev/shm") ? "/dev/shm" : tmpdir();
  const folder = mkdtempSync(join(base, "nidus-bench-"));
  const home = join(folder, "home");
  mkdirSync(home);
  return {
    name: "node:wasi",
    version: `of Node ${process.version}, its folder in ${base}`,
    fill(name, count) {
      rmSync(join(home, name), { recursive: true, force: true });
      mkdirSync(join(home, name));
      for (let i = 0; i < count; i++) writeFileSync(join(home, name, fileName(i)), "");
    },
    async run(module, args) {
      // node:wasi writes to descriptors of this process, so its output goes through files.
      const out = join(folder, "stdout");
      const err = join(folder, "stderr");
      const stdout = openSync(out, "w");
      const stderr = openSync(err, "w");
      const wasi = new WASI({
        version: "preview1",
        args: ["guest", ...args],
        preopens: { "/": home },
        returnOnExit: true,
        stdout,
        stderr,
      });
      try {
        const instance = await WebAssembly.instantiate(
          module,
          /** @type {WebAssembly.Imports} */ (wasi.getImportObject()),
        );
        checkExit("node:wasi", wasi.start(instance) ?? 0, args, readFileSync(err, "utf8"));
      } finally {
        closeSync(stdout);
        closeSync(stderr);
      }
      return readFileSync(out, "utf8");
    },
    close() {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** @param {string} path */
function isFolder(path) {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

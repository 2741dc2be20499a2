/**
 * `nidus/wasi` for browsers: `node:wasi`'s class, for pages and workers that bring their own instance.
 *
 * ```js
 * import { WASI, Volume } from "nidus/wasi";
 * const home = new Volume({ "in.txt": "some text" });
 * const wasi = new WASI({ version: "preview1", args: ["tool"], preopens: { "/home": home } });
 * const { instance } = await WebAssembly.instantiateStreaming(fetch("tool.wasm"), wasi.getImportObject());
 * const code = wasi.start(instance);
 * home.readText("out.txt");
 * ```
 *
 * The kernel is fetched and compiled when this module is imported, which is a top-level await: the
 * constructor of `node:wasi` is synchronous, and only so is changing a program's import line enough. It
 * is the one module of the package that does anything at its import.
 */

import { compileAsset } from "./assets.js";
import { NidusError } from "./errors.js";
import { Host } from "./host.js";
import { Kernel, instantiateKernel } from "./kernel.js";
import { BaseWASI, commonStream, createRealm } from "./wasi-class.js";
import { mustBeDescriptor, wrongType } from "./wasi-options.js";
import { Volume, setRealm } from "./wasi-volume.js";

/** @typedef {import("./wasi-class.js").WasiOptions} WasiOptions */
/** @typedef {import("./wasi-class.js").WasiInput} WasiInput */
/** @typedef {import("./wasi-class.js").WasiOutput} WasiOutput */
/** @typedef {import("./wasi-class.js").InstanceLike} InstanceLike */
/** @typedef {import("./wasi-volume.js").FileSystem} FileSystem */
/** @typedef {import("./tree.js").Tree} Tree */

export { NidusError, Volume };

const NAMES = /** @type {const} */ (["options.stdin", "options.stdout", "options.stderr"]);
/** The longest of one wait, in milliseconds. */
const LONGEST = 10_000;

const host = new Host();
const kernel = new Kernel(
  await instantiateKernel(
    await compileAsset(new URL("./kernel.wasm", import.meta.url), "kernel.wasm"),
    host,
  ),
);
kernel.boot(host);

const realm = createRealm(kernel, host, {
  mount(folder, name) {
    throw new NidusError(
      "ENOTSUP",
      `ENOTSUP: a browser has no folder ${folder} to be given to the program as ${name}: give a Volume, ` +
        `or its files as {path: contents}; what a system's fs holds is had by: await Volume.from(fs, path)`,
    );
  },
  stream(given, fd) {
    const common = commonStream(given, fd);
    if (common) return common;
    const number = given === undefined ? fd : given;
    mustBeDescriptor(number, NAMES[fd]);
    if (number !== fd) throw wrongType(NAMES[fd], `${fd}, or a function, in a browser`, number);
    return /** @type {import("./host.js").HostStream} */ (
      fd === 0 ? commonStream(new Uint8Array(0), 0) : toConsole(fd === 1 ? "log" : "error")
    );
  },
  wait(_stdin, _kinds, milliseconds) {
    sleep(Math.min(milliseconds, LONGEST));
  },
  exit: null,
});

setRealm(() => realm);

/**
 * Holds this thread up. Workers may wait; a page's main thread may not, and nothing but a look at the clock
 * over and over is left to it.
 * @param {number} milliseconds
 */
function sleep(milliseconds) {
  const end = performance.now() + milliseconds;
  try {
    const memory = new WebAssembly.Memory({ initial: 0, maximum: 1, shared: true });
    memory.grow(1);
    Atomics.wait(new Int32Array(memory.buffer), 0, 0, milliseconds);
  } catch {
    while (performance.now() < end);
  }
}

/**
 * Output by lines on the console; the last one is shown when it ends, or with the next.
 * @param {"log" | "error"} method
 */
function toConsole(method) {
  const decoder = new TextDecoder();
  let line = "";
  return {
    write(/** @type {Uint8Array} */ from) {
      const lines = (line + decoder.decode(from.slice(), { stream: true })).split("\n");
      line = lines.pop() ?? "";
      for (const each of lines) console[method](each);
      return from.length;
    },
    ready: () => 2,
    // The end of the program.
    close() {
      if (line !== "") console[method](line);
      line = "";
    },
  };
}

/** The class of `node:wasi`, on Nidus's kernel. */
export class WASI extends BaseWASI {
  /** @param {WasiOptions} options */
  constructor(options) {
    super(options, () => realm);
  }
}

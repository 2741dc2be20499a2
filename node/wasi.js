/**
 * `nidus/wasi` for Node: `node:wasi`'s class, synchronous from construction on. Changing the import line of a
 * program is enough:
 *
 * ```js
 * import { WASI } from "nidus/wasi"; // was: "node:wasi"
 * const wasi = new WASI({ version: "preview1", args: process.argv, preopens: { "/work": "." } });
 * const { instance } = await WebAssembly.instantiate(bytes, wasi.getImportObject());
 * const code = wasi.start(instance);
 * ```
 */

import { fstatSync } from "node:fs";
import { resolve } from "node:path";
import { NidusError } from "../web/errors.js";
import { Host } from "../web/host.js";
import { Kernel } from "../web/kernel.js";
import { BaseWASI, commonStream, createRealm } from "../web/wasi-class.js";
import { coded, mustBeDescriptor } from "../web/wasi-options.js";
import { Volume, setRealm } from "../web/wasi-volume.js";
import { kernelBytes } from "./assets.js";
import { HostFolders } from "./host.js";
import { FdInput, FdOutput, waitFor } from "./stdio.js";
import { listen } from "./wire.js";

/** @typedef {import("../web/wasi-class.js").WasiOptions} WasiOptions */
/** @typedef {import("../web/wasi-class.js").WasiInput} WasiInput */
/** @typedef {import("../web/wasi-class.js").WasiOutput} WasiOutput */
/** @typedef {import("../web/wasi-class.js").InstanceLike} InstanceLike */
/** @typedef {import("../web/wasi-volume.js").FileSystem} FileSystem */
/** @typedef {import("../web/tree.js").Tree} Tree */

export { NidusError, Volume, listen };

const NAMES = /** @type {const} */ (["options.stdin", "options.stdout", "options.stderr"]);

/** @type {import("../web/wasi-class.js").Realm | undefined} */
let realm;

/** The kernel of this thread, made when it is first needed. */
function open() {
  if (realm) return realm;
  const folders = new HostFolders();
  const host = new Host(folders.imports);
  const module = new WebAssembly.Module(kernelBytes());
  const kernel = new Kernel(new WebAssembly.Instance(module, { host: host.imports, env: {} }));
  kernel.boot(host);
  folders.attach(kernel);
  /** @type {Map<string, string>} */
  const mounted = new Map();
  return (realm = createRealm(kernel, host, {
    mount(folder, name) {
      const path = resolve(folder);
      const known = mounted.get(path) ?? `/folders/${mounted.size}`;
      if (mounted.has(path)) return known;
      try {
        kernel.ask("nidus_mount_host", [known], folders.add(path), 0);
      } catch (cause) {
        throw refusal(cause, `the folder ${folder} cannot be given to the program as ${name}`);
      }
      mounted.set(path, known);
      return known;
    },
    stream(given, fd) {
      const common = commonStream(given, fd);
      if (common) return common;
      const number = given === undefined ? fd : given;
      mustBeDescriptor(number, NAMES[fd]);
      try {
        fstatSync(number);
      } catch (cause) {
        throw refusal(cause, `${NAMES[fd]} is ${number}, which is not open`);
      }
      return fd === 0 ? new FdInput(number) : new FdOutput(number, () => {});
    },
    wait: (stdin, kinds, milliseconds) =>
      waitFor(stdin instanceof FdInput ? stdin : null, kinds, milliseconds),
    exit: (code) => process.exit(code),
  }));
}

setRealm(open);

/**
 * What the host refuses, with the code that `node:wasi` has for it.
 * @param {unknown} cause
 * @param {string} sentence
 */
function refusal(cause, sentence) {
  const { code = "EIO" } = /** @type {{code?: string}} */ (cause);
  return coded(new Error(`UVWASI_${code}, ${sentence}`, { cause }), `UVWASI_${code}`);
}

/** The class of `node:wasi`, on Nidus's kernel. */
export class WASI extends BaseWASI {
  /** @param {WasiOptions} options */
  constructor(options) {
    super(options, open);
  }
}

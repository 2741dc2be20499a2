// One conformance program in one of Nidus's peers: wasi-peer.js SETTING, which is JSON. The program's streams and
// exit status are those of this process.
import { readFileSync, writeSync } from "node:fs";

/** @typedef {{file: string, args: string[], env: Record<string, string>, folder: string, preopen: string}} Setting */

/** @param {Setting} setting @param {WebAssembly.Module} module */
async function nodeWasi({ args, env, folder, preopen }, module) {
  const { WASI } = await import("node:wasi");
  const preopens = { [preopen]: folder };
  const wasi = new WASI({
    version: "preview1",
    args: ["program", ...args],
    env,
    preopens,
    returnOnExit: true,
  });
  const imports = /** @type {WebAssembly.Imports} */ (wasi.getImportObject());
  return wasi.start(await WebAssembly.instantiate(module, imports));
}

/** Its tree is in memory, its standard input a file. @param {Setting} setting @param {WebAssembly.Module} module */
async function shim({ args, env, preopen }, module) {
  const { ConsoleStdout, File, OpenFile, PreopenDirectory, WASI } =
    await import("@bjorn3/browser_wasi_shim");
  /** @param {1 | 2} fd */
  const output = (fd) => new ConsoleStdout((bytes) => void writeSync(fd, bytes));
  const wasi = new WASI(
    ["program", ...args],
    Object.entries(env).map(([name, value]) => `${name}=${value}`),
    [
      new OpenFile(new File(readFileSync(0))),
      output(1),
      output(2),
      new PreopenDirectory(preopen, new Map()),
    ],
    { debug: false },
  );
  const instance = await WebAssembly.instantiate(module, {
    wasi_snapshot_preview1: wasi.wasiImport,
  });
  return wasi.start(/** @type {any} */ (instance));
}

const setting = JSON.parse(process.argv[2] ?? "{}");
const module = new WebAssembly.Module(readFileSync(setting.file));
process.exitCode = await (setting.host === "node:wasi" ? nodeWasi : shim)(setting, module);

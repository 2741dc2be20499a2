/**
 * engine.wasm itself: getting an instance of it, and giving its thread back between slices. What else
 * is known of it is in engine-abi.js, for `nidus/engine`, and in interp.js, for programs.
 */

import { NidusError } from "./errors.js";

/** What core/wasm/exports.c says of itself. */
const VERSION = 4;

/** @typedef {(...values: (number | bigint)[]) => number} EngineFunction */
/**
 * @typedef {Record<string, EngineFunction> & {
 *   memory: WebAssembly.Memory,
 *   engine_memory_pages(memory: number): bigint,
 *   engine_table_size(table: number): bigint,
 *   engine_run_fuel(run: number): bigint,
 *   engine_run_fuel_used(run: number): bigint,
 *   engine_run_exception(run: number): bigint,
 *   engine_exception_new(store: number, tag: number, values: number, count: number): bigint,
 * }} EngineExports
 */

/**
 * A fresh engine, whose memory is its own.
 * @param {WebAssembly.Module} module engine.wasm
 * @param {Record<string, (a: number, b: number, c: number, d: number, e: number) => number>} host those of its
 *   imports of module `host` that are going to be called
 * @returns {EngineExports}
 */
export function instantiateEngine(module, host) {
  const stub = () => 0;
  // What Emscripten's standalone C library asks of WASI: it never gets to use it.
  const stubs = new Proxy(host, { get: (own, name) => own[String(name)] ?? stub });
  const { exports } = new WebAssembly.Instance(module, {
    host: stubs,
    wasi_snapshot_preview1: stubs,
    env: stubs,
  });
  const engine = /** @type {EngineExports} */ (/** @type {unknown} */ (exports));
  engine._initialize?.();
  if (engine.engine_version?.() !== VERSION) {
    throw new NidusError(
      "NIDUS_ENGINE",
      "engine.wasm does not fit this host library; install both from one release.",
    );
  }
  return engine;
}

/** The host's event loop has a turn: timers, input, rendering. Not a timer: those wait 4 ms in pages. */
export function turn() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve(undefined);
    };
    port2.postMessage(null);
  });
}

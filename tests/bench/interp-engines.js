// The two shapes of an engine in the interpreter bench, Nidus or peer:
//
//   NAME        a native program: `NAME guest.wasm N ROUNDS` loads the module, calls its export
//               `run(N)` ROUNDS times and prints a line "checksum nanoseconds" for each
//   NAME.wasm   a module (WASI reactor or none at all) that exports its memory, `peer_alloc(size)`,
//               `peer_start(bytes, length)` (0: loaded) and `peer_call(N)` (the checksum as f64)
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/**
 * One engine with one guest loaded. `sample` calls `run(n)` once more and answers its checksum and
 * the nanoseconds it took.
 *
 * @typedef {{ sample(): { sum: number, ns: number } }} Loaded
 * @typedef {{ name: string, native: boolean, load(path: string, n: number): Promise<Loaded> }} Engine
 */

/**
 * A native program, started anew for each round, so that nothing of it runs between two of them. The
 * first sample is the first call of a process, later ones the second call.
 *
 * @param {string} name
 * @param {string} program
 * @returns {Engine}
 */
export function nativeEngine(name, program) {
  return {
    name,
    native: true,
    async load(path, n) {
      let line = 0;
      return {
        sample() {
          const args = [path, String(n), "2"];
          const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
          const lines = (stdout ?? "").trim().split("\n");
          if (status !== 0 || lines.length !== 2)
            throw new Error(`${program} ${args.join(" ")}: ${stderr || `status ${status}`}`);
          const [sum, ns] = lines[line].split(" ").map(Number);
          line = 1;
          return { sum, ns };
        },
      };
    },
  };
}

/**
 * @param {string} name
 * @param {string} path
 * @returns {Engine}
 */
export function wasmEngine(name, path) {
  const module = new WebAssembly.Module(readFileSync(path));
  return {
    name,
    native: false,
    async load(guestPath, n) {
      /** @type {WebAssembly.Imports} */
      const imports = {};
      // What it imports is for messages and growth of memory, which a run that counts has no need of.
      for (const { module: from, name: what } of WebAssembly.Module.imports(module))
        (imports[from] ??= {})[what] = () => 0;
      const { exports } = await WebAssembly.instantiate(module, imports);
      const peer =
        /** @type {{ memory: WebAssembly.Memory, _initialize?: () => void, peer_alloc(size: number): number, peer_start(at: number, length: number): number, peer_call(n: number): number }} */ (
          /** @type {unknown} */ (exports)
        );
      peer._initialize?.();
      const bytes = readFileSync(guestPath);
      const at = peer.peer_alloc(bytes.length);
      new Uint8Array(peer.memory.buffer).set(bytes, at);
      if (peer.peer_start(at, bytes.length) !== 0) throw new Error(`${name} refuses ${guestPath}`);
      return {
        sample() {
          const start = performance.now();
          const sum = peer.peer_call(n);
          return { sum, ns: (performance.now() - start) * 1e6 };
        },
      };
    },
  };
}

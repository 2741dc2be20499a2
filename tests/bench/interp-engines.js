// The engines of the interpreter bench: Nidus, and the peers in the folder that NIDUS_PEERS names.
//
//   NAME        a native program: `NAME guest.wasm N ROUNDS` loads the module, calls its export
//               `run(N)` ROUNDS times and prints a line "checksum nanoseconds" for each
//   NAME.wasm   an interpreter compiled to wasm (interp-wasm.js says what it exports)
import { spawnSync } from "node:child_process";
import { accessSync, constants, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Engine } from "../../node/engine.js";
import { loadNidus, loadPeer } from "./interp-wasm.js";
import { nativeProgram } from "./nidus-loading.js";

/**
 * @typedef {import("./interp-wasm.js").Loaded} Loaded
 * @typedef {{ name: string, native: boolean, load(path: string, n: number): Promise<Loaded> }} EngineHere
 */

/**
 * A native program, started anew for each round, so that nothing of it runs between two of them. The
 * first sample is the first call of a process, later ones the second call.
 *
 * @param {string} name
 * @param {string} program
 * @returns {EngineHere}
 */
function nativeEngine(name, program) {
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
 * @returns {EngineHere}
 */
function wasmEngine(name, path) {
  const module = new WebAssembly.Module(readFileSync(path));
  return {
    name,
    native: false,
    load: (guest, n) => loadPeer(module, readFileSync(guest), n),
  };
}

/** @param {string} path */
function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Everything that can be measured here, Nidus first; says what is absent.
 *
 * @param {import("./report.js").Report} report
 */
export function enginesHere(report) {
  /** @type {EngineHere[]} */
  const found = [];
  try {
    found.push(nativeEngine("nidus", nativeProgram()));
  } catch (error) {
    report.note(`absent: nidus, native: ${/** @type {Error} */ (error).message}`);
  }
  found.push({
    name: "nidus",
    native: false,
    load: async (guest, n) => loadNidus(await Engine.create(), readFileSync(guest), n),
  });
  const folder = process.env.NIDUS_PEERS;
  if (!folder) {
    report.note("absent: wasm3, WAMR: NIDUS_PEERS names no folder of built peers");
    return found;
  }
  for (const file of readdirSync(folder).sort()) {
    const path = join(folder, file);
    if (file.endsWith(".wasm")) found.push(wasmEngine(file.slice(0, -5), path));
    else if (isProgram(path)) found.push(nativeEngine(file, path));
  }
  for (const wanted of ["wasm3", "wamr"])
    for (const native of [true, false])
      if (!found.some((peer) => peer.name === wanted && peer.native === native))
        report.note(`absent: ${wanted}, ${native ? "native" : "in wasm"}: not in ${folder}`);
  return found;
}

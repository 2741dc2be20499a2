// Compiles the guest programs of the benches, with the C compiler that Nidus runs but without Nidus,
// so that what is measured has no part in making what it is measured with. Results are kept in
// build/bench/, under a name that changes with the source, the flags and the compiler.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { packageVersion } from "./hosts.js";

const FOLDER = fileURLToPath(new URL("guests/", import.meta.url));
const BUILT = fileURLToPath(new URL("../../build/bench/", import.meta.url));

/**
 * The bytes of guests/`name`.c, compiled and linked.
 *
 * @param {string} name
 * @param {readonly string[]} [flags]
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
export async function guest(name, flags = ["-O2"]) {
  const source = join(FOLDER, `${name}.c`);
  const folder = dirname(source);
  const compiler = packageVersion("@yowasp/clang");
  /** @type {Record<string, Uint8Array>} */
  const files = {};
  for (const file of readdirSync(folder).filter((file) => file.endsWith(".h")))
    files[file] = readFileSync(join(folder, file));
  files[basename(source)] = readFileSync(source);
  const hash = createHash("sha256").update(JSON.stringify([compiler, flags]));
  for (const [file, bytes] of Object.entries(files)) hash.update(file).update(bytes);
  const built = join(BUILT, `${name.replaceAll("/", "-")}-${hash.digest("hex").slice(0, 16)}.wasm`);
  try {
    return readFileSync(built);
  } catch {
    const bytes = await compile(files, basename(source), flags);
    mkdirSync(BUILT, { recursive: true });
    writeFileSync(built, bytes);
    return bytes;
  }
}

/**
 * @param {Record<string, Uint8Array>} files
 * @param {string} source
 * @param {readonly string[]} flags
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
async function compile(files, source, flags) {
  const { commands, runLLVM } = await import("@yowasp/clang");
  let messages = "";
  const text = new TextDecoder();
  /** @param {Uint8Array | null} bytes */
  const keep = (bytes) => void (messages += bytes ? text.decode(bytes) : "");
  // Without arguments it only loads the compiler; otherwise it reports doing so on the console.
  await runLLVM(undefined, {}, { fetchProgress() {} });
  try {
    const tree = await commands.clang([...flags, source, "-o", "guest.wasm"], files, {
      stdout: keep,
      stderr: keep,
    });
    const bytes = tree?.["guest.wasm"];
    if (bytes instanceof Uint8Array) return new Uint8Array(bytes);
    throw new Error("the linker wrote nothing");
  } catch (error) {
    const why = messages || (error instanceof Error ? error.message : String(error));
    throw new Error(`guest ${source} does not compile with ${flags.join(" ")}:\n${why}`);
  }
}

/**
 * Builds files.c both ways, into build/idbfs/: with `emcc -lidbfs.js`, as the program on the other side, and
 * as a WASI guest. Nothing is built again for a source and compiler that are as before.
 */

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { guest } from "../bench/guests.js";

const SOURCE = fileURLToPath(new URL("files.c", import.meta.url));
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const BUILT = "build/idbfs";

const FLAGS = [
  ...["-O2", "-lidbfs.js", "-sINVOKE_RUN=0", "-sEXIT_RUNTIME=0", "-sFORCE_FILESYSTEM=1"],
  ...["-sMODULARIZE=1", "-sEXPORT_ES6=1", "-sALLOW_MEMORY_GROWTH=1", "-sENVIRONMENT=web,worker"],
  "-sEXPORTED_RUNTIME_METHODS=FS,callMain",
];

/** Debian's emcc finds its JavaScript parser only so when Node is not Debian's own. */
const env = {
  ...process.env,
  NODE_PATH: [process.env.NODE_PATH, "/usr/share/nodejs"].filter(Boolean).join(":"),
};

/** The first line of `emcc --version`; throws where there is none. */
export const emccVersion = () =>
  execFileSync("emcc", ["--version"], { encoding: "utf8", env }).split("\n")[0];

/**
 * The program as an ES module, and its wasm beside it; answers the module's path below the repository.
 */
export function buildPeer() {
  const hash = createHash("sha256").update(emccVersion()).update(JSON.stringify(FLAGS));
  const name = hash.update(readFileSync(SOURCE)).digest("hex").slice(0, 16);
  const folder = `${BUILT}/${name}`;
  if (!existsSync(`${ROOT}${folder}/files.mjs`)) {
    mkdirSync(`${ROOT}${folder}.new`, { recursive: true });
    execFileSync("emcc", [SOURCE, ...FLAGS, "-o", `${ROOT}${folder}.new/files.mjs`], {
      stdio: ["ignore", "ignore", "inherit"],
      env,
    });
    renameSync(`${ROOT}${folder}.new`, ROOT + folder);
  }
  return `${folder}/files.mjs`;
}

/** The program as a guest of Nidus. */
export const buildGuest = () => guest("../../idbfs/files");

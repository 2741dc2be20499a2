/**
 * The shell and the small commands of a system: one program, shell.wasm, under the names by which it knows what it is to
 * be. It is a file of the tree like others, so programs find it, too.
 */

import { fetchAsset } from "./assets.js";

/** Where it lies, and every other name of it. */
const FOLDER = "/bin";
const COMMANDS = (
  "[ cat cp du echo env false find grep head ln ls mkdir mv printf pwd rm rmdir sleep sort stat tail test touch " +
  "true wc xxd"
).split(" ");

/**
 * Gives a system `/bin/sh`, `/bin/ls` and the like.
 * @param {import("./system.js").System} system
 * @param {Uint8Array | string | URL} [source] shell.wasm; left out: the package's own file
 */
export async function addShell({ sync }, source = new URL("./shell.wasm", import.meta.url)) {
  const bytes =
    source instanceof Uint8Array
      ? source
      : new Uint8Array(await (await fetchAsset(source, "shell.wasm")).arrayBuffer());
  if (!sync.exists(FOLDER)) sync.mkdir(FOLDER);
  sync.writeFile(`${FOLDER}/sh`, bytes);
  sync.chmod(`${FOLDER}/sh`, 0o755);
  for (const name of COMMANDS) {
    const path = `${FOLDER}/${name}`;
    if (!sync.exists(path)) sync.symlink("sh", path);
  }
}

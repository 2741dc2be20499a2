/** The guests of the soak tests: compiled by our cc when a test begins, and by gcc, where that is the oracle. */

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Nidus } from "../../node/index.js";

const FOLDER = fileURLToPath(new URL("guests/", import.meta.url));

/**
 * The bytes of guests/`name`.c, compiled and linked, in base64, as a page can be given them.
 * @param {string} name
 */
export async function compileGuest(name) {
  const system = await Nidus.boot({ toolchain: true });
  await system.fs.writeFile("/home/guest.c", readFileSync(join(FOLDER, `${name}.c`)));
  const { code, stderr } = await system.exec("cc", ["-O2", "guest.c", "-o", "guest"], {
    cwd: "/home",
  });
  if (code !== 0) throw new Error(`cc ${name}.c: ${stderr}`);
  const bytes = await system.fs.readFile("/home/guest");
  await system.close();
  return Buffer.from(bytes).toString("base64");
}

/**
 * guests/`name`.c, compiled by gcc: the program's path, in `folder`.
 * @param {string} name
 * @param {string} folder
 */
export function compileNative(name, folder) {
  const program = join(folder, name);
  execFileSync("gcc", ["-std=gnu11", "-O2", join(FOLDER, `${name}.c`), "-o", program]);
  return program;
}

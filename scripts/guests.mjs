/**
 * node scripts/guests.mjs: compiles guests/shell to web/shell.wasm with Nidus's own cc, one file at a time; what has not
 * changed since is kept in build/guests/.
 */
import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { Nidus } from "../node/index.js";
import { ScriptError, root, script } from "./lib/process.mjs";

const FLAGS =
  "-std=c11 -Os -Wall -Wextra -Werror -D_GNU_SOURCE -D_WASI_EMULATED_SIGNAL -D_WASI_EMULATED_GETPID".split(
    " ",
  );

await script(async () => {
  const sources = join(root, "guests", "shell");
  const objects = join(root, "build", "guests");
  mkdirSync(objects, { recursive: true });
  const system = await Nidus.boot({
    toolchain: true,
    mounts: {
      "/src": { type: "host", folder: sources, readOnly: true },
      "/obj": { type: "host", folder: objects },
      "/web": { type: "host", folder: join(root, "web") },
    },
  });
  const cc = async (/** @type {string[]} */ ...args) => {
    const { code, stderr } = await system.exec("cc", args, { cwd: "/src" });
    if (code !== 0) throw new ScriptError(`cc ${args.join(" ")}\n${stderr}`);
  };
  const changed = (/** @type {string} */ path) => (existsSync(path) ? statSync(path).mtimeMs : 0);
  const names = readdirSync(sources);
  const libraries = [join(root, "web", "toolchain.wasm")];
  const headers = [
    ...names.filter((name) => name.endsWith(".h")).map((name) => join(sources, name)),
    ...libraries,
  ];
  const newest = Math.max(...headers.map(changed));
  const made = [];
  for (const name of names.filter((each) => each.endsWith(".c"))) {
    const object = name.replace(/c$/, "o");
    made.push(`/obj/${object}`);
    const before = changed(join(objects, object));
    if (before > newest && before > changed(join(sources, name))) continue;
    await cc(...FLAGS, "-c", name, "-o", `/obj/${object}`);
  }
  await cc("-s", ...made, "-lwasi-emulated-signal", "-o", "/web/shell.wasm");
  await system.close();
});

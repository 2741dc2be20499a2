/**
 * Runs before `npm pack` and `npm publish`: the package needs the built modules and the type
 * declarations, so both are made here. Nothing of it is committed.
 */
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ScriptError, must, root, script } from "./lib/process.mjs";
import { guests, modules } from "./setup.mjs";

await script(async () => {
  for (const path of [...modules, ...guests]) {
    if (!existsSync(join(root, path))) {
      throw new ScriptError(`${path} has not been built; run npm run setup first.`);
    }
  }
  rmSync(join(root, "types"), { recursive: true, force: true });
  const tsc = join("node_modules", "typescript", "bin", "tsc");
  await must("Writing the type declarations", process.execPath, [tsc, "-p", "tsconfig.types.json"]);
});

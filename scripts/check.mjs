/** npm run check: types (tsc) and format (Prettier) of the JavaScript. Reads only. */
import { join } from "node:path";
import { must, script } from "./lib/process.mjs";

await script(async () => {
  const tsc = join("node_modules", "typescript", "bin", "tsc");
  await must("The type check", process.execPath, [tsc, "-p", "."]);
  const playground = join("demos", "playground");
  await must("The type check of the playground", process.execPath, [tsc, "-p", playground]);
  console.log("types: tsc --checkJs --strict found nothing");
  const prettier = join("node_modules", "prettier", "bin", "prettier.cjs");
  await must("The format check", process.execPath, [
    prettier,
    "--check",
    "--log-level",
    "warn",
    ".",
  ]);
  console.log("format: Prettier found nothing");
});

/** npm run spec, npm run spec:wasm: the set-up, then the WebAssembly specification's own tests. */
import { join } from "node:path";
import { run, script } from "./lib/process.mjs";
import { setup } from "./setup.mjs";

await script(async () => {
  await setup();
  const { status } = await run(process.execPath, [
    join("tests", "spec", "run.mjs"),
    ...process.argv.slice(2),
  ]);
  process.exitCode = status;
});

/** npm run bench [-- NAME...]: the set-up, then the named benches, or all, against their peers. */
import { join } from "node:path";
import { run, script } from "./lib/process.mjs";
import { setup } from "./setup.mjs";

await script(async () => {
  await setup();
  const index = join("tests", "bench", "index.js");
  const { status } = await run(process.execPath, [index, ...process.argv.slice(2)]);
  process.exitCode = status;
});

/**
 * npm start [-- --isolated] [--port N]: the set-up, the playground built, and a server on localhost
 * until it is interrupted. With --isolated the page is cross-origin isolated and may share memory.
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { ScriptError, must, root, script, since } from "./lib/process.mjs";
import { hashOf, isDone, markDone } from "./lib/stamp.mjs";
import { serve } from "./lib/static-server.mjs";
import { setup } from "./setup.mjs";

/** Builds the playground with Vite, if anything it is made from has changed. */
export async function buildPlayground() {
  const sources = ["demos/playground", "web", "package-lock.json"];
  const hash = hashOf(sources);
  if (isDone("playground", hash, ["demos/playground/dist/index.html"])) return;
  const start = performance.now();
  console.log("playground");
  const vite = join("node_modules", "vite", "bin", "vite.js");
  await must("Building the playground", process.execPath, [vite, "build", "demos/playground"]);
  markDone("playground", hash);
  console.log(`playground: built in ${since(start)}`);
}

/** @returns {{isolated: boolean, port: number}} */
function options() {
  let values;
  try {
    ({ values } = parseArgs({
      options: {
        isolated: { type: "boolean", default: false },
        port: { type: "string", default: "8080" },
      },
    }));
  } catch (error) {
    throw new ScriptError(
      `${/** @type {Error} */ (error).message} Use npm start -- [--isolated] [--port N].`,
    );
  }
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new ScriptError(`--port wants a number from 0 to 65535, not ${values.port}.`);
  }
  return { isolated: values.isolated === true, port };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href)
  await script(async () => {
    const { isolated, port } = options();
    await setup();
    await buildPlayground();
    const { url } = await serve({
      folder: join(root, "demos", "playground", "dist"),
      mounts: { "/clang/": join(root, "node_modules", "@yowasp", "clang", "gen") },
      isolated,
      port,
    });
    const how = isolated ? "cross-origin isolated" : "without isolation headers";
    console.log(`\nThe playground is at ${url} (${how}). Ctrl-C ends it.`);
  });

/** A worker of a page that executes one translated script; see run_chromium.mjs. */
import { runScript } from "./host_script.mjs";

/** @param {string} text in base64 */
const bytesOf = (text) => Uint8Array.from(atob(text), (each) => each.charCodeAt(0));

async function createEngine() {
  const { Engine } = /** @type {typeof import("../../web/engine.js")} */ (
    await import(/** @type {string} */ ("/web/engine.js"))
  );
  return Engine.create();
}

addEventListener("message", async ({ data }) => {
  /** @type {{name: string, commands: string, files: [string, string][], rewritten: boolean}} */
  const { name, commands, files, rewritten } = data;
  const modules = new Map(files);
  const engine = rewritten ? await createEngine() : null;
  /** @param {Uint8Array<ArrayBuffer>} bytes */
  const rewrite = (bytes) =>
    engine ? new engine.Module(bytes).rewrite({ checks: true, globals: true }).bytes : bytes;
  /** @param {string} number */
  const read = (number) => bytesOf(modules.get(number) ?? "");
  postMessage(runScript(name, commands, read, engine && rewrite));
});

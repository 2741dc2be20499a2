/** `nidus/wasi` in a page and in a worker: programs do there what they do under Node's `node:wasi`. */

import assert from "node:assert/strict";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { WASI as Oracle } from "node:wasi";
import { Nidus } from "../../node/index.js";
import * as guests from "../unit/host/support.js";
import { LIMIT, openBlank } from "./chromium.js";

const programs = fileURLToPath(new URL("../wasi/programs/", import.meta.url));

/** Those of the programs for which `node:wasi` does what Linux does. */
const SAME = ["descriptors", "files", "memory"];

/** A call of a module's, in the page or in a worker of it, with what `run` is given. */
const RUN = `async ({ bytes, where }) => {
  const run = async (bytes) => {
    const { WASI, Volume } = await import("/web/wasi.js");
    const home = new Volume();
    const text = { 1: "", 2: "" };
    const take = (fd) => (bytes) => void (text[fd] += new TextDecoder().decode(bytes));
    const wasi = new WASI({
      version: "preview1",
      args: ["name", "ü"],
      env: { A: "1" },
      preopens: { "/": home },
      stdin: new TextEncoder().encode("typed"),
      stdout: take(1),
      stderr: take(2),
    });
    const module = await WebAssembly.compile(new Uint8Array(bytes));
    const instance = await WebAssembly.instantiate(module, wasi.getImportObject());
    const code = wasi.start(instance);
    return { code, out: text[1], err: text[2], files: home.readdir() };
  };
  if (where === "page") return run(bytes);
  const source = "const run = " + run.toString().replace("/web/", location.origin + "/web/") +
    "; onmessage = async ({ data }) => postMessage(await run(data).catch(String));";
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const worker = new Worker(url, { type: "module" });
  worker.postMessage(bytes);
  const { data } = await new Promise((resolve) => (worker.onmessage = resolve));
  worker.terminate();
  return data;
}`;

/** @param {Uint8Array} bytes */
function underNode(bytes) {
  const folder = fs.mkdtempSync(join(tmpdir(), "nidus-page-wasi-"));
  const path = (/** @type {string} */ name) => join(folder, name);
  fs.mkdirSync(path("home"));
  fs.writeFileSync(path("in"), "typed");
  const stdin = fs.openSync(path("in"), "r");
  const stdout = fs.openSync(path("out"), "w");
  const stderr = fs.openSync(path("err"), "w");
  const wasi = new Oracle({
    version: "preview1",
    args: ["name", "ü"],
    env: { A: "1" },
    preopens: { "/": path("home") },
    stdin,
    stdout,
    stderr,
  });
  const module = new WebAssembly.Module(/** @type {Uint8Array<ArrayBuffer>} */ (bytes));
  const code = wasi.start(new WebAssembly.Instance(module, wasi.getImportObject()));
  for (const fd of [stdin, stdout, stderr]) fs.closeSync(fd);
  const text = (/** @type {string} */ name) => fs.readFileSync(path(name), "utf8");
  const result = { code, out: text("out"), err: text("err"), files: fs.readdirSync(path("home")) };
  fs.rmSync(folder, { recursive: true });
  return result;
}

test("programs do the same in a page, in a worker and under node:wasi", LIMIT, async (t) => {
  const system = await Nidus.boot({
    toolchain: true,
    mounts: { "/src": { type: "host", folder: programs, readOnly: true } },
  });
  const modules = [await guests.echoes(), await guests.cat(), await guests.exits(77)];
  for (const name of SAME) {
    const options = ["-O1", "-w", "-D_GNU_SOURCE", `/src/${name}.c`, "-o", "/home/out"];
    assert.equal((await system.exec("cc", options)).code, 0);
    modules.push(await system.fs.readFile("/home/out"));
  }
  const { page } = await openBlank(t);
  for (const bytes of modules) {
    const expected = underNode(bytes);
    for (const where of ["page", "worker"]) {
      const given = JSON.stringify({ bytes: [...bytes], where });
      assert.deepEqual(await page.evaluate(`(${RUN})(${given})`), expected, where);
    }
  }
});

test(
  "a page copies a system's files in and out, waits, and has the console for output",
  LIMIT,
  async (t) => {
    const { page } = await openBlank(t);
    /** @type {string[]} */
    const lines = [];
    page.on("console", (message) => lines.push(`${message.type()} ${message.text()}`));
    const given = JSON.stringify([
      [...(await guests.says("a line\nhalf"))],
      [...(await guests.sleeps(30))],
    ]);
    const answer = await page.evaluate(`(async ([says, sleeps]) => {
      const { WASI, Volume } = await import("/web/wasi.js");
      const start = async (bytes, options) => {
        const wasi = new WASI({ version: "preview1", ...options });
        const module = await WebAssembly.compile(new Uint8Array(bytes));
        return wasi.start(await WebAssembly.instantiate(module, wasi.getImportObject()));
      };
      await start(says);
      const begin = performance.now();
      await start(sleeps, { stdout() {} });
      const took = performance.now() - begin;
      const system = await Nidus.boot();
      await system.fs.writeFile("/home/a", "text");
      const volume = await Volume.from(system.fs, "/home");
      volume.writeFile("b", volume.readText("a") + "!");
      await volume.saveTo(system.fs, "/home/copy");
      const copied = await system.fs.readFile("/home/copy/b", "utf8");
      let refused;
      try {
        new WASI({ version: "preview1", preopens: { "/": "/home" } });
      } catch (error) {
        refused = error.code;
      }
      return { took, copied, refused };
    })(${given})`);
    assert.ok(answer.took >= 29, `${answer.took} ms`);
    assert.equal(answer.copied, "text!");
    assert.equal(answer.refused, "ENOTSUP");
    assert.deepEqual(lines, ["log a line", "log half"]);
  },
);

/**
 * npm run setup: everything between a fresh clone and a working tree, in five steps. Each says what
 * it does, is skipped in milliseconds when it has been done, and asks nothing.
 *
 *   system packages   gcc, cmake, ninja, emscripten, clang, chromium, firefox (Debian 12 or 13)
 *   npm packages      npm ci
 *   native build      build/native: the libraries, the program `nidus`, the C tests
 *   wasm build        build/wasm: kernel.wasm, kernel.shared.wasm, archive.wasm, toolchain.wasm, image.wasm, salvage.wasm, engine.wasm,
 *                     copied to web/
 *   guests            web/shell.wasm, the shell and the small commands, and web/pthread.tar, what cc -pthread needs: by
 *                     Nidus's own cc
 */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";
import { installPackages } from "./lib/packages.mjs";
import { ScriptError, ask, must, root, script, since } from "./lib/process.mjs";
import { hashOf, isDone, markDone } from "./lib/stamp.mjs";

/**
 * Debian's emcc finds its JavaScript parser by `NODE_PATH` only when Node is not Debian's own; it harms no other.
 * It takes `wasm-opt` from the path, where npm puts one of its packages' first, which is written in JavaScript
 * and takes five times as long as the one that emcc came with.
 */
const emscriptenEnv = {
  NODE_PATH: [process.env.NODE_PATH, "/usr/share/nodejs"].filter(Boolean).join(":"),
  PATH: (process.env.PATH ?? "")
    .split(delimiter)
    .filter((folder) => !folder.endsWith(join("node_modules", ".bin")))
    .join(delimiter),
};

/** What the C builds are made from. */
const cSources = [
  "CMakeLists.txt",
  "core",
  "wasi-polyfill",
  "tests/unit",
  "tests/spec",
  "tests/fuzz",
  "tests/bench",
];

/** The first line of `command --version`, which a stamp remembers. @param {string} command */
const version = (command) => ask(command, ["--version"])?.split("\n")[0] ?? "none";

/**
 * Configures and builds one folder below build/.
 * @param {string} name for instance "native"
 * @param {string[]} definitions -D options
 * @param {{wasm?: boolean}} [options]
 */
export async function build(name, definitions, { wasm = false } = {}) {
  const folder = join("build", name);
  const cache = join(root, folder, "CMakeCache.txt");
  // A tree that was moved, or configured by another generator, cannot be configured again in place.
  if (existsSync(cache)) {
    const text = readFileSync(cache, "utf8");
    const here = text.includes(`CMAKE_HOME_DIRECTORY:INTERNAL=${root}\n`);
    if (!here || !text.includes("CMAKE_GENERATOR:INTERNAL=Ninja\n")) {
      rmSync(join(root, folder), { recursive: true });
    }
  }
  const cmake = ["cmake", "-S", ".", "-B", folder, "-G", "Ninja", ...definitions];
  const [command, ...args] = wasm ? ["emcmake", ...cmake] : cmake;
  const env = wasm ? emscriptenEnv : {};
  await must(`Configuring ${folder}`, command, args, { quiet: true, env });
  const jobs = String(availableParallelism());
  await must(`Building ${folder}`, "cmake", ["--build", folder, "-j", jobs], { quiet: true, env });
}

/** What the wasm build puts beside the JavaScript. */
export const modules = [
  "web/kernel.wasm",
  "web/kernel.shared.wasm",
  "web/archive.wasm",
  "web/toolchain.wasm",
  "web/image.wasm",
  "web/salvage.wasm",
  "web/engine.wasm",
  "web/rewrite.wasm",
];

/** What Nidus's own cc makes. */
export const guests = ["web/shell.wasm", "web/pthread.tar"];

const steps = [
  {
    name: "system packages",
    hash: () => "",
    results: /** @type {string[]} */ ([]),
    run: installPackages,
  },
  {
    name: "npm packages",
    hash: () => hashOf(["package-lock.json"], [process.version, process.arch]),
    results: ["node_modules/.package-lock.json"],
    run: async () => {
      await must("Installing npm packages", "npm", ["ci", "--no-audit", "--no-fund"], {
        quiet: true,
        minutes: 30,
      });
    },
  },
  {
    name: "native build",
    hash: () => hashOf(cSources, [version("cc"), version("cmake")]),
    results: ["build/native/build.ninja"],
    run: () => build("native", ["-DCMAKE_BUILD_TYPE=Release"]),
  },
  {
    name: "wasm build",
    hash: () => hashOf(cSources, [version("emcc"), version("cmake")]),
    results: ["build/wasm/build.ninja", ...modules],
    run: () => build("wasm", ["-DCMAKE_BUILD_TYPE=Release"], { wasm: true }),
  },
  {
    name: "guests",
    hash: () => hashOf(["guests", "wasi-polyfill/linked", "wasi-polyfill/include"], []),
    results: guests,
    run: () =>
      must("Compiling guests", process.execPath, [join("scripts", "guests.mjs")], {
        quiet: true,
        minutes: 10,
      }),
  },
];

/** Does whatever of the set-up has not been done for the tree as it is now. */
export async function setup() {
  const major = Number(process.versions.node.split(".")[0]);
  if (major < 20) {
    throw new ScriptError(`Nidus needs Node 20 or newer, and this is ${process.version}.`);
  }
  const begin = performance.now();
  let worked = false;
  for (const [i, step] of steps.entries()) {
    const stamp = step.name.replace(" ", "-");
    const label = `[${i + 1}/${steps.length}] ${step.name}`;
    const hash = step.hash();
    // System packages have no stamp: what is on this machine is looked at each time.
    if (hash !== "" && isDone(stamp, hash, step.results)) continue;
    const start = performance.now();
    if (hash !== "") console.log(label);
    const note = await step.run();
    if (hash === "" && note === "nothing to install") continue;
    worked = true;
    if (hash !== "") markDone(stamp, hash);
    console.log(`${label}: done in ${since(start)}`);
  }
  console.log(`set-up: ${worked ? "done" : "nothing to do"} (${since(begin)})`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await script(setup);

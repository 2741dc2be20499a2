/** What a page has to download, and how much that may be: promises of the README, which size.test.mjs holds. */
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** Where what ships to pages lies. */
export const web = fileURLToPath(new URL("../../web/", import.meta.url));

/** What each file may have, in bytes, uncompressed. */
export const FILES = Object.entries({
  "kernel.wasm": 120_000,
  "kernel.shared.wasm": 120_000,
  "archive.wasm": 15_000,
  "toolchain.wasm": 47_000,
  "image.wasm": 20_000,
  "salvage.wasm": 13_000,
  "shell.wasm": 220_000,
  "pthread.tar": 40_000,
  "engine.wasm": 320_000,
  "rewrite.wasm": 115_000,
});

/** What a page loads to boot, for `cc` and for the interpreter. */
export const PAGE_LIMIT = 56_000;

/** What only pages load that do this, and the entries that hold it. */
export const PARTS = [
  { what: "archives", entries: ["archive"], limit: 2500 },
  { what: "views of another tab's volume", entries: ["view"], limit: 1500 },
  { what: "programs that spawn others", entries: ["children"], limit: 2000 },
  { what: "the shell", entries: ["shell"], limit: 1000 },
  { what: "workers, on isolated pages", entries: ["threads"], limit: 9000 },
  { what: "programs with threads", entries: ["guest-threads"], limit: 2500 },
  { what: "terminals", entries: ["page-terminal", "terminal"], limit: 2000 },
  { what: "turns, on pages that are not isolated", entries: ["turns"], limit: 3500 },
];

/**
 * Loaded by who has a volume of the layout before this one, once, and by who repairs one; and kinds of volumes that
 * only those pages load which ask for them (web/volume-kinds.js).
 */
const RARE = ["./volume-migrate.js", "./salvage.js", "./idbfs.js", "./opfs.js"];

/**
 * The host's JavaScript, minified: `boot`, what a page loads to boot, shared parts once; `later`, what it loads
 * only when `cc` or the interpreter is first used; `parts`, in the order of PARTS.
 */
export async function javascript() {
  const { metafile, outputFiles } = await build({
    entryPoints: [`${web}nidus.js`, `${web}worker.js`],
    bundle: true,
    splitting: true,
    minify: true,
    format: "esm",
    target: "es2022",
    outdir: "/nowhere",
    write: false,
    metafile: true,
    external: ["*.wasm", "node:*", ...RARE],
    logLevel: "silent",
  });
  const { outputs } = metafile;
  const all = Object.keys(outputs);
  const boot = new Set(all.filter((path) => /\/(nidus|worker)\.js$/.test(path)));
  for (const path of boot) {
    for (const { kind, path: imported } of outputs[path].imports)
      if (kind === "import-statement" && outputs[imported]) boot.add(imported);
  }
  const parts = PARTS.map(({ entries }) =>
    all.filter((path) => entries.some((name) => outputs[path].entryPoint?.endsWith(`/${name}.js`))),
  );
  const elsewhere = new Set([...boot, ...parts.flat()]);
  const bytes = (/** @type {Iterable<string>} */ paths) =>
    Buffer.concat(
      [...paths].map((path) => {
        const file = outputFiles.find((each) => each.path.endsWith(path.replace(/^.*\//, "/")));
        if (!file) throw new Error(`esbuild answered no ${path}`);
        return file.contents;
      }),
    );
  return {
    boot: bytes(boot),
    later: bytes(all.filter((path) => !elsewhere.has(path))),
    parts: parts.map(bytes),
  };
}

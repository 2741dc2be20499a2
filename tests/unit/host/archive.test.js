/** `exportTar` and `importTar`, with Debian's tar at the other end. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";
import { Nidus } from "../../../node/index.js";
import { createArchives } from "../../../web/archive.js";

/** @typedef {import("../../../node/system.js").System} System */

/** @param {import("node:test").TestContext} t */
function scratch(t) {
  const folder = fs.mkdtempSync(join(tmpdir(), "nidus-archive-"));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/**
 * Everything of a folder that a tar archive keeps: by path, a line for each.
 * @param {string} folder
 * @param {bigint} [unit] of the times, in nanoseconds
 */
function describe(folder, unit = 1n) {
  const names = execFileSync("find", [".", "-print0"], { cwd: folder, encoding: "utf8" });
  /** @type {Map<bigint, string>} the first name of each file */
  const first = new Map();
  return names
    .split("\0")
    .slice(0, -1)
    .sort()
    .map((name) => {
      const path = join(folder, name);
      const { ino, mode, mtimeNs, nlink, size } = fs.lstatSync(path, { bigint: true });
      const type = mode & 0o170000n;
      const line = [
        name,
        (mode & 0o7777n).toString(8),
        mtimeNs - (((mtimeNs % unit) + unit) % unit),
      ];
      if (type === 0o120000n) return [...line, `-> ${fs.readlinkSync(path)}`].join(" ");
      if (type === 0o040000n) return [...line, "folder"].join(" ");
      if (!first.has(ino)) first.set(ino, name);
      const contents = createHash("sha256").update(fs.readFileSync(path)).digest("hex");
      return [...line, size, nlink, first.get(ino), contents].join(" ");
    });
}

/** A tree with all that is to be kept. @param {string} folder */
function makeTree(folder) {
  const long = "l".repeat(200);
  const file = (/** @type {string} */ name, /** @type {string | Buffer} */ text, mode = 0o644) => {
    fs.writeFileSync(join(folder, name), text);
    fs.chmodSync(join(folder, name), mode);
  };
  for (const name of ["empty", "d", "d/größe ☕", `d/${long}`, `d/${long}/${long}`]) {
    fs.mkdirSync(join(folder, name));
  }
  file("text", "text\n", 0o640);
  file("d/nothing", "");
  file("d/tool", Buffer.alloc(300_000, "abc"), 0o4755);
  file("d/größe ☕/\u{1F426} naïve\n", "UTF-8");
  file(`d/${long}/${long}/${long}`, "a long path");
  file("d/closed", "x", 0);
  fs.truncateSync(join(folder, "text"), 100_000);
  fs.linkSync(join(folder, "text"), join(folder, "d/hard"));
  fs.linkSync(join(folder, "text"), join(folder, `d/${long}/hard too`));
  fs.symlinkSync("d/tool", join(folder, "link"));
  fs.symlinkSync(`d/${long}/${long}/${long}`, join(folder, "long link"));
  fs.symlinkSync("/nowhere/ß", join(folder, "d/dangling"));
  const times = ["1.000000001", "1350244992.023960108", "-1.5", "9000000000.999999999", "0"];
  execFileSync("find", [".", "-depth", "-print0"], { cwd: folder, encoding: "utf8" })
    .split("\0")
    .slice(0, -1)
    .forEach((name, i) => {
      execFileSync("touch", ["-h", "-m", "-d", `@${times[i % times.length]}`, name], {
        cwd: folder,
      });
    });
}

/** @param {System} system @param {string} path */
async function exported(system, path) {
  return Buffer.from(await new Response(system.exportTar(path)).arrayBuffer());
}

test("what GNU tar packs comes back to GNU tar as it was, in each of its formats", async (t) => {
  const folder = scratch(t);
  const [from, to] = [join(folder, "from"), join(folder, "to")];
  fs.mkdirSync(from);
  makeTree(from);
  // GNU's own format has whole seconds.
  for (const [format, unit] of /** @type {const} */ ([
    ["posix", 1n],
    ["gnu", 1_000_000_000n],
  ])) {
    const wanted = describe(from, unit);
    assert.ok(wanted.length > 15);
    const system = await Nidus.boot();
    const packed = execFileSync("tar", [`--format=${format}`, "-C", from, "-cf", "-", "."], {
      maxBuffer: 1e8,
    });
    await system.importTar("/home/in", packed);
    const archive = await exported(system, "/home/in");
    fs.rmSync(to, { recursive: true, force: true });
    fs.mkdirSync(to);
    const listed = execFileSync("tar", ["-tvf", "-"], { input: archive, encoding: "utf8" });
    assert.equal(listed.split("\n").length - 1, wanted.length, listed);
    execFileSync("tar", ["-C", to, "-xpf", "-"], { input: archive });
    assert.deepEqual(describe(to, unit), wanted);
    await system.close();
  }
});

test("an export is the same bytes when it is imported and exported again", async (t) => {
  const folder = scratch(t);
  makeTree(folder);
  const system = await Nidus.boot();
  const packed = execFileSync("tar", ["--format=posix", "-C", folder, "-cf", "-", "."]);
  await system.importTar("/home/a", new Blob([packed]));
  const first = await exported(system, "/home/a");
  await system.importTar("/home/b", system.exportTar("/home/a"));
  assert.ok(first.equals(await exported(system, "/home/b")));
  await system.close();
});

test("old formats are read: ustar with its prefixes, and Unix V7", async (t) => {
  const folder = scratch(t);
  const name = `${"p".repeat(90)}/${"n".repeat(90)}`;
  fs.mkdirSync(join(folder, "p".repeat(90)));
  fs.writeFileSync(join(folder, name), "prefixed");
  fs.writeFileSync(join(folder, "short"), "old");
  fs.linkSync(join(folder, "short"), join(folder, "again"));
  const system = await Nidus.boot();
  const pack = (/** @type {string} */ format, /** @type {string[]} */ what) =>
    execFileSync("tar", [`--format=${format}`, "-C", folder, "-cf", "-", ...what]);
  await system.importTar("/home/ustar", pack("ustar", ["."]));
  await system.importTar("/home/v7", pack("v7", ["again", "short"]));
  assert.equal(await system.fs.readFile(`/home/ustar/${name}`, "utf8"), "prefixed");
  assert.equal(await system.fs.readFile("/home/v7/short", "utf8"), "old");
  assert.equal((await system.fs.stat("/home/v7/again")).nlink, 2);
  await system.close();
});

test("a folder of this machine is exported, and imported into", async (t) => {
  const folder = scratch(t);
  fs.mkdirSync(join(folder, "from"));
  fs.mkdirSync(join(folder, "to"));
  fs.writeFileSync(join(folder, "from/a"), "text");
  fs.linkSync(join(folder, "from/a"), join(folder, "from/b"));
  fs.symlinkSync("a", join(folder, "from/c"));
  const system = await Nidus.boot({ mounts: { "/host": { type: "host", folder } } });
  await system.importTar("/host/to", system.exportTar("/host/from"));
  assert.equal(fs.readFileSync(join(folder, "to/b"), "utf8"), "text");
  assert.equal(fs.statSync(join(folder, "to/a")).nlink, 2);
  assert.equal(fs.readlinkSync(join(folder, "to/c")), "a");
  assert.equal(
    fs.statSync(join(folder, "to/a"), { bigint: true }).mtimeNs / 1000n,
    fs.statSync(join(folder, "from/a"), { bigint: true }).mtimeNs / 1000n,
  );
  await system.close();
});

test("what cannot be exported or imported rejects with what and why", async (t) => {
  const system = await Nidus.boot();
  const refused = (/** @type {Promise<unknown>} */ promise) =>
    promise.then(
      () => "done",
      ({ code, message }) => `${code} | ${message}`,
    );
  assert.equal(
    await refused(exported(system, "/none")),
    "ENOENT | ENOENT: no such file or directory, export '/none'",
  );
  const archive = await exported(system, "/home");
  assert.equal(
    await refused(system.importTar("/home/x", archive.subarray(0, 512))),
    "EINVAL | Cannot import the beginning of the archive: the archive was cut off in the middle of it.",
  );
  assert.match(
    await refused(system.importTar("/home/x", Buffer.alloc(5000, "no archive"))),
    /^EINVAL \| Cannot import the beginning of the archive: the header after it is damaged, or/,
  );
  assert.equal(
    await refused(system.importTar("/dev/null", archive)),
    "EEXIST | EEXIST: file already exists, import '/dev/null'",
  );
  const folder = scratch(t);
  fs.writeFileSync(join(folder, "evil"), "evil");
  const evil = execFileSync("tar", ["-C", folder, "-cf", "-", "--transform=s,^,../../,", "evil"]);
  assert.equal(
    await refused(system.importTar("/home/x", evil)),
    "EPERM | Cannot import ../../evil: it would lie outside of the folder, where nothing is made.",
  );
  const gone = new Error("the source broke");
  await assert.rejects(
    system.importTar(
      "/home/x",
      new ReadableStream({ pull: (controller) => controller.error(gone) }),
    ),
    gone,
  );
  await system.close();
});

test("an export that nobody reads on is given up, and waits for its reader meanwhile", async () => {
  const system = await Nidus.boot({ mounts: { "/data": { type: "mem" } } });
  const mount = (await system.fs.stat("/data")).mount;
  await system.fs.writeFile("/data/big", new Uint8Array(3_000_000));
  const reader = system.exportTar("/data").getReader();
  assert.ok((await reader.read()).value);
  assert.throws(() => system.unmount(mount), { code: "EBUSY" });
  await reader.cancel();
  // The step under way ends first.
  for (let tries = 0; ; tries++) {
    try {
      system.unmount(mount);
      break;
    } catch (error) {
      if (tries > 100) throw error;
      await new Promise((resolve) => setTimeout(resolve));
    }
  }
  await system.close();
});

test("large files pass in pieces, as streams of node have them", async (t) => {
  const folder = scratch(t);
  const bytes = Buffer.alloc(5_000_000, "0123456789abcdef");
  fs.writeFileSync(join(folder, "big"), bytes);
  execFileSync("tar", ["-C", folder, "-cf", join(folder, "x.tar"), "big"]);
  const system = await Nidus.boot();
  const stream = Readable.toWeb(fs.createReadStream(join(folder, "x.tar")));
  await system.importTar("/home", /** @type {ReadableStream<Uint8Array>} */ (stream));
  assert.ok(bytes.equals(await system.fs.readFile("/home/big")));
  const out = join(folder, "out.tar");
  await writeFile(out, Readable.fromWeb(/** @type {any} */ (system.exportTar("/home"))));
  execFileSync("tar", ["-C", folder, "-xf", out, "big"]);
  assert.ok(bytes.equals(fs.readFileSync(join(folder, "big"))));
  await system.close();
});

test("a system that was started anew meanwhile knows nothing of an export, and says so", async () => {
  const system = await Nidus.boot();
  const step = await createArchives(system);
  await assert.rejects(step("export_next", 1), {
    code: "ECANCELED",
    message:
      "The export or import was interrupted: the system had to be started anew meanwhile; begin again.",
  });
  await step("export_end", 1);
  await system.close();
});

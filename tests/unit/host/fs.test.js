/**
 * The file system for the host, with node's own as the oracle: every case runs on both, and what comes
 * out must be the same, down to the error's code.
 */

import assert from "node:assert/strict";
import nodeFs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { boot } from "./support.js";

/** @typedef {import("../../../web/fs-promises.js").Fs} Fs */

/**
 * Reads a whole tree as text, so that trees can be compared.
 * @param {Fs} fs
 * @param {string} at
 */
async function dump(fs, at) {
  /** @type {string[]} */
  const lines = [];
  const names = /** @type {string[]} */ (await fs.readdir(at, { recursive: true })).sort();
  for (const name of names) {
    const path = `${at}/${name}`;
    const stats = await fs.lstat(path);
    if (stats.isSymbolicLink()) lines.push(`${name} -> ${await fs.readlink(path)}`);
    else if (stats.isDirectory()) lines.push(`${name}/`);
    else lines.push(`${name}: ${await fs.readFile(path, "utf8")}`);
  }
  return lines;
}

const bytes = (/** @type {number} */ length) =>
  Uint8Array.from({ length }, (_, i) => (i * 31) >> 3);

/** @type {Record<string, (fs: Fs, at: string) => Promise<unknown>>} */
const cases = {
  "a file is read as it was written": async (fs, at) => {
    await fs.writeFile(`${at}/a`, "grün\n");
    return [await fs.readFile(`${at}/a`, "utf8"), [...(await fs.readFile(`${at}/a`))]];
  },
  "a file of three megabytes is read as it was written": async (fs, at) => {
    await fs.writeFile(`${at}/a`, bytes(3_000_001));
    return Buffer.from(await fs.readFile(`${at}/a`)).equals(Buffer.from(bytes(3_000_001)));
  },
  "an empty file is empty": async (fs, at) => {
    await fs.writeFile(`${at}/a`, "");
    return [await fs.readFile(`${at}/a`, { encoding: "utf8" }), (await fs.stat(`${at}/a`)).size];
  },
  "writing anew cuts off what was there": async (fs, at) => {
    await fs.writeFile(`${at}/a`, "long contents");
    await fs.writeFile(`${at}/a`, "short");
    return fs.readFile(`${at}/a`, "utf8");
  },
  "appending makes the file and adds to it": async (fs, at) => {
    await fs.appendFile(`${at}/a`, "one ");
    await fs.appendFile(`${at}/a`, "two");
    return fs.readFile(`${at}/a`, "utf8");
  },
  "flag wx refuses a file that is there": async (fs, at) => {
    await fs.writeFile(`${at}/a`, "1", { flag: "wx" });
    return fs.writeFile(`${at}/a`, "2", { flag: "wx" });
  },
  "reading a missing file fails": (fs, at) => fs.readFile(`${at}/none`),
  "reading a folder fails": (fs, at) => fs.readFile(at),
  "writing a folder fails": (fs, at) => fs.writeFile(at, "x"),
  "a file is no folder on the way": async (fs, at) => {
    await fs.writeFile(`${at}/a`, "");
    return fs.readFile(`${at}/a/b`);
  },
  "a trailing slash asks for a folder": async (fs, at) => {
    await fs.writeFile(`${at}/a`, "");
    return fs.stat(`${at}/a/`).then((stats) => stats.size);
  },
  "the empty path leads nowhere": (fs) => fs.stat("").then((stats) => stats.size),
  "a name of 255 bytes is taken": async (fs, at) => {
    await fs.writeFile(`${at}/${"n".repeat(255)}`, "");
    return fs.readdir(at);
  },
  "a name of 256 bytes is too long": (fs, at) => fs.writeFile(`${at}/${"n".repeat(256)}`, ""),
  "a path of 5,000 bytes is too long": (fs, at) => fs.readFile(`${at}/${"n/".repeat(2500)}`),
  "names are any text": async (fs, at) => {
    for (const name of ["ä", "日本", " ", "a b", "😀", "-", "\\"])
      await fs.writeFile(`${at}/${name}`, name);
    return dump(fs, at);
  },
  "a folder is made once": async (fs, at) => {
    await fs.mkdir(`${at}/d`);
    return fs.mkdir(`${at}/d`);
  },
  "a folder is not made in a missing one": (fs, at) => fs.mkdir(`${at}/none/d`),
  "recursive mkdir makes all and answers the first": async (fs, at) => {
    const first = await fs.mkdir(`${at}/x/y/z`, { recursive: true });
    const second = await fs.mkdir(`${at}/x/y/z`, { recursive: true });
    return [first?.slice(at.length), second, await dump(fs, at)];
  },
  "recursive mkdir fails at a file": async (fs, at) => {
    await fs.writeFile(`${at}/f`, "");
    return fs.mkdir(`${at}/f`, { recursive: true });
  },
  "recursive mkdir fails below a file": async (fs, at) => {
    await fs.writeFile(`${at}/f`, "");
    return fs.mkdir(`${at}/f/d`, { recursive: true });
  },
  "readdir lists names in order": async (fs, at) => {
    for (const name of ["b", "a", "c10", "c9"]) await fs.writeFile(`${at}/${name}`, "");
    return fs.readdir(at);
  },
  "readdir with types tells files, folders and links": async (fs, at) => {
    await fs.writeFile(`${at}/file`, "");
    await fs.mkdir(`${at}/folder`);
    await fs.symlink("file", `${at}/link`);
    const entries = await fs.readdir(at, { withFileTypes: true });
    return entries.map((e) => [e.name, e.isFile(), e.isDirectory(), e.isSymbolicLink()]);
  },
  "recursive readdir goes down into folders": async (fs, at) => {
    await fs.mkdir(`${at}/a/b`, { recursive: true });
    await fs.writeFile(`${at}/a/b/f`, "");
    return (await fs.readdir(at, { recursive: true })).sort();
  },
  "readdir of 5,000 entries is whole": async (fs, at) => {
    for (let i = 0; i < 5000; i++) await fs.writeFile(`${at}/entry-${i}`, "");
    const names = await fs.readdir(at);
    return [names.length, new Set(names).size];
  },
  "readdir of a file fails": async (fs, at) => {
    await fs.writeFile(`${at}/f`, "");
    return fs.readdir(`${at}/f`);
  },
  "readdir of nothing fails": (fs, at) => fs.readdir(`${at}/none`),
  "unlink removes a name": async (fs, at) => {
    await fs.writeFile(`${at}/a`, "");
    await fs.unlink(`${at}/a`);
    return dump(fs, at);
  },
  "unlink of nothing fails": (fs, at) => fs.unlink(`${at}/none`),
  "unlink of a folder fails": async (fs, at) => {
    await fs.mkdir(`${at}/d`);
    return fs.unlink(`${at}/d`);
  },
  "rmdir removes an empty folder": async (fs, at) => {
    await fs.mkdir(`${at}/d`);
    await fs.rmdir(`${at}/d`);
    return dump(fs, at);
  },
  "rmdir of a full folder fails": async (fs, at) => {
    await fs.mkdir(`${at}/d/e`, { recursive: true });
    return fs.rmdir(`${at}/d`);
  },
  "rmdir of a file fails": async (fs, at) => {
    await fs.writeFile(`${at}/f`, "");
    return fs.rmdir(`${at}/f`);
  },
  "rm removes a tree, links but not what they lead to": async (fs, at) => {
    await fs.mkdir(`${at}/d/e/f`, { recursive: true });
    await fs.mkdir(`${at}/kept`);
    await fs.writeFile(`${at}/kept/file`, "1");
    await fs.symlink("../kept", `${at}/d/link`);
    await fs.rm(`${at}/d`, { recursive: true });
    return dump(fs, at);
  },
  "rm of nothing fails": (fs, at) => fs.rm(`${at}/none`),
  "forced rm of nothing is fine": (fs, at) => fs.rm(`${at}/none`, { force: true }),
  "rename moves a file over another": async (fs, at) => {
    await fs.writeFile(`${at}/a`, "a");
    await fs.writeFile(`${at}/b`, "b");
    await fs.rename(`${at}/a`, `${at}/b`);
    return dump(fs, at);
  },
  "rename moves a folder with all that is in it": async (fs, at) => {
    await fs.mkdir(`${at}/d/e`, { recursive: true });
    await fs.writeFile(`${at}/d/e/f`, "f");
    await fs.mkdir(`${at}/to`);
    await fs.rename(`${at}/d`, `${at}/to/d2`);
    return dump(fs, at);
  },
  "rename replaces an empty folder": async (fs, at) => {
    await fs.mkdir(`${at}/a/b`, { recursive: true });
    await fs.mkdir(`${at}/empty`);
    await fs.rename(`${at}/a`, `${at}/empty`);
    return dump(fs, at);
  },
  "rename does not replace a full folder": async (fs, at) => {
    await fs.mkdir(`${at}/a`);
    await fs.mkdir(`${at}/full/x`, { recursive: true });
    return fs.rename(`${at}/a`, `${at}/full`);
  },
  "rename does not put a folder over a file": async (fs, at) => {
    await fs.mkdir(`${at}/a`);
    await fs.writeFile(`${at}/f`, "");
    return fs.rename(`${at}/a`, `${at}/f`);
  },
  "rename does not put a file over a folder": async (fs, at) => {
    await fs.mkdir(`${at}/a`);
    await fs.writeFile(`${at}/f`, "");
    return fs.rename(`${at}/f`, `${at}/a`);
  },
  "rename does not put a folder into itself": async (fs, at) => {
    await fs.mkdir(`${at}/a`);
    return fs.rename(`${at}/a`, `${at}/a/b`);
  },
  "rename of nothing fails": (fs, at) => fs.rename(`${at}/none`, `${at}/b`),
  "rename to itself changes nothing": async (fs, at) => {
    await fs.writeFile(`${at}/a`, "a");
    await fs.rename(`${at}/a`, `${at}/a`);
    return dump(fs, at);
  },
  "a symbolic link is followed, and read": async (fs, at) => {
    await fs.writeFile(`${at}/a`, "through");
    await fs.symlink("a", `${at}/l`);
    const [l, s] = [await fs.lstat(`${at}/l`), await fs.stat(`${at}/l`)];
    return [
      await fs.readFile(`${at}/l`, "utf8"),
      await fs.readlink(`${at}/l`),
      [l.isSymbolicLink(), l.size, s.isFile(), s.size],
    ];
  },
  "a symbolic link may lead to a folder and out of it": async (fs, at) => {
    await fs.mkdir(`${at}/a/b`, { recursive: true });
    await fs.writeFile(`${at}/a/f`, "up");
    await fs.symlink("a/b", `${at}/l`);
    return fs.readFile(`${at}/l/../f`, "utf8");
  },
  "an absolute symbolic link is followed": async (fs, at) => {
    await fs.writeFile(`${at}/f`, "abs");
    await fs.symlink(`${at}/f`, `${at}/l`);
    return fs.readFile(`${at}/l`, "utf8");
  },
  "writing through a dangling link makes its target": async (fs, at) => {
    await fs.symlink("target", `${at}/l`);
    await fs.writeFile(`${at}/l`, "made");
    return dump(fs, at);
  },
  "a dangling link leads nowhere": async (fs, at) => {
    await fs.symlink("none", `${at}/l`);
    return fs.readFile(`${at}/l`);
  },
  "links that lead to each other fail": async (fs, at) => {
    await fs.symlink("b", `${at}/a`);
    await fs.symlink("a", `${at}/b`);
    return fs.stat(`${at}/a`).then((stats) => stats.size);
  },
  "symlink does not replace": async (fs, at) => {
    await fs.writeFile(`${at}/l`, "");
    return fs.symlink("x", `${at}/l`);
  },
  "readlink of a file fails": async (fs, at) => {
    await fs.writeFile(`${at}/f`, "");
    return fs.readlink(`${at}/f`);
  },
  "a hard link is the same file": async (fs, at) => {
    await fs.writeFile(`${at}/a`, "1");
    await fs.link(`${at}/a`, `${at}/b`);
    await fs.appendFile(`${at}/b`, "2");
    const [a, b] = [await fs.stat(`${at}/a`), await fs.stat(`${at}/b`)];
    await fs.unlink(`${at}/a`);
    const { nlink } = await fs.stat(`${at}/b`);
    return [a.nlink, a.ino === b.ino, nlink, await dump(fs, at)];
  },
  "a hard link to a folder fails": async (fs, at) => {
    await fs.mkdir(`${at}/d`);
    return fs.link(`${at}/d`, `${at}/e`);
  },
  "realpath resolves links and dots": async (fs, at) => {
    await fs.mkdir(`${at}/a/b`, { recursive: true });
    await fs.symlink("a", `${at}/l`);
    const base = await fs.realpath(at);
    return (await fs.realpath(`${at}/./l/b/../b`)).slice(base.length);
  },
  "truncate cuts off and extends with zeros": async (fs, at) => {
    await fs.writeFile(`${at}/a`, "abcdef");
    await fs.truncate(`${at}/a`, 3);
    await fs.truncate(`${at}/a`, 5);
    return [...(await fs.readFile(`${at}/a`))];
  },
  "times are set to the millisecond": async (fs, at) => {
    await fs.writeFile(`${at}/a`, "");
    await fs.utimes(`${at}/a`, new Date(1_500_000_000_123), 1_600_000_000.456);
    const stats = await fs.stat(`${at}/a`);
    return [Math.round(stats.atimeMs), Math.round(stats.mtimeMs), stats.atime.toISOString()];
  },
  "chmod sets the permission bits": async (fs, at) => {
    await fs.writeFile(`${at}/a`, "");
    await fs.chmod(`${at}/a`, 0o751);
    return (await fs.stat(`${at}/a`)).mode;
  },
  "copyFile copies the contents and the mode": async (fs, at) => {
    await fs.writeFile(`${at}/a`, bytes(300_000));
    await fs.chmod(`${at}/a`, 0o700);
    await fs.copyFile(`${at}/a`, `${at}/b`);
    const same = Buffer.from(await fs.readFile(`${at}/b`)).equals(Buffer.from(bytes(300_000)));
    return [same, (await fs.stat(`${at}/b`)).mode];
  },
  "copyFile refuses to replace when told so": async (fs, at) => {
    await fs.writeFile(`${at}/a`, "a");
    await fs.writeFile(`${at}/b`, "b");
    return fs.copyFile(`${at}/a`, `${at}/b`, 1);
  },
  "copyFile of nothing fails": (fs, at) => fs.copyFile(`${at}/none`, `${at}/b`),
  "cp copies a tree": async (fs, at) => {
    await fs.mkdir(`${at}/a/b/c`, { recursive: true });
    await fs.writeFile(`${at}/a/b/f`, "f");
    await fs.cp(`${at}/a`, `${at}/z`, { recursive: true });
    return dump(fs, at);
  },
  "access tells what is there": async (fs, at) => {
    await fs.writeFile(`${at}/a`, "");
    await fs.access(`${at}/a`);
    return fs.access(`${at}/none`);
  },
  "mkdtemp makes a folder of a new name": async (fs, at) => {
    const [a, b] = [await fs.mkdtemp(`${at}/x-`), await fs.mkdtemp(`${at}/x-`)];
    return [a !== b, a.startsWith(`${at}/x-`), (await fs.stat(a)).isDirectory()];
  },
  "dots in a path are resolved": async (fs, at) => {
    await fs.mkdir(`${at}/d`);
    await fs.writeFile(`${at}/d/../d/./f`, "dots");
    return dump(fs, at);
  },
  "above the root is the root": (fs) => fs.stat("/../..").then((stats) => stats.isDirectory()),
  "the time of change follows writing": async (fs, at) => {
    await fs.writeFile(`${at}/a`, "1");
    const before = await fs.stat(`${at}/a`);
    await fs.writeFile(`${at}/a`, "2");
    const after = await fs.stat(`${at}/a`);
    return [after.mtimeMs >= before.mtimeMs, Math.abs(after.mtimeMs - Date.now()) < 5000];
  },
};

/**
 * What an action answers, or the code it fails with.
 * @param {Fs} fs
 * @param {string} at
 * @param {(fs: Fs, at: string) => Promise<unknown>} action
 */
async function outcome(fs, at, action) {
  try {
    return { value: await action(fs, at) };
  } catch (error) {
    const { code, message } = /** @type {{code?: string, message: string}} */ (error);
    if (code === undefined) throw error;
    return { code, says: message.split(",")[0] };
  }
}

const system = await boot();
const base = await nodeFs.mkdtemp(join(tmpdir(), "nidus-fs-"));
const folders = await import("../../../node/host.js");
const withFolder = await boot({ folders: new folders.HostFolders() });
await withFolder.mount("/host", { type: "host", folder: base });

let number = 0;
for (const [name, action] of Object.entries(cases)) {
  test(name, async () => {
    const folder = `case-${number++}`;
    const expected = await outcome(
      /** @type {Fs} */ (/** @type {unknown} */ (nodeFs)),
      await makeIn(nodeFs, base, `${folder}-node`),
      action,
    );
    const found = await outcome(system.fs, await makeIn(system.fs, "", `/${folder}`), action);
    assert.deepEqual(found, expected);
  });
}

/**
 * @param {{mkdir: (path: string) => Promise<unknown>}} fs
 * @param {string} parent
 * @param {string} name
 */
async function makeIn(fs, parent, name) {
  const path = parent === "" ? name : `${parent}/${name}`;
  await fs.mkdir(path);
  return path;
}

/** What a folder of the host cannot do: its modes cannot be set, and absolute links mean the tree. */
const notOnHost = new Set([
  "chmod sets the permission bits",
  "copyFile copies the contents and the mode",
]);

for (const [name, action] of Object.entries(cases)) {
  if (notOnHost.has(name)) continue;
  test(`in a folder of the host: ${name}`, async () => {
    const folder = `case-${number++}`;
    const expected = await outcome(
      /** @type {Fs} */ (/** @type {unknown} */ (nodeFs)),
      await makeIn(nodeFs, base, `${folder}-node`),
      action,
    );
    const at = await makeIn(withFolder.fs, "/host", folder);
    assert.deepEqual(await outcome(withFolder.fs, at, action), expected);
  });
}

test("recursive readdir does not go through links, so it comes to an end", async () => {
  await system.fs.mkdir("/ring/inner", { recursive: true });
  await system.fs.symlink("..", "/ring/inner/up");
  assert.deepEqual(await system.fs.readdir("/ring", { recursive: true }), ["inner", "inner/up"]);
});

test("the host sees what is written to its folder", async () => {
  await withFolder.fs.writeFile("/host/seen", "by both");
  assert.equal(await nodeFs.readFile(join(base, "seen"), "utf8"), "by both");
});

test("a link in a folder of the host leads nowhere outside of it", async () => {
  await nodeFs.mkdir(join(base, "jail"));
  await nodeFs.writeFile(join(base, "secret"), "secret");
  await nodeFs.symlink("../secret", join(base, "jail", "up"));
  await nodeFs.symlink(join(base, "secret"), join(base, "jail", "absolute"));
  const jailed = await boot({ folders: new folders.HostFolders() });
  await jailed.mount("/jail", { type: "host", folder: join(base, "jail") });
  for (const name of ["up", "absolute", "../secret", "up/../../secret"]) {
    const { code } = /** @type {{code?: string}} */ (
      await outcome(jailed.fs, "/jail", (fs, at) => fs.readFile(`${at}/${name}`))
    );
    assert.ok(code === "ENOENT" || code === "ENOTDIR", `${name}: ${code}`);
  }
});

test("a read-only folder of the host is not written to", async () => {
  const readOnly = await boot({ folders: new folders.HostFolders() });
  await readOnly.mount("/ro", { type: "host", folder: base, readOnly: true });
  await assert.rejects(readOnly.fs.writeFile("/ro/new", "x"), { code: "EROFS" });
  await assert.rejects(readOnly.fs.mkdir("/ro/new"), { code: "EROFS" });
  await assert.rejects(nodeFs.stat(join(base, "new")), { code: "ENOENT" });
});

test("errors carry node's fields and survive a thread's border", async () => {
  const { NidusError } = await import("../../../web/errors.js");
  const error = await system.fs.readFile("/none").catch((/** @type {unknown} */ e) => e);
  assert.ok(error instanceof NidusError);
  assert.equal(error.message, "ENOENT: no such file or directory, open '/none'");
  const back = NidusError.fromJSON(structuredClone(error.toJSON()));
  assert.deepEqual(back.toJSON(), error.toJSON());
  assert.equal(back.code, "ENOENT");
  assert.equal(back.syscall, "open");
  assert.equal(back.path, "/none");
});

test("fs is what libraries take for node's: own, enumerable, bound", async () => {
  const { fs } = system;
  assert.ok(Object.keys(fs).includes("promises"));
  for (const name of /** @type {const} */ ([
    "readFile",
    "writeFile",
    "mkdir",
    "rmdir",
    "unlink",
    "stat",
    "lstat",
    "readdir",
    "readlink",
    "symlink",
  ])) {
    assert.ok(Object.keys(fs.promises).includes(name), name);
  }
  const { writeFile, readFile } = fs.promises;
  await writeFile("/unbound", "x");
  assert.equal(await readFile("/unbound", "utf8"), "x");
});

test("a path with a NUL, or no text at all, is refused with a sentence", async () => {
  await assert.rejects(system.fs.readFile("/a\0b"), { code: "EINVAL", message: /contains a NUL/ });
  const wrong = /** @type {string} */ (/** @type {unknown} */ (undefined));
  await assert.rejects(system.fs.readFile(wrong), { code: "EINVAL", message: /must be a string/ });
});

test.after(() => nodeFs.rm(base, { recursive: true }));

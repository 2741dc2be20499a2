/**
 * Volumes in one file, in Node: the library, the command line, and what a killed process leaves.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Nidus } from "../../../node/index.js";
import { killRounds } from "./image-kill.js";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const cli = join(root, "node/cli.js");
const native = join(root, "build/native/nidus");
const folder = mkdtempSync(join(tmpdir(), "nidus-image-"));
after(() => rmSync(folder, { recursive: true, force: true }));

let last = 0;
const newFile = () => join(folder, `volume-${++last}`);

/**
 * The command on this Node, or the native one.
 * @param {string[]} args
 * @param {string} [program]
 */
function nidus(args, program = cli) {
  const command = program === cli ? [process.execPath, cli] : [program];
  const { status, stdout, stderr } = spawnSync(command[0] ?? "", [...command.slice(1), ...args], {
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

/** A volume with what a tree can have, and its file. */
async function makeVolume() {
  const file = newFile();
  const system = await Nidus.boot({ volume: `image:${file}` });
  await system.fs.mkdir("/home/empty");
  await system.fs.mkdir("/home/deep/er", { recursive: true });
  await system.fs.writeFile("/home/deep/er/small", "a few words");
  await system.fs.writeFile("/home/large", new Uint8Array(300_000).fill(0x75));
  await system.fs.link("/home/large", "/home/deep/same");
  await system.fs.symlink("er/small", "/home/deep/link");
  await system.fs.chmod("/home/deep/er/small", 0o640);
  await system.close();
  return file;
}

/** @param {string} file */
async function check(file) {
  const system = await Nidus.boot({ volume: `image:${file}` });
  assert.deepEqual((await system.fs.readdir("/home")).sort(), ["deep", "empty", "large"]);
  assert.equal(await system.fs.readFile("/home/deep/link", "utf8"), "a few words");
  const [one, other] = [
    await system.fs.stat("/home/large"),
    await system.fs.stat("/home/deep/same"),
  ];
  assert.equal(one.ino, other.ino);
  assert.equal(one.nlink, 2);
  assert.equal((await system.fs.stat("/home/deep/er/small")).mode & 0o777, 0o640);
  const bytes = /** @type {Uint8Array} */ (await system.fs.readFile("/home/large"));
  assert.ok(bytes.length === 300_000 && bytes.every((byte) => byte === 0x75));
  await system.close();
}

test("a volume in a file has after a restart what it had before", async () => {
  await check(await makeVolume());
});

test("what changes is stored within a second, without being asked for", async () => {
  const file = newFile();
  const system = await Nidus.boot({ volume: `image:${file}` });
  await system.fs.writeFile("/home/large", new Uint8Array(2_000_000).fill(1));
  const deadline = performance.now() + 10_000;
  while (statSync(file).size < 2_000_000 && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  // As it lies there now, it is a whole volume.
  const copy = newFile();
  copyFileSync(file, copy);
  await system.close();
  const { status, stdout } = nidus(["fsck", copy]);
  assert.equal(stdout, `${copy}: whole\n`);
  assert.equal(status, 0);
  const again = await Nidus.boot({ volume: `image:${copy}` });
  assert.equal((await again.fs.stat("/home/large")).size, 2_000_000);
  await again.close();
});

test("a second system is refused while the first has the volume", async () => {
  const file = newFile();
  const first = await Nidus.boot({ volume: `image:${file}` });
  await assert.rejects(Nidus.boot({ volume: `image:${file}` }), (error) => {
    assert.equal(/** @type {any} */ (error).code, "EBUSY");
    assert.match(/** @type {Error} */ (error).message, /is in use: another process has it open$/);
    return true;
  });
  await first.close();
  const again = await Nidus.boot({ volume: `image:${file}` });
  await again.close();
});

test("a volume larger than the memory it may use is read and written whole", async () => {
  const file = newFile();
  const options = { volume: `image:${file}`, memory: 2 * 1024 * 1024 };
  const size = 24 * 1024 * 1024;
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i += 4096) bytes[i] = i / 4096;
  const system = await Nidus.boot(options);
  await system.fs.writeFile("/home/large", bytes);
  assert.deepEqual(await system.fs.readFile("/home/large"), bytes);
  await system.close();
  const again = await Nidus.boot(options);
  assert.deepEqual(await again.fs.readFile("/home/large"), bytes);
  await again.close();
});

test("what volumes may hold is limited", async () => {
  const system = await Nidus.boot({ volume: `image:${newFile()}`, maxBytes: 100_000 });
  await assert.rejects(
    system.fs.writeFile("/home/large", new Uint8Array(200_000)),
    /** @param {any} error */ (error) => error.code === "ENOSPC",
  );
  await system.close();
});

test("volumes of other kinds are refused by name", async () => {
  await assert.rejects(Nidus.boot({ volume: "idb:lab" }), {
    code: "EINVAL",
    message: 'volume is "idb:lab": say "image:PATH" or "mem".',
  });
});

for (const [where, program] of /** @type {const} */ ([
  ["in Node", cli],
  ["natively", native],
])) {
  describe(`nidus fsck ${where}`, () => {
    test("says of a whole volume that it is", async () => {
      const file = await makeVolume();
      assert.deepEqual(nidus(["fsck", file], program), {
        status: 0,
        stdout: `${file}: whole\n`,
        stderr: "",
      });
    });

    test("names damaged contents, and puts zeros in their place", async () => {
      const file = await makeVolume();
      const bytes = readFileSync(file);
      const at = bytes.indexOf(Buffer.alloc(5000, 0x75));
      bytes[at + 1000] = 0x74;
      bytes[4096 + 20] = 0xff; // in the second superblock, too
      writeFileSync(file, bytes);
      const superblock = (/** @type {string} */ is) =>
        `${file}: one of the two superblocks ${is} damaged; the other one tells all\n`;
      const found = nidus(["fsck", file], program);
      assert.equal(found.status, 2);
      assert.match(
        found.stdout.replace(superblock("is"), ""),
        /^\S+: \/(large|deep\/same): bytes \d+ to \d+ are damaged\n\S+: damaged; nidus fsck --repair keeps what can be read\n$/,
      );
      const repaired = nidus(["fsck", "--repair", file], program);
      assert.equal(repaired.status, 1);
      assert.match(
        repaired.stdout.replace(superblock("was"), ""),
        /^\S+: \/(large|deep\/same): bytes \d+ to \d+ were damaged; they are zeros now\n\S+: repaired\n$/,
      );
      assert.equal(nidus(["fsck", file], program).stdout, `${file}: whole\n`);
    });

    test("refuses what it cannot check, in a sentence", () => {
      const text = newFile();
      writeFileSync(text, "int main(void) { return 0; }\n");
      const { status, stderr } = nidus(["fsck", text], program);
      assert.equal(status, 126);
      assert.equal(
        stderr,
        `nidus fsck: ${text} is no volume of Nidus: give another name, or that of a file which is not there yet\n`,
      );
      assert.equal(readFileSync(text, "utf8"), "int main(void) { return 0; }\n");
      assert.equal(nidus(["fsck", newFile()], program).status, 126);
      assert.equal(nidus(["fsck"], program).status, 126);
    });
  });

  test(`a program ${where} that is killed while it writes has lost nothing that it had synced`, async () => {
    await killRounds({ program, file: newFile(), rounds: 6 });
  });
}

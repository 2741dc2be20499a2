/**
 * The kill test of volumes in one file: a program writes, renames, syncs and reports each sync that has succeeded;
 * its process is killed at a random moment, and then the volume must be whole and have what was reported.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Nidus } from "../../../node/index.js";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const cli = join(root, "node/cli.js");

/** Files that are written in turn. */
const FILES = 7;

/** Round `i` writes a file of its number and a letter, of up to 200 KB, under another name, and renames it. */
const WRITER = `
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static char bytes[200020];
int main(int argc, char **argv) {
  int first = argc > 1 ? atoi(argv[1]) : 1;
  for (int i = first;; i++) {
    char name[32];
    int length = sprintf(bytes, "%d\\n", i), size = i * 7919 % 200000;
    memset(bytes + length, 'a' + i % 26, size);
    snprintf(name, sizeof name, "/home/f%d", i % ${FILES});
    int fd = open("/home/new", O_CREAT | O_TRUNC | O_WRONLY, 0644);
    if (fd < 0 || write(fd, bytes, length + size) != length + size) return 1;
    if (rename("/home/new", name) || fsync(fd) || close(fd)) return 1;
    printf("%d\\n", i);
    fflush(stdout);
  }
}
`;

/**
 * @param {object} options
 * @param {string} options.program the native program, or node/cli.js
 * @param {string} options.file
 * @param {number} options.rounds
 */
export async function killRounds({ program, file, rounds }) {
  const folder = mkdtempSync(join(tmpdir(), "nidus-kill-"));
  try {
    writeFileSync(join(folder, "writer.c"), WRITER);
    const compiled = spawnSync(process.execPath, [cli, "cc", "writer.c", "-o", "writer.wasm"], {
      cwd: folder,
      encoding: "utf8",
    });
    assert.equal(compiled.status, 0, compiled.stderr);
    const command = program === cli ? [process.execPath, cli] : [program];
    let reported = 0;
    for (let round = 0; round < rounds; round++) {
      const args = ["run", "--volume", file, join(folder, "writer.wasm"), String(reported + 1)];
      reported = await runAndKill([...command, ...args], reported);
      const state = await stateOf(file);
      assert.ok(state >= reported, `${state} is there, but ${reported} had been reported`);
      assert.ok(state <= reported + 1, `${state} is there, but ${reported} was reported last`);
      reported = state;
    }
    assert.ok(reported > 0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Kills a program some reports after its first one, in the middle of what it does; answers its last report.
 * @param {string[]} command
 * @param {number} before
 */
async function runAndKill([name = "", ...args], before) {
  const child = spawn(name, args, { stdio: ["ignore", "pipe", "pipe"] });
  const wanted = 1 + Math.floor(Math.random() * 20);
  let text = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (data) => {
    text += data;
    if (text.split("\n").length <= wanted) return;
    // At some moment of the next rounds.
    setTimeout(() => child.kill("SIGKILL"), Math.random() * 10);
  });
  child.stderr.setEncoding("utf8").on("data", (data) => (errors += data));
  await new Promise((resolve) => child.on("close", resolve));
  assert.equal(child.signalCode, "SIGKILL", errors);
  return Math.max(before, ...(text.match(/^\d+(?=\n)/gm) ?? []).map(Number));
}

/**
 * The number of the last round that is there; all files must be as their rounds wrote them, and the volume whole.
 * @param {string} file
 */
async function stateOf(file) {
  const fsck = spawnSync(process.execPath, [cli, "fsck", file], { encoding: "utf8" });
  assert.equal(fsck.status, 0, fsck.stdout + fsck.stderr);
  const system = await Nidus.boot({ volume: `image:${file}` });
  try {
    let highest = 0;
    const names = /** @type {string[]} */ (await system.fs.readdir("/home"));
    for (const name of names.filter((each) => each !== "new")) {
      const text = /** @type {string} */ (await system.fs.readFile(`/home/${name}`, "utf8"));
      const number = Number.parseInt(text, 10);
      const letter = String.fromCharCode(97 + (number % 26));
      assert.ok(text === `${number}\n${letter.repeat((number * 7919) % 200000)}`, name);
      assert.equal(name, `f${number % FILES}`);
      highest = Math.max(highest, number);
    }
    // No round between is missing.
    for (let i = Math.max(1, highest - FILES + 1); i <= highest; i++) {
      assert.ok(names.includes(`f${i % FILES}`), `round ${i}`);
    }
    return highest;
  } finally {
    await system.close();
  }
}

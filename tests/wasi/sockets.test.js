/**
 * Sockets of the host: `nidus run --listen` natively and on both tiers of Node, and listeners that the host library
 * gives. All connections are real ones, on this machine's loopback.
 */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Nidus, listen } from "../../node/index.js";
import { WASI, listen as listenForWasi } from "../../node/wasi.js";

const sources = fileURLToPath(new URL("./", import.meta.url));
const CLI = fileURLToPath(new URL("../../node/cli.js", import.meta.url));
const NATIVE = fileURLToPath(new URL("../../build/native/nidus", import.meta.url));
const scratch = fs.mkdtempSync(join(tmpdir(), "nidus-sockets-"));
const server = join(scratch, "server.wasm");
after(() => fs.rmSync(scratch, { recursive: true }));

/** @type {Record<string, string[]>} */
const hosts = {
  natively: [NATIVE, "run"],
  "on the direct tier": [process.execPath, CLI, "run", "--tier", "direct"],
  "on the interpreter": [process.execPath, CLI, "run", "--tier", "interp"],
};

before(async () => {
  const system = await Nidus.boot({
    toolchain: true,
    mounts: { "/src": { type: "host", folder: sources, readOnly: true } },
  });
  const { code, stderr } = await system.exec("cc", [
    ...["-O1", "-Wall", "-Wno-unused", "-Werror"],
    ...["/src/sockets/server.c", "-o", "/home/out"],
  ]);
  assert.equal(code, 0, stderr);
  fs.writeFileSync(server, await system.fs.readFile("/home/out"));
});

/**
 * A program that listens on a port which the system has chosen.
 * @param {string} where
 * @param {string[]} args of the program
 * @param {string[]} [options]
 */
async function started(where, args, options = []) {
  const [file = "", ...first] = hosts[where] ?? [];
  const command = [...first, "--listen", "127.0.0.1:0", ...options, server, ...args];
  const child = spawn(file, command);
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
  /** @type {() => Promise<{code: number | null, stdout: string, stderr: string}>} */
  const ended = async () => {
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    if (!child.stdout.readableEnded) await once(child.stdout, "end");
    return { code: child.exitCode, stdout, stderr };
  };
  /** Until it has written something. @param {RegExp} pattern */
  const says = async (pattern) => {
    while (!pattern.test(stdout)) await once(child.stdout, "data");
  };
  while (!/listening on .*\n/.test(stderr)) {
    await Promise.race([once(child.stderr, "data"), once(child, "exit")]);
    assert.equal(child.exitCode ?? child.signalCode, null, stderr);
  }
  const port = Number(/listening on 127\.0\.0\.1:(\d+)/.exec(stderr)?.[1]);
  return { child, port, ended, says };
}

/**
 * Sends and ends; answers all that came.
 * @param {import("node:net").NetConnectOpts} to
 * @param {string | Uint8Array} bytes
 */
async function exchanged(to, bytes) {
  const socket = net.connect(to);
  socket.end(bytes);
  const pieces = [];
  for await (const piece of socket) pieces.push(piece);
  return Buffer.concat(pieces);
}

const loopback = (/** @type {number} */ port) => ({ host: "127.0.0.1", port });

for (const where of Object.keys(hosts)) {
  test(`a program accepts one connection after the other ${where}`, async () => {
    const { port, ended } = await started(where, ["echo", "3"]);
    assert.equal(String(await exchanged(loopback(port), "first")), "first");
    assert.equal(String(await exchanged(loopback(port), "")), "");
    const large = Buffer.alloc(3_000_000, "0123456789");
    assert.ok(large.equals(await exchanged(loopback(port), large)));
    assert.equal((await ended()).code, 0);
  });

  test(`a program serves 20 connections at once by poll_oneoff, woken only for them, ${where}`, async () => {
    const { port, ended } = await started(where, ["poll", "20"]);
    const texts = Array.from({ length: 20 }, (_, i) => `connection ${i}`);
    const sockets = texts.map(() => net.connect(loopback(port)));
    await Promise.all(sockets.map((socket) => once(socket, "connect")));
    const answers = sockets.map(async (socket) => {
      const pieces = [];
      for await (const piece of socket) pieces.push(piece);
      return String(Buffer.concat(pieces));
    });
    sockets.forEach((socket, i) => socket.end(texts[i]));
    assert.deepEqual(await Promise.all(answers), texts);
    const { code, stdout } = await ended();
    assert.equal(code, 0);
    // A connection, its text and its end are 60 things that can wake it.
    const woken = Number(/^woken (\d+)\n$/.exec(stdout)?.[1]);
    assert.ok(woken >= 1 && woken <= 60, stdout);
  });

  test(`calls on sockets answer what their rows in docs/wasi.md say ${where}`, async () => {
    const { port, ended, says } = await started(where, ["errors"], ["--dir", scratch]);
    await says(/sock_accept\(listener, 1/);
    await says(/fd_seek/);
    const socket = net.connect({ ...loopback(port), allowHalfOpen: true });
    await says(/accepted/);
    socket.write("ping");
    const [bye] = await once(socket, "data");
    assert.equal(String(bye), "bye");
    await once(socket, "end");
    socket.end("last");
    const { code, stdout } = await ended();
    assert.equal(code, 0);
    assert.equal(
      stdout,
      [
        "fd_fdstat_get(listener, AT(&stat)): 0",
        "type 6",
        "fd_prestat_get(listener, AT(buffer)): 8",
        "fd_fdstat_set_flags(listener, NONBLOCK): 0",
        "sock_accept(listener, 0, AT(&fd)): 6",
        "fd_fdstat_set_flags(listener, 0): 0",
        "sock_accept(listener, 1, AT(&fd)): 28",
        "receive(listener, 1, &length): 53",
        'send_some(listener, "x", 1, &sent): 53',
        "sock_shutdown(listener, 3): 53",
        "fd_seek(listener, 0, 0, AT(buffer)): 70",
        "sock_accept(listener, NONBLOCK, AT(&fd)): 0",
        "receive(fd, 4, &length): 6",
        "accepted",
        "fd_fdstat_set_flags(fd, 0): 0",
        "receive(fd, 4, &length): 0",
        "ping",
        "sock_shutdown(fd, 0): 28",
        "sock_shutdown(fd, 4): 28",
        'send_all(fd, "bye", 3): 0',
        "sock_shutdown(fd, __WASI_SDFLAGS_WR): 0",
        'send_some(fd, "x", 1, &sent): 64',
        "fd_write(fd, AT(&vector), 1, AT(&sent)): 64",
        "receive(fd, ROOM, &length): 0",
        "last",
        "receive(fd, ROOM, &length): 0",
        "0",
        "fd_close(fd): 0",
        "fd_close(listener): 0",
        "sock_accept(listener, 0, AT(&fd)): 8",
        "",
      ].join("\n"),
    );
  });

  test(`a program waits for a clock, a connection and input at once ${where}`, async () => {
    const { child, port, ended, says } = await started(where, ["input"]);
    await says(/^clock\n$/);
    const socket = net.connect(loopback(port));
    await says(/connection 0\n$/);
    socket.destroy();
    child.stdin.write("typed");
    assert.deepEqual((await ended()).stdout, "clock\nconnection 0\ninput typed\n");
  });

  test(`a program whose connection does not come goes on when its time is over ${where}`, async () => {
    const { ended } = await started(where, ["still", "30"]);
    assert.deepEqual((await ended()).stdout, "1\n");
  });

  test(`what a program has sent arrives though it ends at once ${where}`, async () => {
    const { port, ended } = await started(where, ["leave"]);
    const socket = net.connect(loopback(port));
    let length = 0;
    for await (const piece of socket) length += piece.length;
    assert.equal(length, 512 * 8192);
    assert.equal((await ended()).code, 7);
  });

  test(`a limit of time ends a program that waits for a connection ${where}`, async () => {
    const { ended } = await started(where, ["echo", "1"], ["--limit", "time=0.2"]);
    const { code, stderr } = await ended();
    assert.ok(code === 152 || (code === null && where === "on the direct tier"), stderr);
    assert.match(stderr, /was stopped: its time is used up/);
  });

  test(`an address that cannot be listened on is refused in one sentence ${where}`, async () => {
    const taken = net.createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = /** @type {import("node:net").AddressInfo} */ (taken.address());
    const cases = {
      [`127.0.0.1:${port}`]: "it is in use; choose another one, or end the program that has it",
      "127.0.0.1:65536": "it must be HOST:PORT, such as 127.0.0.1:8080, or unix:PATH",
      8080: "it must be HOST:PORT, such as 127.0.0.1:8080, or unix:PATH",
      ":8080": "it must be HOST:PORT, such as 127.0.0.1:8080, or unix:PATH",
      "::1:8080": "it must be HOST:PORT, such as 127.0.0.1:8080, or unix:PATH",
      "127.0.0.1:": "it must be HOST:PORT, such as 127.0.0.1:8080, or unix:PATH",
      "192.0.2.1:0": "this machine has no such address; choose one of its own, such as 127.0.0.1",
      "unix:/nowhere/socket":
        "its folder is not there, or this user may not write to it; choose another one",
    };
    try {
      for (const [address, why] of Object.entries(cases)) {
        const [file = "", ...first] = hosts[where] ?? [];
        const child = spawn(file, [...first, "--listen", address, server, "echo", "1"]);
        let stderr = "";
        child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
        const [code] = await once(child, "close");
        assert.ok(code === 1 || code === 2, stderr);
        assert.match(stderr, /^nidus(?: run)?: cannot listen on [^\n]*\n$/);
        assert.ok(stderr.includes(`cannot listen on ${address}: ${why}\n`), stderr);
      }
    } finally {
      taken.close();
    }
  });

  test(`a program listens on a path, which is gone when it has ended, ${where}`, async () => {
    const path = join(scratch, "socket");
    const [file = "", ...first] = hosts[where] ?? [];
    const child = spawn(file, [...first, "--listen", `unix:${path}`, server, "echo", "1"]);
    let answer = "";
    while (answer === "") {
      assert.equal(child.exitCode, null);
      // Until it listens.
      answer = String(await exchanged({ path }, "by path").catch(() => ""));
    }
    assert.equal(answer, "by path");
    const [code] = await once(child, "exit");
    assert.equal(code, 0);
    assert.equal(fs.existsSync(path), false);
  });
}

test("a program of a system is given a listener, and others run meanwhile", async () => {
  const system = await Nidus.boot();
  const listener = await listen("127.0.0.1:0");
  const port = Number(listener.address.split(":")[1]);
  const env = { LISTEN_FDS: "1", LISTEN_FDS_FIRST_FD: "3" };
  const options = { preopens: {}, sockets: [listener], env };
  const bytes = fs.readFileSync(server);
  const first = await system.spawn(bytes, ["poll", "2"], options);
  const answer = await exchanged(loopback(port), "one");
  assert.equal(String(answer), "one");
  assert.equal(String(await exchanged(loopback(port), "two")), "two");
  assert.equal((await first.exit).code, 0);
  const second = await system.spawn(bytes, ["echo", "1"], options);
  assert.equal(String(await exchanged(loopback(port), "three")), "three");
  assert.equal((await second.exit).code, 0);
  const third = await system.spawn(bytes, ["echo", "1"], options);
  third.kill("SIGKILL");
  assert.equal((await third.exit).signal, "SIGKILL");
  listener.close();
});

test("nidus/wasi gives its program a listener", async () => {
  const listener = await listenForWasi("127.0.0.1:0");
  const port = Number(listener.address.split(":")[1]);
  const client = spawn(process.execPath, [
    "-e",
    `const socket = require("node:net").connect(${port}, "127.0.0.1");
     socket.end("from outside");
     socket.pipe(process.stdout);`,
  ]);
  const env = { LISTEN_FDS: "1", LISTEN_FDS_FIRST_FD: "3" };
  const wasi = new WASI({
    version: "preview1",
    args: ["server", "echo", "1"],
    env,
    sockets: [listener],
  });
  const module = new WebAssembly.Module(fs.readFileSync(server));
  const instance = await WebAssembly.instantiate(module, wasi.getImportObject());
  assert.equal(wasi.start(instance), 0);
  let said = "";
  for await (const piece of client.stdout) said += piece;
  assert.equal(said, "from outside");
  listener.close();
});

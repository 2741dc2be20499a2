/** What errors are called: the kernel's table of errno, and the names of signals. */

import assert from "node:assert/strict";
import { constants } from "node:os";
import { test } from "node:test";
import { getSystemErrorMap } from "node:util";
import { errnoNumber } from "../../../node/errno.js";
import {
  NidusError,
  errnoTexts,
  messageOf,
  signalName,
  signalNumber,
} from "../../../web/errors.js";
import { boot } from "./support.js";

/** Node's words are of sockets. */
const OWN_WORDS = ["ENOTSUP"];

test("every errno of WASI has a name and a meaning, and they are node's where node has them", async () => {
  await boot();
  assert.equal(errnoTexts.length, 78, "77 numbers, and nothing after the last newline");
  const ofNode = new Map(getSystemErrorMap().values());
  let compared = 0;
  for (const [number, text] of errnoTexts.slice(0, 77).entries()) {
    const [, name = "", meaning = ""] = /^(E[A-Z0-9]+): ([a-z].*)$/.exec(text) ?? [];
    assert.equal(errnoNumber(name), number, text);
    if (!ofNode.has(name) || OWN_WORDS.includes(name)) continue;
    compared += 1;
    assert.equal(meaning, ofNode.get(name), name);
  }
  assert.ok(compared > 40, `${compared} are known to node`);
  assert.equal(errnoNumber("EOPNOTSUPP"), errnoNumber("ENOTSUP"));
  assert.equal(errnoNumber("EMADEUP"), errnoNumber("EIO"));
});

test("an errno makes an error with its name, the call and the paths", () => {
  const { message, ...rest } = NidusError.fromErrno(75, "rename", "/a", "/b").toJSON();
  assert.equal(message, "EXDEV: cross-device link not permitted, rename '/a' -> '/b'");
  assert.deepEqual(rest, { code: "EXDEV", syscall: "rename", path: "/a", errno: 75 });
  assert.equal(NidusError.fromErrno(400, "read").message, "E400: error 400, read");
});

test("whatever is thrown becomes a record with a code and a message", () => {
  const coded = Object.assign(new Error("gone"), { code: "EGONE" });
  assert.deepEqual(NidusError.toRecord(coded), { code: "EGONE", message: "gone" });
  const type = new TypeError("no function");
  assert.deepEqual(NidusError.toRecord(type), { code: "TypeError", message: "no function" });
  assert.deepEqual(NidusError.toRecord("words"), { code: "Error", message: "words" });
  assert.deepEqual(NidusError.toRecord(null), { code: "Error", message: "null" });
  const cause = new Error("because");
  assert.equal(new NidusError("EIO", "it failed", { cause }).cause, cause);
  assert.equal(messageOf(cause), "because");
});

test("signals have the numbers of Linux, by name with and without SIG", () => {
  for (const name of ["SIGHUP", "SIGINT", "SIGKILL", "SIGPIPE", "SIGTERM"]) {
    const number = constants.signals[/** @type {NodeJS.Signals} */ (name)];
    assert.equal(signalNumber(name), number);
    assert.equal(signalNumber(name.slice(3)), number);
    assert.equal(signalName(number), name);
  }
  assert.equal(signalName(99), "SIG99");
  assert.throws(() => signalNumber("SIGNONE"), { code: "EINVAL", message: /is not a signal/ });
});

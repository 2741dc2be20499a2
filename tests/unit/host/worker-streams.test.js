/** The worker's end of a page's process: what it sends, and when. */
import assert from "node:assert/strict";
import test from "node:test";
import { turn } from "../../../web/engine-wasm.js";
import { MESSAGES_BEHIND, MESSAGE_COST, OUTPUT_WINDOW } from "../../../web/limits.js";
import { ACKED, createRing } from "../../../web/ring.js";
import { BLOCK } from "../../../web/streams.js";
import { pageStreams, tookTurn } from "../../../web/worker-streams.js";

/** A process of whose output nothing is taken but by `take`. */
function quietPage() {
  /** @type {{fd: number, text: string}[]} */
  const sent = [];
  const decoder = new TextDecoder();
  const { memory, tell } = createRing();
  const post = (/** @type {any[]} */ name, /** @type {any} */ fd, /** @type {any} */ bytes) => {
    if (/** @type {unknown} */ (name) === "output") sent.push({ fd, text: decoder.decode(bytes) });
  };
  tookTurn();
  const job = pageStreams(memory, false, "jspi", /** @type {any} */ (post), () => {});
  const [, stdout, stderr] = job.streams;
  const write = (/** @type {typeof stdout} */ to, /** @type {string} */ text) =>
    to.write?.(new TextEncoder().encode(text));
  return { sent, job, write, stdout, stderr, take: () => tell(ACKED, OUTPUT_WINDOW) };
}

test("what a program prints leaves at once, until the page is behind: then as one piece, at the next turn at the latest", async () => {
  const { sent, write, stdout } = quietPage();
  for (let i = 0; i < 100; i++) write(stdout, `${i}\n`);
  const lines = Array.from({ length: 100 }, (_, i) => `${i}\n`);
  // A machine that stops in the middle for longer than a frame sends some more.
  assert.deepEqual(
    sent.slice(0, MESSAGES_BEHIND).map(({ text }) => text),
    lines.slice(0, MESSAGES_BEHIND),
  );
  assert.ok(sent.length < 60, `${sent.length} messages`);
  await turn();
  assert.equal(sent.map(({ text }) => text).join(""), lines.join(""));
});

test("what is printed to another stream, or before input is read, comes in its order", () => {
  const { sent, write, stdout, stderr, job } = quietPage();
  for (let i = 0; i < 20; i++) write(i % 2 ? stderr : stdout, `${i} `);
  job.streams[0].read?.(new Uint8Array(1));
  assert.deepEqual(
    sent,
    Array.from({ length: 20 }, (_, i) => ({ fd: (i % 2) + 1, text: `${i} ` })),
  );
});

test("a program waits for a page that takes nothing, and goes on when it does", () => {
  const { write, stdout, take } = quietPage();
  const text = "x".repeat(OUTPUT_WINDOW / 4);
  let written = 0;
  for (let answer; (answer = write(stdout, text)) !== BLOCK;) written += Number(answer);
  assert.ok(
    written >= OUTPUT_WINDOW - MESSAGE_COST * MESSAGES_BEHIND && written < 2 * OUTPUT_WINDOW,
  );
  take();
  assert.notEqual(write(stdout, text), BLOCK);
});

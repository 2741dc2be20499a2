/** The kernel's clocks, on a host whose clocks the test sets. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Host } from "../../../web/host.js";
import { loadKernel } from "../../../web/kernel.js";
import { KERNEL } from "./support.js";

const REALTIME = 0;
const MONOTONIC = 1;

/** @param {{date: number, uptime: number, step?: number}} at milliseconds; the uptime steps at each look */
async function clocks(at) {
  const host = new Host();
  host.imports.now = () => at.date;
  host.imports.monotonic = () => (at.uptime += at.step ?? 0);
  const kernel = await loadKernel({ source: KERNEL, host });
  const out = kernel.alloc(8);
  return (/** @type {"clock_time_get" | "clock_res_get"} */ call, /** @type {number} */ id) => {
    kernel.raw.nidus_enter(1);
    const values = call === "clock_time_get" ? [id, 0n, out] : [id, out];
    assert.equal(kernel.raw[call]?.(...values), 0);
    return new DataView(kernel.memory.buffer).getBigUint64(out, true);
  };
}

test("monotonic time is the host's, in nanoseconds", async () => {
  const at = { date: 1e12, uptime: 0.25 };
  const read = await clocks(at);
  assert.equal(read("clock_time_get", MONOTONIC), 250_000n);
  at.uptime = 86_400_000.5;
  assert.equal(read("clock_time_get", MONOTONIC), 86_400_000_500_000n);
});

test("the resolution is the smallest step of the host's clock", async () => {
  const at = { date: 1e12, uptime: 1000, step: 0.125 };
  const read = await clocks(at);
  assert.equal(read("clock_res_get", MONOTONIC), 125_000n);
});

test("real time goes on as finely as monotonic time, and follows the date when that is set", async () => {
  const at = { date: 1_700_000_000_000, uptime: 5000 };
  const read = await clocks(at);
  assert.equal(read("clock_time_get", REALTIME), 1_700_000_000_000_000_000n);
  at.uptime += 1.5;
  at.date += 2;
  assert.equal(read("clock_time_get", REALTIME), 1_700_000_000_001_500_000n, "not the date's step");
  at.uptime += 10;
  at.date += 3_600_000;
  assert.equal(read("clock_time_get", REALTIME), 1_700_003_600_002_000_000n, "an hour on");
  at.date -= 7_200_000;
  assert.equal(read("clock_time_get", REALTIME), 1_699_996_400_002_000_000n, "two hours back");
});

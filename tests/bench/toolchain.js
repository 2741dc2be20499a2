// Compiling hello.c (compile and link, -O2): clang as guests of Nidus against the same clang in the
// runtime that it is published with. Warm in one process, in turn; the first time in processes of its own.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { nidusCompiler, yowaspCompiler } from "./compilers.js";
import { packageVersion } from "./hosts.js";
import { digits, median } from "./report.js";

export const name = "toolchain";

const WARM_ROUNDS = 9;
const WARM_UP = 3;
const FIRST_ROUNDS = 5;
const WARM_LIMIT = 0.7;
const FIRST_LIMIT = 1;
const FIRST = fileURLToPath(new URL("first-compile.js", import.meta.url));

/** @param {import("./report.js").Report} report */
export async function run(report) {
  report.note(`@yowasp/clang: ${packageVersion("@yowasp/clang")}`);
  const first = { nidus: /** @type {number[]} */ ([]), yowasp: /** @type {number[]} */ ([]) };
  for (let round = 0; round < FIRST_ROUNDS; round++)
    for (const which of /** @type {const} */ (["nidus", "yowasp"]))
      first[which].push(
        Number(execFileSync(process.execPath, [FIRST, which], { encoding: "utf8" })),
      );
  const compilers = [await nidusCompiler(), await yowaspCompiler()];
  const warm = compilers.map(() => /** @type {number[]} */ ([]));
  const sizes = [];
  for (let round = -WARM_UP; round < WARM_ROUNDS; round++)
    for (const [i, compiler] of compilers.entries()) {
      const start = performance.now();
      sizes[i] = await compiler.compile();
      if (round >= 0) warm[i].push(performance.now() - start);
    }
  for (const compiler of compilers) await compiler.close();
  /** @param {readonly number[]} of */
  const spread = (of) =>
    `${digits(median(of))} (${digits(Math.min(...of))} to ${digits(Math.max(...of))})`;
  report.table(
    ["hello.c, ms: median (range)", "first", "warm", "bytes of the program"],
    [
      ["nidus", spread(first.nidus), spread(warm[0]), String(sizes[0])],
      ["@yowasp/clang", spread(first.yowasp), spread(warm[1]), String(sizes[1])],
    ],
  );
  const share = median(warm[0]) / median(warm[1]);
  report.ratio(
    `warm: ${digits(share)} of @yowasp/clang's time, at most ${WARM_LIMIT}`,
    share <= WARM_LIMIT,
  );
  const begin = median(first.nidus) / median(first.yowasp);
  report.ratio(
    `first: ${digits(begin)} of @yowasp/clang's time, at most ${FIRST_LIMIT}`,
    begin <= FIRST_LIMIT,
  );
}

// The planner against clang's own driver, which is asked what it would do with `-###`.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { boot, compiler, planJobs, readDriver, tools as loadTools } from "./support.js";

const FILES = "a.c b.c dir/q.c x.cc x.cpp x.cxx x.C o.o lib.a s.s S.S p.i p.ii noext h.h".split(
  " ",
);
const CWD = "/home";

/** @type {import("../../../web/system.js").System} */
let system;
/** @type {WebAssembly.Module} */
let module;
/** @type {import("../../../web/kernel.js").Kernel} */
let tools;

before(async () => {
  system = await boot(Object.fromEntries(FILES.map((name) => [name, ""])));
  await system.exec("cc", ["--version"]); // mounts the sysroot
  module = await compiler();
  tools = await loadTools();
});

/**
 * What the driver does with a command line: its jobs, and what it says.
 * @param {string} driver
 * @param {string[]} args
 */
async function ask(driver, args) {
  const answer = await system.exec(module, ["-###", ...args], { argv0: driver, cwd: CWD });
  const { jobs, rest } = readDriver(tools, answer.stderr);
  return { jobs, says: rest + answer.stdout, code: answer.code };
}

/**
 * Command lines with temporary files made alike.
 * @param {import("./support.js").Job[]} jobs
 */
function normalized(jobs) {
  return jobs.map(({ argv }) =>
    argv.map((word) => word.replace(/^(\/tmp\/.+)-[0-9a-f]{6}(\.\w+)$/, "$1-XXXXXX$2")),
  );
}

/**
 * Compares plan and driver; answers whether there was a plan.
 * @param {string} line
 */
async function compare(line) {
  const [driver, ...args] = line.split(/ +/);
  const { jobs, ask: how } = planJobs({ tools, name: driver, argv: args, cwd: CWD });
  if (how !== undefined) return false;
  const asked = await ask(driver, args);
  const { says, code } = asked;
  assert.deepEqual(normalized(jobs), normalized(asked.jobs), line);
  assert.equal(says, "", `${line}: the driver has something to say`);
  assert.equal(code, 0, line);
  return true;
}

// Each line must have a plan, and the driver's.
const PLANNED = `
clang a.c
clang -O2 a.c -o hello
clang -c a.c
clang -c a.c b.c
clang -c dir/q.c -o dir/q.o
clang -S a.c
clang -S -O3 dir/q.c -o out.s
clang -E a.c
clang -E a.c b.c
clang -E -P -DX a.c -o a.i
clang -fsyntax-only -Wall a.c x.cc
clang -M a.c
clang -MM -MF deps.d dir/q.c
clang -M a.c -o deps.d
clang -MD -c a.c
clang -MMD -MP -MF a.dep -MT target -c a.c -o dir/a.o
clang -MD a.c b.c -o dir/prog.wasm
clang -MD -E a.c
clang -MD -S a.c
clang a.c b.c dir/q.c -o prog
clang a.c x.cc -o prog -lc++
clang -O a.c
clang -O0 a.c
clang -O1 a.c
clang -O3 a.c
clang -Os a.c
clang -Oz a.c
clang -Og -g a.c
clang -O2 -O0 a.c
clang -g a.c
clang -g0 a.c
clang -g1 -O2 a.c
clang -g3 -O2 a.c
clang -ggdb a.c
clang -gline-tables-only a.c
clang -gdwarf-5 -O1 a.c
clang -DA -DB=2 -D C=3 -UA -U B a.c
clang -Idir -I dir -iquote dir -isystem dir -idirafter dir -include h.h a.c
clang -std=c11 -pedantic -Wall -Wextra -Werror a.c
clang -std=gnu17 -w -Wno-unused-variable a.c
clang -pedantic-errors -Wconversion -Werror=return-type a.c
clang -ffreestanding -fno-builtin -fno-strict-aliasing -fwrapv a.c
clang -fno-omit-frame-pointer -fno-inline -funroll-loops a.c
clang -ffunction-sections -fdata-sections -Wl,--gc-sections a.c
clang -funsigned-char -fshort-enums -fcommon a.c
clang -fvisibility=default a.c
clang -fexceptions a.c
clang -fcolor-diagnostics -fno-caret-diagnostics a.c
clang -fdiagnostics-parseable-fixits -fdiagnostics-print-source-range-info -c a.c
clang -msimd128 -mtail-call -mno-bulk-memory -msimd128 a.c
clang -Xclang -ast-dump -fsyntax-only a.c
clang -mllvm -inline-threshold=5 a.c
clang a.c -lm -Ldir -L dir -l foo
clang a.c -Wl,--export=foo,-z,stack-size=65536 -Xlinker --export-all -z stack-size=5
clang -s a.c o.o lib.a
clang o.o lib.a -o prog
clang -O2 -g -Wall o.o -o prog
clang -nostdlib -Wl,--no-entry a.c
clang -nostartfiles a.c
clang -nodefaultlibs a.c
clang -mexec-model=reactor a.c
clang -mexec-model=command a.c
clang -shared -nostdlib a.c
clang -pthread a.c
clang -pthread -nostdlib x.cc
clang s.s -o prog
clang -c s.s
clang -c S.S
clang S.S a.c -o prog
clang p.i
clang -O2 -c p.ii
clang -x c noext
clang -xc++ noext -x none a.c
clang -x assembler-with-cpp -c s.s
clang --target=wasm32-wasip1 -m32 a.c
clang x.cc
clang x.cpp x.cxx x.C -c
clang++ x.cc
clang++ -fno-exceptions -fno-rtti -O2 x.cc -o prog
clang++ -std=c++20 -g -fno-threadsafe-statics x.cc
clang++ -std=c++17 -Wall -c x.cc x.cpp
clang++ -nostdlib++ x.cc
clang++ -nostdinc++ -nodefaultlibs x.cc
clang++ -x c a.c -x none x.cc
clang++ o.o -o prog
clang++ -E x.cc
`;

for (const line of PLANNED.trim().split("\n")) {
  test(`${line}: planned as the driver does`, async () => {
    assert.ok(await compare(line), "there is no plan");
  });
}

// What the driver warns of, refuses, or answers itself is left to it.
const LEFT = `
clang
clang -c o.o
clang -c a.c -lm
clang -c a.c -Ldir
clang -c a.c -Wl,--foo
clang -c a.c b.c -o both.o
clang -c -S a.c
clang -O4 a.c
clang -ansi a.c
clang -foo a.c
clang -fsanitize=undefined a.c
clang -flto a.c
clang -emit-llvm -c a.c
clang -v a.c
clang --version
clang -x c -
clang a.c -x c
clang -DX -c s.s
clang -march=native a.c
clang++ a.c
`;

test("what the driver warns of, refuses or answers itself has no plan", () => {
  for (const line of LEFT.trim().split("\n")) {
    const [driver, ...args] = line.split(/ +/);
    const { ask: how } = planJobs({ tools, name: driver, argv: args, cwd: CWD });
    assert.notEqual(how, undefined, line);
  }
});

test("a variable that the driver reads leaves the plan to it", () => {
  const question = { tools, name: "clang", argv: ["a.c"] };
  assert.equal(planJobs({ ...question, env: { CPATH: "/home/include" } }).ask, "");
  assert.equal(planJobs({ ...question, env: { HOME: "/home" } }).ask, undefined);
  assert.equal(
    planJobs({ ...question, planned: false }).ask,
    "",
    "of another build nothing is known",
  );
});

test("options put together at random are planned as the driver does", async () => {
  const lines = PLANNED.trim().split("\n");
  const options = lines.flatMap((line) => [...line.matchAll(/ (-[a-zA-Z]\S*)/g)].map(([, o]) => o));
  const alone = options.filter(
    (option) => !/^-(x|o|M[FT]|Xclang|Xlinker|mllvm|z|l|L|I|D|U)$/.test(option),
  );
  const plain = [...new Set(alone)].filter((option) => !/^-(i|include)/.test(option));
  let seed = 20221107;
  /** @param {number} below */
  const random = (below) => {
    seed = Math.imul(seed ^ (seed >>> 15), 0x2c1b3c6d) + 0x297a2d39;
    return ((seed ^ (seed >>> 13)) >>> 0) % below;
  };
  let planned = 0;
  for (let round = 0; round < 200; round++) {
    const words = [random(3) === 0 ? "clang++" : "clang"];
    for (let n = 1 + random(5); n > 0; n--) words.push(plain[random(plain.length)]);
    words.push(FILES[random(FILES.length)]);
    if (await compare(words.join(" "))) planned++;
  }
  assert.ok(planned >= 40, `only ${planned} had a plan`);
});

test("the driver's answer is read with its escapes and line breaks", () => {
  const text =
    "clang version 22\nTarget: wasm32\nclang: warning: something\n (in-process)\n" +
    ' "" "clang" "-cc1" "-D" "A=\\"b\\\\c\\" \\$d" "two\nlines"\n "wasm-ld" "x.o"\n\n';
  const { jobs, rest } = readDriver(tools, text);
  assert.deepEqual(jobs, [
    {
      tool: "clang",
      argv: ["clang", "-cc1", "-D", 'A="b\\c" $d', "two\nlines"],
      inputs: ["two\nlines"],
      output: undefined,
      temporary: false,
    },
    { tool: "wasm-ld", argv: ["wasm-ld", "x.o"], inputs: [], output: undefined, temporary: false },
  ]);
  assert.equal(rest, "clang: warning: something\n");
  assert.equal(
    readDriver(tools, text, true).rest,
    text.replace(" (in-process)\n", "").slice(0, -1),
  );
});

// `node first-compile.js nidus|yowasp`: loads that compiler, compiles once, and prints the milliseconds
// from the start of this script. One process per sample, since V8 keeps what it compiled of a module.
const start = performance.now();
const { nidusCompiler, yowaspCompiler } = await import("./compilers.js");
const compiler = await (process.argv[2] === "nidus" ? nidusCompiler() : yowaspCompiler());
await compiler.compile();
process.stdout.write(`${performance.now() - start}\n`);
process.exit(0);

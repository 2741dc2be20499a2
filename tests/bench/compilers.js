// The two ways of running the same clang: as guests of Nidus, and as @yowasp/clang runs it itself.
import { readFile } from "node:fs/promises";

export const HELLO = '#include <stdio.h>\n\nint main(void) {\n  puts("hello");\n  return 0;\n}\n';
export const FLAGS = ["-O2", "hello.c", "-o", "hello.wasm"];

/**
 * A compiler that is loaded. `compile` makes a program of HELLO and answers its size in bytes.
 *
 * @typedef {{ name: string, compile(): Promise<number>, close(): Promise<void> }} Compiler
 */

/** @returns {Promise<Compiler>} */
export async function nidusCompiler() {
  const { Nidus } = await import("../../node/index.js");
  const system = await Nidus.boot({ toolchain: true });
  return {
    name: "nidus",
    async compile() {
      await system.fs.writeFile("/home/hello.c", HELLO);
      const { code, stderr } = await system.exec("cc", FLAGS, { cwd: "/home" });
      if (code !== 0) throw new Error(`nidus: cc exited with ${code}: ${stderr}`);
      const { size } = await system.fs.stat("/home/hello.wasm");
      await system.fs.rm("/home/hello.wasm");
      return Number(size);
    },
    close: () => system.close(),
  };
}

/** @returns {Promise<Compiler>} */
export async function yowaspCompiler() {
  const { commands, runLLVM } = await import("@yowasp/clang");
  await runLLVM(undefined, {}, { fetchProgress() {} });
  return {
    name: "@yowasp/clang",
    async compile() {
      const tree = await commands.clang(FLAGS, { "hello.c": HELLO }, { stdout() {}, stderr() {} });
      const bytes = tree?.["hello.wasm"];
      if (!(bytes instanceof Uint8Array)) throw new Error("@yowasp/clang wrote no program");
      return bytes.length;
    },
    async close() {},
  };
}

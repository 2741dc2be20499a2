/**
 * From the text format to bytes, with npm's assemblers.
 *
 * `@bytecodealliance/jco` carries wasm-tools' parser, which knows every feature; `wabt` reads the
 * few strings that wasm-tools refuses as confusing (right-to-left marks and the like).
 */
import { parse } from "@bytecodealliance/jco";
import wabt from "wabt";

const WABT_FEATURES = Object.fromEntries(
  (
    "exceptions mutable_globals sat_float_to_int sign_extension simd threads function_references " +
    "multi_value tail_call bulk_memory reference_types annotations code_metadata gc memory64 " +
    "multi_memory extended_const relaxed_simd"
  )
    .split(" ")
    .map((feature) => [feature, true]),
);

/** @type {Promise<Awaited<ReturnType<typeof wabt>>> | undefined} */
let wabtReady;

/**
 * Assembles without validating. Throws an Error that says why when neither assembler can.
 * @param {string} text one character per byte
 * @returns {Promise<Uint8Array>}
 */
export async function assemble(text) {
  const source = Buffer.from(text, "latin1");
  let refusal;
  try {
    return await parse(source.toString("utf8"));
  } catch (error) {
    refusal = reasonOf(error);
  }
  wabtReady ??= wabt();
  const tools = await wabtReady;
  try {
    const module = tools.parseWat("module.wat", new Uint8Array(source), WABT_FEATURES);
    try {
      return module.toBinary({}).buffer;
    } finally {
      module.destroy();
    }
  } catch (error) {
    throw new Error(`wasm-tools: ${refusal}; wabt: ${reasonOf(error)}`);
  }
}

/**
 * Does an assembler refuse the text, as it must a malformed one? Either of them may be the one that knows.
 * @param {string} text one character per byte
 */
export async function refuses(text) {
  const source = Buffer.from(text, "latin1");
  try {
    await parse(source.toString("utf8"));
  } catch {
    return true;
  }
  wabtReady ??= wabt();
  try {
    (await wabtReady).parseWat("module.wat", new Uint8Array(source), WABT_FEATURES).destroy();
    return false;
  } catch {
    return true;
  }
}

/** @param {unknown} error */
function reasonOf(error) {
  const message = error instanceof Error ? error.message : String(error);
  const said = /custom: "([^"]*)"|error: ([^\n]*)/i.exec(message);
  return (said?.[1] ?? said?.[2] ?? message).slice(0, 160).replaceAll("\n", " ");
}

/**
 * The bits of float literals, as an assembler reads them: exact, whatever their notation.
 * @param {{ type: "f32" | "f64", text: string }[]} literals
 * @returns {Promise<string[]>} big-endian hexadecimal
 */
export async function floatBits(literals) {
  if (literals.length === 0) return [];
  const globals = literals.map(({ type, text }) => `(global ${type} (${type}.const ${text}))`);
  const bytes = await assemble(`(module ${globals.join("\n")})`);
  let at = bytes.indexOf(6, 8); // the global section comes first
  const leb = () => {
    while (bytes[at++] & 0x80);
  };
  at++;
  leb(); // its size
  leb(); // how many globals
  return literals.map(({ type }) => {
    const size = type === "f32" ? 4 : 8;
    at += 3; // value type, mutability, opcode of const
    const bits = Buffer.from(bytes.subarray(at, at + size))
      .reverse()
      .toString("hex");
    at += size + 1; // and end
    return bits;
  });
}

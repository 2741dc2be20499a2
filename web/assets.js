/**
 * Getting WebAssembly modules: from a module, bytes, a response or an address, with one clear
 * sentence for each way it goes wrong.
 *
 * Bundlers and servers answer a wrong address with an HTML page and status 200, and a content
 * security policy makes compilation fail with wording that differs from browser to browser; both
 * are recognised here, by name.
 */

import { NidusError, messageOf } from "./errors.js";

/** @typedef {WebAssembly.Module | Uint8Array | ArrayBuffer | Response | URL | string} ModuleSource */

/**
 * Compiles a module of the package.
 * @param {ModuleSource | Promise<ModuleSource>} source
 * @param {string} name for messages, such as `kernel.wasm`
 * @param {(bytes: Uint8Array) => void} [change] changes the bytes before
 * @returns {Promise<WebAssembly.Module>}
 */
export async function compileAsset(source, name, change) {
  const given = await source;
  if (given instanceof WebAssembly.Module) return given;
  const response =
    typeof given === "string" || given instanceof URL
      ? await fetchAsset(given, name)
      : new Response(/** @type {BodyInit} */ (given instanceof Response ? given.body : given));
  const bytes = new Uint8Array(await response.arrayBuffer());
  change?.(bytes);
  return compileBytes(bytes, name);
}

/**
 * Fetches a file of the package; a missing file is an error.
 * @param {URL | string} url
 * @param {string} name
 * @returns {Promise<Response>}
 */
export async function fetchAsset(url, name) {
  const response = await fetch(url).catch((cause) => {
    throw assetError(
      `Cannot fetch ${name} from ${url}: ${messageOf(cause)}; check the connection and the page's ` +
        `connect-src policy, or give its address in assets.`,
      cause,
    );
  });
  if (response.ok) return response;
  throw assetError(
    `${name} is missing: ${url} answered ${response.status}; serve the file there, ` +
      `or give its address in assets.`,
  );
}

/**
 * @param {Uint8Array} bytes
 * @param {string} name
 * @param {(wrong: string) => unknown} [refuse] throws what is to be said of bytes that are no module; left
 *   out: of a file of the package
 * @returns {Promise<WebAssembly.Module>}
 */
export async function compileBytes(
  bytes,
  name,
  refuse = (wrong) => {
    throw assetError(
      `${name} is ${wrong}, not a WebAssembly module; serve the package's own file at that address` +
        (wrong.includes("HTML")
          ? ` (with Vite up to 7, add optimizeDeps.exclude: ["nidus"]).`
          : `.`),
    );
  },
) {
  const wrong = notAModule(bytes);
  if (wrong !== null) refuse(wrong);
  try {
    return await WebAssembly.compile(/** @type {Uint8Array<ArrayBuffer>} */ (bytes));
  } catch (cause) {
    throw explainCompileError(cause, name);
  }
}

/**
 * @param {string} message
 * @param {unknown} [cause]
 */
function assetError(message, cause) {
  return new NidusError("NIDUS_ASSET", message, { cause });
}

/**
 * What bytes are, when they are no core module of WebAssembly; null when they may be one.
 * @param {Uint8Array} bytes
 * @returns {string | null}
 */
export function notAModule(bytes) {
  if (bytes.length === 0) return "empty";
  const head = String.fromCharCode(...bytes.subarray(0, 64));
  if (/^(\xef\xbb\xbf)?\s*<(!|html|\?xml)/i.test(head)) return "an HTML page";
  if (head.startsWith("version https://git-lfs")) return "a Git LFS pointer";
  if (head.startsWith("\0asm")) return bytes[6] === 1 ? "a component" : null;
  const shown = Array.from(bytes.slice(0, 4), (byte) => byte.toString(16).padStart(2, "0"));
  return `a file that begins with ${shown.join(" ")}`;
}

/**
 * The reason why the host refused to compile a module.
 * @param {unknown} thrown
 * @param {string} name
 */
export function explainCompileError(thrown, name) {
  const text = messageOf(thrown);
  if (/embedder|CSP|content security|unsafe-eval/i.test(text)) {
    return new NidusError(
      "NIDUS_CSP",
      `This page's content security policy forbids WebAssembly, so ${name} cannot be compiled; ` +
        `add 'wasm-unsafe-eval' to its script-src.`,
      { cause: thrown },
    );
  }
  return new NidusError("ENOEXEC", `${name} is not a valid WebAssembly module here: ${text}`, {
    cause: thrown,
  });
}

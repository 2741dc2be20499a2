/**
 * A small static server for a folder, with others below it, on localhost only: what `npm start` and the
 * browser tests serve pages with. It can send the headers that make a page cross-origin isolated.
 *
 * Never leaves its folders, never lists one, and answers a repeated request for an unchanged file
 * with 304, since the compiler alone is 75 MB.
 */
import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize, sep } from "node:path";
import { pipeline } from "node:stream";

/** @type {Record<string, string>} */
const types = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".map": "application/json",
  ".mjs": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
  ".tar": "application/x-tar",
  ".txt": "text/plain; charset=utf-8",
  ".wasm": "application/wasm",
  ".woff2": "font/woff2",
};

/**
 * @typedef {object} ServeOptions
 * @property {string} folder what to serve
 * @property {Record<string, string>} [mounts] further folders by where they are served, such as "/clang/"
 * @property {Record<string, string>} [headers] sent with every answer
 * @property {boolean} [isolated] send COOP and COEP, so that pages may share memory
 * @property {number} [port] the first port to try; 0 lets the system choose
 */

/** @param {ServeOptions} options @returns {import("node:http").RequestListener} */
function handler({ folder, mounts = {}, headers = {}, isolated = false }) {
  return (request, response) => {
    response.setHeader("Cache-Control", "no-cache");
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    if (isolated) {
      response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
      response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
      response.setHeader("Cross-Origin-Resource-Policy", "same-origin");
    }
    /** @param {number} status @param {string} sentence */
    const refuse = (status, sentence) => {
      response.writeHead(status, { "Content-Type": "text/plain; charset=utf-8" });
      response.end(`${sentence}\n`);
    };
    if (request.method !== "GET" && request.method !== "HEAD") {
      return refuse(405, "Only GET and HEAD are served here.");
    }
    let path;
    try {
      path = decodeURIComponent(new URL(request.url ?? "/", "http://localhost").pathname);
    } catch {
      return refuse(400, "This address cannot be read.");
    }
    const mount = Object.keys(mounts).find((prefix) => path.startsWith(prefix));
    const base = mount === undefined ? folder : normalize(join(mounts[mount] ?? "", "."));
    let file = normalize(join(base, path.slice(mount?.length ?? 0)));
    if (path.includes("\0") || (file !== base && !file.startsWith(base + sep))) {
      return refuse(403, "This path leaves the served folder.");
    }
    let stat = statSync(file, { throwIfNoEntry: false });
    if (stat?.isDirectory()) {
      file = join(file, "index.html");
      stat = statSync(file, { throwIfNoEntry: false });
    }
    if (!stat?.isFile()) return refuse(404, `There is no ${path} here.`);
    const etag = `"${stat.size.toString(36)}-${Math.round(stat.mtimeMs).toString(36)}"`;
    response.setHeader("ETag", etag);
    if (request.headers["if-none-match"] === etag) {
      response.writeHead(304);
      return void response.end();
    }
    response.writeHead(200, {
      "Content-Type": types[extname(file)] ?? "application/octet-stream",
      "Content-Length": stat.size,
    });
    if (request.method === "HEAD") return void response.end();
    // A reader that goes away is no event.
    pipeline(createReadStream(file), response, () => {});
  };
}

/**
 * Serves a folder; when the port is busy, on the next one.
 * @param {ServeOptions} options
 * @returns {Promise<{url: string, close: () => Promise<void>}>}
 */
export async function serve(options) {
  const server = createServer(handler(options));
  const first = options.port ?? 0;
  for (let port = first; ; port++) {
    try {
      await new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen(port, "127.0.0.1", () => resolve(undefined));
      });
      break;
    } catch (error) {
      const { code } = /** @type {NodeJS.ErrnoException} */ (error);
      if (code !== "EADDRINUSE" || port >= first + 100) throw error;
    }
  }
  const address = server.address();
  const port = address !== null && typeof address === "object" ? address.port : first;
  return {
    url: `http://localhost:${port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/**
 * node scripts/guests.mjs: compiles guests/shell to web/shell.wasm and guests/pthread to web/pthread.tar with Nidus's
 * own cc, one file at a time; what has not changed since is kept in build/guests/.
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Nidus } from "../node/index.js";
import { ScriptError, root, script } from "./lib/process.mjs";

const SHELL =
  "-std=c11 -Os -Wall -Wextra -Werror -D_GNU_SOURCE -D_WASI_EMULATED_SIGNAL -D_WASI_EMULATED_GETPID";
const THREADS = "-std=c11 -Os -Wall -Wextra -Werror -D_GNU_SOURCE -pthread -Iinclude";
const LIBRARY = "lib/wasm32-wasip1";

/** @param {string} path */
const changed = (path) => (existsSync(path) ? statSync(path).mtimeMs : 0);

/**
 * Files as the beginning of a tar archive: no end is marked, for the sysroot's follow.
 * @param {[name: string, bytes: Uint8Array][]} files
 */
function tar(files) {
  return Buffer.concat(
    files.flatMap(([name, bytes]) => {
      const header = Buffer.alloc(512);
      const octal = (/** @type {number} */ value, /** @type {number} */ width) =>
        `${value.toString(8).padStart(width - 1, "0")}\0`;
      header.write(name, 0);
      header.write(octal(0o644, 8), 100);
      header.write(octal(bytes.length, 12), 124);
      header.write("        0", 148);
      header.write("ustar\x0000", 257, "latin1");
      header.write(
        `${octal(
          header.reduce((sum, byte) => sum + byte, 0),
          7,
        )} `,
        148,
      );
      return [header, bytes, Buffer.alloc(-bytes.length & 511)];
    }),
  );
}

await script(async () => {
  const web = join(root, "web");
  const objects = join(root, "build", "guests");
  const archive = join(web, "pthread.tar");
  mkdirSync(objects, { recursive: true });
  // The toolchain wants it, and this is where it comes from.
  if (!existsSync(archive)) writeFileSync(archive, "");
  const system = await Nidus.boot({
    toolchain: true,
    mounts: {
      "/src": { type: "host", folder: join(root, "guests"), readOnly: true },
      "/obj": { type: "host", folder: objects },
      "/web": { type: "host", folder: web },
    },
  });
  const run = async (
    /** @type {string} */ cwd,
    /** @type {string} */ command,
    /** @type {string[]} */ ...args
  ) => {
    const { code, stderr } = await system.exec(command, args, { cwd });
    if (code !== 0) throw new ScriptError(`${command} ${args.join(" ")}\n${stderr}`);
  };

  /**
   * Compiles what lies in a folder, and answers the objects.
   * @param {string} folder
   * @param {string} flags
   */
  const compile = async (folder, flags) => {
    const sources = join(root, "guests", folder);
    const names = readdirSync(sources, { recursive: true }).map(String);
    mkdirSync(join(objects, folder), { recursive: true });
    const newest = Math.max(
      changed(join(web, "toolchain.wasm")),
      ...names.filter((name) => name.endsWith(".h")).map((name) => changed(join(sources, name))),
    );
    const made = [];
    for (const name of names.filter((each) => /\.[cs]$/.test(each))) {
      const object = `${folder}/${name.replace(/.$/, "o")}`;
      made.push(`/obj/${object}`);
      const before = changed(join(objects, object));
      if (before > newest && before > changed(join(sources, name))) continue;
      const own = name.endsWith(".c") ? flags.split(" ") : [];
      await run(`/src/${folder}`, "cc", ...own, "-c", name, "-o", `/obj/${object}`);
    }
    return made;
  };

  const library = "libnidus-pthread.a";
  await run("/obj", "ar", "rcs", library, ...(await compile("pthread", THREADS)));
  const source = join(root, "guests", "pthread");
  const headers = readdirSync(join(source, "include"));
  writeFileSync(
    archive,
    tar([
      ...headers.map(
        (name) =>
          /** @type {[string, Buffer]} */ ([
            `include/nidus-pthread/${name}`,
            readFileSync(join(source, "include", name)),
          ]),
      ),
      [`${LIBRARY}/nidus-pthread.txt`, readFileSync(join(source, "link.txt"))],
      [`${LIBRARY}/${library}`, readFileSync(join(objects, library))],
    ]),
  );

  const made = await compile("shell", SHELL);
  await run("/src", "cc", "-s", ...made, "-lwasi-emulated-signal", "-o", "/web/shell.wasm");
  await system.close();
});

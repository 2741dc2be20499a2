// Nidus as a host of the system call bench: direct tier, an in-memory tree, this process.
import { readFile } from "node:fs/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { System } from "../../web/system.js";

/** Another build of the kernel can be compared by naming its file. */
const KERNEL = process.env.NIDUS_KERNEL
  ? pathToFileURL(process.env.NIDUS_KERNEL)
  : new URL("../../web/kernel.wasm", import.meta.url);
const HOME = "/home";

/** @returns {Promise<import("./hosts.js").Host>} */
export async function nidusHost() {
  const bytes = await readFile(KERNEL).catch(() => {
    throw new Error(`${fileURLToPath(KERNEL)} is not built; run \`npm run setup\` first`);
  });
  const system = await System.create({ kernel: bytes });
  await system.fs.mkdir(HOME, { recursive: true });
  return {
    name: "nidus",
    version: `this tree, kernel.wasm of ${bytes.length} bytes`,
    async fill(folder, count) {
      const path = `${HOME}/${folder}`;
      await system.fs.rm(path, { recursive: true, force: true });
      await system.fs.mkdir(path);
      for (let i = 0; i < count; i++)
        system.sync.writeFile(`${path}/file-${String(i).padStart(6, "0")}`, new Uint8Array());
    },
    async run(module, args) {
      const { code, trap, stdout, stderr } = await system.exec(module, args, { cwd: HOME });
      if (code !== 0)
        throw new Error(`nidus: ${args.join(" ")} exited with ${code}. ${trap?.message ?? stderr}`);
      return stdout;
    },
    close: () => system.close(),
  };
}

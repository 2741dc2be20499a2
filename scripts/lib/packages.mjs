/**
 * System packages. Knows which tool comes from which Debian package, on Debian 12 and 13, and
 * installs those that are missing: as root, or with sudo where it asks no password. Otherwise it
 * prints the one line to run. A tool that is there already, from wherever, is left alone.
 */
import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import { spawnSync } from "node:child_process";
import { ScriptError, ask, must } from "./process.mjs";
import { isDone, markDone } from "./stamp.mjs";

/** @param {string} name */
export function onPath(name) {
  for (const folder of (process.env.PATH ?? "").split(":")) {
    try {
      accessSync(join(folder || ".", name), constants.X_OK);
      return true;
    } catch {
      // Not in this folder.
    }
  }
  return false;
}

/** Debian's gcc does not bring the C library's headers, and clang not its sanitisers, so both are tried. */
function canCompile() {
  return compiles("gcc", '#include <stdio.h>\nint main(void) { return puts("") < 0; }\n', [
    "-fsanitize=address",
  ]);
}

function canFuzz() {
  const source =
    "#include <stddef.h>\n#include <stdint.h>\n" +
    "int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) { return n > 0 && p[0] == 255 ? 0 : 0; }\n";
  return compiles("clang", source, ["-fsanitize=fuzzer,address,undefined"]);
}

/** @param {string} compiler @param {string} source @param {string[]} flags */
function compiles(compiler, source, flags) {
  if (!onPath(compiler)) return false;
  const args = [...flags, "-x", "c", "-", "-o", "/dev/null"];
  return (
    spawnSync(compiler, args, { input: source, stdio: ["pipe", "ignore", "ignore"] }).status === 0
  );
}

/**
 * Every tool the builds and tests need: how to see that it is there, and where it comes from. Without one that is
 * `optional` everything works, and the tests that want it say that they are skipped.
 *
 * @type {{name: string, present(): boolean, packages: string[], optional?: boolean}[]}
 */
const tools = [
  { name: "a C compiler", present: canCompile, packages: ["gcc", "libc6-dev"] },
  { name: "cmake", present: () => onPath("cmake"), packages: ["cmake"] },
  { name: "ninja", present: () => onPath("ninja"), packages: ["ninja-build"] },
  { name: "emcc", present: () => onPath("emcc"), packages: ["emscripten"] },
  {
    name: "clang with libFuzzer",
    present: canFuzz,
    packages: ["clang", "libclang-rt-dev"],
  },
  { name: "chromium", present: () => onPath("chromium"), packages: ["chromium"] },
  {
    name: "firefox",
    present: () => onPath("firefox-esr"),
    packages: ["firefox-esr"],
    optional: true,
  },
];

/** The names of the tools that are missing, and without which there is no work. */
export function missingTools() {
  return tools.filter((tool) => !tool.optional && !tool.present()).map((tool) => tool.name);
}

/** What to put before a command to run it as root, or undefined where that needs a password. */
function rootPrefix() {
  if (process.getuid?.() === 0) return [];
  return ask("sudo", ["-n", "true"]) === undefined ? undefined : ["sudo", "-n"];
}

/** @param {string[]} prefix @param {string[]} packages */
async function aptInstall(prefix, packages) {
  const patience = ["-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3"];
  const command = [...prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"];
  for (const args of [["update"], ["install", "-y", "--no-install-recommends", ...packages]]) {
    if (args[0] === "install") console.log(`  apt-get install ${packages.join(" ")}`);
    const [program, ...rest] = [...command, ...args, ...patience];
    await must("Installing system packages", program, rest, { quiet: true, minutes: 30 });
  }
}

/** Installs what is missing, or says exactly what to do. */
export async function installPackages() {
  const missing = tools.filter((tool) => !tool.present());
  const needed = missing.filter((tool) => !tool.optional);
  const wanted = missing.filter((tool) => tool.optional && !isDone(`tried-${tool.name}`, "", []));
  if (needed.length + wanted.length === 0) return "nothing to install";
  const prefix = onPath("apt-get") ? rootPrefix() : undefined;
  const packages = needed.flatMap((tool) => tool.packages);
  if (needed.length > 0) {
    const names = needed.map((tool) => tool.name).join(", ");
    if (!onPath("apt-get")) {
      throw new ScriptError(
        `The set-up needs ${names}; there is no apt-get here to install them with. Install them and run the command again.`,
      );
    }
    if (!prefix) {
      throw new ScriptError(
        `The set-up needs ${names}. Without root it cannot install them; please run\n\n` +
          `  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${packages.join(" ")}\n\nand then the same command again.`,
      );
    }
    await aptInstall(prefix, packages);
    const still = missingTools();
    if (still.length > 0)
      throw new ScriptError(`After the installation ${still.join(", ")} could still not be used.`);
  }
  for (const tool of wanted) {
    // Once for each checkout: a system that does not have it is not asked at every set-up.
    markDone(`tried-${tool.name}`, "");
    const installed =
      prefix &&
      (await aptInstall(prefix, tool.packages).then(
        () => tool.present(),
        () => false,
      ));
    if (installed) packages.push(...tool.packages);
    else console.log(`  ${tool.name} is not here: the tests that want it will be skipped`);
  }
  return packages.length > 0 ? packages.join(" ") : "nothing to install";
}

#!/usr/bin/env node
/**
 * The `nidus` command: from arguments to one of its verbs. What a verb needs is loaded when it is
 * known which one it is, so that a small program starts fast.
 */

import { NidusError } from "../web/errors.js";

const USAGE = `usage: nidus run [options] PROGRAM.wasm [arguments]
       nidus cc|c++|… [arguments of the tool]
       nidus sh [-c COMMANDS | SCRIPT] [arguments]
       nidus inspect MODULE.wasm
       nidus fsck [--repair] FILE
       nidus help [run|cc] | --version
`;

const HELP = `nidus runs WASI programs and a C and C++ compiler that is one.

  nidus run [options] PROGRAM.wasm [arguments]
      Runs a program. Its exit code is that of nidus; 134 when it trapped.
      --dir HOST[::GUEST]  gives it the folder HOST of this machine, as GUEST
                           (the same name, if left out); may be repeated
      --volume FILE[::PATH]  gives it the volume that lies in FILE, which is made if it is not
                           there, as PATH (/home, if left out); may be repeated
      --env NAME=VALUE     sets a variable; --env NAME hands this one's on; may be repeated
      --tier TIER          direct: on the host's own WebAssembly; interp: on Nidus's
                           interpreter; auto (the default): whichever fits
      --fuel N             stops it after about N instructions (on the interpreter)
      --limit NAME=N       descriptors=N, file-size=BYTES, output=BYTES, memory=BYTES,
                           time=SECONDS; may be repeated. What is stopped exits with 152
      --listen HOST:PORT   gives it a socket that listens there (or unix:PATH), at the
                           descriptor after the folders; may be repeated
      --trace              prints each system call, its arguments and its result, on
                           standard error
      --                   ends the options

  nidus cc [arguments]     compiles and links C, as clang does
  nidus c++ [arguments]    compiles and links C++
      The folders of this machine are there under their own names, but for /usr, which holds
      the headers and libraries of the target, and /dev, which is Nidus's.

  nidus sh [-c COMMANDS | SCRIPT] [arguments]
      A shell, with the usual small commands, cc and its like, and WASI programs as commands.
      The folders of this machine are there as for cc, and /bin is Nidus's, too.

  nidus inspect MODULE.wasm
      Prints what a module is made of: sections, types, imports, exports, the features it
      uses, and which browsers and Nodes can run it directly.

  nidus fsck [--repair] FILE
      Checks the volume in FILE. Exit code 0: it is whole; 1: it was repaired; 2: it is damaged.

  nidus help               this text
  nidus --version          the version
`;

/** Everything `process.exit` understands. */
const USAGE_ERROR = 2;
const FAILURE = 1;

/** @param {string[]} args */
async function main(args) {
  const [verb = "", ...rest] = args;
  switch (verb) {
    case "run": {
      const { run } = await import("./run.js");
      return run(rest);
    }
    case "inspect": {
      const { inspect } = await import("./inspect.js");
      write(1, await inspect(rest));
      return 0;
    }
    case "fsck": {
      const { fsck } = await import("./fsck.js");
      return fsck(rest, write);
    }
    case "help":
    case "--help":
    case "-h":
      write(1, HELP);
      return 0;
    case "--version":
    case "-V": {
      const { version } = await import("./assets.js");
      write(1, `nidus ${version()}\n`);
      return 0;
    }
    case "":
      write(2, USAGE);
      return USAGE_ERROR;
  }
  if (verb.startsWith("-")) {
    write(2, `nidus: there is no option ${verb}; see nidus help\n`);
    return USAGE_ERROR;
  }
  const { TOOLS, runShell, runTool } = await import("./toolchain.js");
  if (verb === "sh") return runShell(rest);
  if (TOOLS.includes(verb)) return runTool(verb, rest);
  write(2, `nidus: there is no command "${verb}"; a program is run by: nidus run ${verb}\n`);
  return USAGE_ERROR;
}

/**
 * @param {1 | 2} fd
 * @param {string} text
 */
function write(fd, text) {
  (fd === 1 ? process.stdout : process.stderr).write(text);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof NidusError)) throw error;
  write(2, `nidus: ${error.message}\n`);
  process.exitCode = error.code === "EUSAGE" ? USAGE_ERROR : FAILURE;
}

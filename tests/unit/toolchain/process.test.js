/** Programs that include nidus/process.h: cc finds it and links what it needs, and children, pipes and signals work. */
import assert from "node:assert/strict";
import test from "node:test";
import { boot } from "./support.js";

const SPAWNS = `#include <errno.h>
#include <nidus/process.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
int main(int argc, char **argv) {
  char text[4096];
  if (argc > 1 && !strcmp(argv[1], "child")) {
    printf("child in %s, %d\\n", getcwd(text, sizeof text), getppid() > 1);
    return 5;
  }
  if (argc > 1) __builtin_trap();
  int fds[2], status;
  pid_t pid;
  if (pipe(fds) || mkdir("in", 0777) || chdir("in")) return 1;
  struct nidus_spawn_action actions[] = {{NIDUS_SPAWN_DUP2, fds[1], 1}};
  struct nidus_spawn how = {actions, 1, 0, 0};
  char *args[] = {argv[0], "child", NULL};
  if (nidus_spawn(&pid, "../spawns", &how, args, NULL)) return 2;
  close(fds[1]);
  printf("%.*s", (int)read(fds[0], text, sizeof text), text);
  printf("%d %d\\n", waitpid(pid, &status, 0) == pid, WEXITSTATUS(status));
  args[1] = "trap";
  nidus_spawn(&pid, "/home/spawns", NULL, args, NULL);
  waitpid(pid, &status, 0);
  printf("signal %d\\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
  how = (struct nidus_spawn){NULL, 0, NIDUS_SPAWN_SEARCH, 0};
  char *names[] = {"none", "greet", "/home/text"};
  for (int i = 0; i < 3; i++) {
    char *list[] = {names[i], "you", NULL};
    nidus_spawn(&pid, names[i], &how, list, NULL);
    waitpid(pid, &status, 0);
    printf("%s %d\\n", names[i], WEXITSTATUS(status));
  }
  printf("%d %d\\n", waitpid(-1, NULL, 0), errno == ECHILD);
  printf("%d\\n", nidus_spawn(&pid, "./nowhere", NULL, args, NULL) == ENOENT);
  return 0;
}
`;

const HANDLES = `#include <errno.h>
#include <nidus/process.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
static volatile int caught;
static void note(int signal) { caught = signal; }
int main(int argc, char **argv) {
  char c;
  if (argc > 1) {
    signal(SIGUSR1, note);
    signal(SIGTERM, SIG_IGN);
    write(1, "r", 1);
    int result = read(0, &c, 1), error = errno;
    dprintf(2, "read %d %d, caught %d\\n", result, error == EINTR, caught == SIGUSR1);
    read(0, &c, 1);
    return 1;
  }
  int ready[2], input[2], status;
  pid_t pid;
  signal(SIGCHLD, note);
  if (pipe(ready) || pipe(input)) return 1;
  struct nidus_spawn_action actions[] = {{NIDUS_SPAWN_DUP2, ready[1], 1}, {NIDUS_SPAWN_DUP2, input[0], 0}};
  struct nidus_spawn how = {actions, 2, NIDUS_SPAWN_GROUP, 0};
  char *args[] = {argv[0], "child", NULL};
  if (nidus_spawn(&pid, "/home/handles", &how, args, NULL)) return 2;
  read(ready[0], &c, 1);
  if (getpgid(pid) != pid || kill(pid, SIGTERM) || kill(pid, SIGUSR1)) return 3;
  for (int i = 0; i < 100 && waitpid(pid, &status, WNOHANG) == 0; i++) usleep(1000);
  kill(-pid, SIGINT);
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  printf("ended by %d, caught %d\\n", WTERMSIG(status), caught == SIGCHLD);
  raise(SIGCHLD);
  printf("%d\\n", kill(1, SIGTERM) < 0 && errno == EPERM);
  return 0;
}
`;

test("a program spawns children, in its folder, with pipes, and learns how they ended", async () => {
  const system = await boot({ "spawns.c": SPAWNS, text: "no module" });
  system.commands.set("greet", async ({ args, stdout }) => {
    await stdout.write(`hello ${args}\n`);
    return 9;
  });
  const built = await system.exec("cc", ["-Wall", "-Werror", "spawns.c", "-o", "spawns"], {
    cwd: "/home",
  });
  assert.equal(built.stderr, "");
  for (const tier of /** @type {const} */ (["auto", "interp"])) {
    const { code, stdout, stderr } = await system.exec("./spawns", [], { cwd: "/home", tier });
    assert.equal(
      stdout,
      "child in /home/in, 1\nhello you\n1 5\nsignal 6\nnone 127\ngreet 9\n/home/text 126\n-1 1\n1\n",
    );
    assert.match(stderr, /\/home\/spawns was stopped: .*unreachable/);
    assert.match(
      stderr,
      /none: command not found\n.*text is a file that begins with .*, not a WebAssembly module/s,
    );
    assert.equal(code, 0);
    assert.equal(system.running.size, 0);
    assert.deepEqual(
      system.processes().map(({ pid }) => pid),
      [1],
    );
    await system.fs.rmdir("/home/in");
  }
});

test("handlers of signal() run at system calls, which answer EINTR", async () => {
  const system = await boot({ "handles.c": HANDLES });
  const flags = ["-D_WASI_EMULATED_SIGNAL", "handles.c", "-lwasi-emulated-signal", "-o", "handles"];
  const built = await system.exec("cc", flags, { cwd: "/home" });
  assert.equal(built.stderr, "");
  for (const tier of /** @type {const} */ (["auto", "interp"])) {
    const { code, stdout, stderr } = await system.exec("./handles", [], { cwd: "/home", tier });
    assert.equal(stdout, "ended by 2, caught 1\n1\n");
    assert.equal(stderr, "read -1 1, caught 1\n");
    assert.equal(code, 0);
  }
});

test("a program without processes links nothing of them", async () => {
  const system = await boot({
    "a.c": '#include <stdio.h>\nint main(void) { return getchar() < 0 && puts("text"); }',
  });
  await system.exec("cc", ["a.c", "-o", "a"], { cwd: "/home" });
  const module = new WebAssembly.Module(
    /** @type {Uint8Array<ArrayBuffer>} */ (await system.fs.readFile("/home/a")),
  );
  const modules = WebAssembly.Module.imports(module).map((each) => each.module);
  assert.ok(!modules.includes("nidus_process"));
});

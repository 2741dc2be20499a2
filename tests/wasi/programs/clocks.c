/* Clocks and sleeping: what can be said of them on any machine. */
#include <sys/stat.h>
#include <time.h>
#include <poll.h>
#include <fcntl.h>
#include <unistd.h>
#include "report.h"

static long long now(clockid_t clock) {
  struct timespec time;
  if (clock_gettime(clock, &time)) return -1;
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

int main(void) {
  long long before = now(CLOCK_MONOTONIC);
  for (int i = 0; i < 1000; i++) {
    long long next = now(CLOCK_MONOTONIC);
    if (next < before) printf("backwards\n");
    before = next;
  }
  struct timespec pause = {0, 30000000};
  REPORT(nanosleep(&pause, NULL));
  long long slept = now(CLOCK_MONOTONIC) - before;
  printf("%s\n", slept >= 30000000 && slept < 5000000000 ? "slept" : "did not sleep");
  REPORT(usleep(1000));
  printf("%s\n", now(CLOCK_REALTIME) / 1000000000 > 1600000000 ? "this century" : "long ago");
  struct timespec resolution;
  REPORT(clock_getres(CLOCK_MONOTONIC, &resolution));
  printf("%d\n", resolution.tv_sec == 0 && resolution.tv_nsec > 0);

  int fd = open("stamped", O_WRONLY | O_CREAT, 0644);
  struct stat stat;
  fstat(fd, &stat);
  long long stamp = stat.st_mtim.tv_sec - now(CLOCK_REALTIME) / 1000000000;
  printf("%s\n", stamp >= -2 && stamp <= 2 ? "stamped now" : "stamped otherwise");
  struct timespec times[2] = {{1000000000, 500000000}, {1111111111, 123000000}};
  REPORT(futimens(fd, times));
  fstat(fd, &stat);
  /* A host may keep microseconds only. */
  printf("%lld.%06ld %lld\n", (long long)stat.st_mtim.tv_sec, stat.st_mtim.tv_nsec / 1000, (long long)stat.st_atim.tv_sec);
  REPORT(utimensat(AT_FDCWD, "stamped", (struct timespec[2]){{5, 0}, {0, UTIME_OMIT}}, 0));
  fstat(fd, &stat);
  printf("%lld %lld\n", (long long)stat.st_mtim.tv_sec, (long long)stat.st_atim.tv_sec);

  struct pollfd polled = {0, POLLIN, 0};
  REPORT(poll(&polled, 1, 1000));
  printf("%d\n", (polled.revents & POLLIN) != 0);
  struct pollfd none = {1, POLLOUT, 0};
  REPORT(poll(&none, 1, 10));
  return 0;
}

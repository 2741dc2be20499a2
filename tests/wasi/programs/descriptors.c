/* Files through descriptors: offsets, holes, vectors, files without a name. */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include "report.h"

static void content(int fd) {
  char bytes[64];
  long got = pread(fd, bytes, sizeof bytes, 0);
  printf("%ld:", got);
  for (long i = 0; i < got; i++) printf(" %02x", (unsigned char)bytes[i]);
  printf("\n");
}

int main(void) {
  struct stat stat;
  char bytes[16] = {0};
  int fd = open("f", O_RDWR | O_CREAT | O_EXCL, 0644);
  REPORT(write(fd, "hello", 5));
  REPORT(lseek(fd, 0, SEEK_CUR));
  REPORT(lseek(fd, 10, SEEK_SET));
  REPORT(write(fd, "end", 3));
  content(fd);
  REPORT(pwrite(fd, "HE", 2, 0));
  REPORT(lseek(fd, 0, SEEK_CUR));
  REPORT(pread(fd, bytes, 4, 3));
  REPORT(lseek(fd, -3, SEEK_END));
  REPORT(lseek(fd, -30, SEEK_CUR));
  REPORT(lseek(fd, 5, 77));
  REPORT(lseek(fd, 1000, SEEK_SET));
  REPORT(read(fd, bytes, 4));
  REPORT(lseek(fd, 0, SEEK_SET));
  struct iovec vectors[3] = {{bytes, 2}, {bytes + 4, 0}, {bytes + 8, 3}};
  REPORT(readv(fd, vectors, 3));
  printf("%.2s %.3s\n", bytes, bytes + 8);
  REPORT(writev(fd, vectors, 3));
  content(fd);
  REPORT(ftruncate(fd, 4));
  content(fd);
  REPORT(ftruncate(fd, -1));
  REPORT(fstat(fd, &stat));
  printf("%lld %d\n", (long long)stat.st_size, (int)S_ISREG(stat.st_mode));
  REPORT(fsync(fd));

  int other = open("f", O_WRONLY | O_APPEND);
  REPORT(lseek(other, 0, SEEK_SET));
  REPORT(write(other, "++", 2));
  REPORT(lseek(other, 0, SEEK_CUR));
  REPORT(read(other, bytes, 1));
  content(fd);
  REPORT(close(other));
  REPORT(close(other));
  REPORT(write(other, "x", 1));
  other = open("f", O_RDONLY);
  REPORT(write(other, "x", 1));
  REPORT(open("f", O_RDWR | O_CREAT | O_EXCL, 0644));
  REPORT(open("f", O_RDONLY | O_DIRECTORY));
  REPORT(open("none", O_RDONLY));

  /* Gone from the folder, but still there for those who hold it. */
  REPORT(unlink("f"));
  REPORT(stat.st_nlink);
  REPORT(fstat(fd, &stat));
  REPORT(stat.st_nlink);
  REPORT(write(fd, "still", 5));
  content(other);
  REPORT(open("f", O_RDONLY));
  close(other);
  close(fd);

  fd = open("t", O_RDWR | O_CREAT | O_TRUNC, 0644);
  write(fd, "old", 3);
  other = open("u", O_RDWR | O_CREAT, 0644);
  write(other, "new one", 7);
  REPORT(rename("u", "t"));
  content(fd);
  close(fd);
  fd = open("t", O_RDONLY);
  content(fd);
  return 0;
}

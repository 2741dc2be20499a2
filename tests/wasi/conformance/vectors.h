/* vectors.h: lists of buffers as no program should give them; for read, write, pread and pwrite alike. */
#ifndef VECTORS_H
#define VECTORS_H

#include "check.h"

struct vector {
  i32 at, length;
};

/* `call` has `vectors`, `count` and `out`, the place for the number of bytes. Nothing is moved by any of them. */
#define BAD_VECTORS(call)                                                                    \
  do {                                                                                       \
    i32 out = IGNORED, vectors = NOWHERE, count = 1;                                         \
    FAILS(EFAULT, call); /* the list is not memory */                                        \
    vectors = last_byte() - 6;                                                               \
    FAILS(EFAULT, call); /* half the list is memory */                                       \
    struct vector one = {NOWHERE, 64};                                                       \
    vectors = AT(&one);                                                                      \
    FAILS(EFAULT, call); /* the buffer is not memory */                                      \
    one = (struct vector){last_byte(), 2};                                                   \
    FAILS(EFAULT, call); /* half the buffer is memory */                                     \
    count = 0xFFFFFFFF;                                                                      \
    EITHER(EINVAL, EFAULT, call); /* as many as there are numbers */                         \
    count = 1u << 29;                                                                        \
    EITHER(EINVAL, EFAULT, call); /* 8 times as many is 0 in 32 bits */                      \
    one = (struct vector){AT("bytes"), 5};                                                   \
  } while (0)

static inline i32 sum_of(const struct vector *vectors, i32 count) {
  i32 sum = 0;
  for (i32 i = 0; i < count; i++) sum += vectors[i].length;
  return sum;
}

static inline i64 offset_of(i32 fd) {
  i64 offset = ~0ull;
  must(fd_tell(fd, AT(&offset)), "fd_tell");
  return offset;
}

static inline void go_to(i32 fd, i64 offset) { must(fd_seek(fd, offset, __WASI_WHENCE_SET, IGNORED), "fd_seek"); }

#endif

/* random_get: as many random bytes as asked for, and not one more. */
#include "check.h"

static uint8_t bytes[300000];

/* All are there: 64 zeros in a row do not happen by chance. */
static bool filled(i32 length) {
  i32 zeros = 0;
  for (i32 i = 0; i < length; i++) {
    zeros = bytes[i] ? 0 : zeros + 1;
    if (zeros == 64) return false;
  }
  return true;
}

int main(int argc, char **argv) {
  start(argc, argv);
  const i32 lengths[] = {16, 255, 4096, 65535, 65536, 65537, 131072, 299999};
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    i32 length = lengths[i];
    memset(bytes, 0, sizeof bytes);
    SUCCEEDS(random_get(AT(bytes), length));
    TRUE(filled(length));
    i32 behind = 0;
    for (i32 j = length; j < sizeof bytes; j++) behind += bytes[j];
    EQUAL(behind, 0);
  }
  /* Each value of a byte comes about as often as the others. */
  i32 counts[256] = {0}, least = ~0u, most = 0;
  must(random_get(AT(bytes), 256000), "random_get");
  for (i32 i = 0; i < 256000; i++) counts[bytes[i]]++;
  for (i32 i = 0; i < 256; i++) {
    if (counts[i] < least) least = counts[i];
    if (counts[i] > most) most = counts[i];
  }
  TRUE(least > 700 && most < 1300);
  uint8_t one[32], other[32];
  must(random_get(AT(one), 32), "random_get");
  must(random_get(AT(other), 32), "random_get");
  TRUE(memcmp(one, other, 32) != 0);
  SUCCEEDS(random_get(AT(bytes), 0));
  SUCCEEDS(random_get(last_byte(), 1));
  FAILS(EFAULT, random_get(last_byte(), 2));
  FAILS(EFAULT, random_get(NOWHERE, 64));
  FAILS(EFAULT, random_get(AT(bytes), 0xFFFFFFFF));
  return done();
}

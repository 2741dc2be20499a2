#include "reply.h"

#include <stdlib.h>
#include <string.h>

bool reply_room(struct reply *reply, uint32_t length) {
  if (reply->failed || length <= reply->capacity - reply->length) return !reply->failed;
  uint32_t capacity = reply->capacity ? reply->capacity : 256;
  while (capacity - reply->length < length && capacity < UINT32_MAX / 2) capacity *= 2;
  char *bytes = capacity - reply->length < length ? NULL : realloc(reply->bytes, capacity);
  reply->failed = !bytes;
  if (!bytes) return false;
  reply->bytes = bytes;
  reply->capacity = capacity;
  return true;
}

void reply_text(struct reply *reply, const char *text, uint32_t length) {
  if (length == 0 || !reply_room(reply, length)) return;
  memcpy(reply->bytes + reply->length, text, length);
  reply->length += length;
}

void reply_digits(struct reply *reply, uint64_t number) {
  char digits[20];
  uint32_t at = sizeof digits;
  do digits[--at] = (char)('0' + number % 10);
  while (number /= 10);
  reply_text(reply, digits + at, (uint32_t)sizeof digits - at);
}

void reply_pieces(struct reply *reply, const char *const *pieces) {
  for (; *pieces; pieces++) reply_text(reply, *pieces, (uint32_t)strlen(*pieces));
  reply_text(reply, "", 1);
}

int32_t reply_failure(struct reply *reply, wasi_errno_t error, const char *syscall, const char *path,
                      const char *const *pieces) {
  reply->length = 0;
  reply_pieces(reply, pieces);
  reply_string(reply, syscall);
  reply_string(reply, path);
  return -(int32_t)error;
}

uint32_t strings_start(struct strings *strings, const char *bytes, uint32_t length) {
  if (length == 0 || bytes[length - 1] != 0) length = 0;
  strings->next = bytes;
  strings->end = length ? bytes + length : bytes;
  uint32_t count = 0;
  for (uint32_t i = 0; i < length; i++) count += bytes[i] == 0;
  return count;
}

const char *strings_next(struct strings *strings) {
  if (strings->next == strings->end) return "";
  const char *string = strings->next;
  strings->next += strlen(string) + 1;
  return string;
}

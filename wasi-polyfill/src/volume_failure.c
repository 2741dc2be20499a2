#include "volume_failure.h"

#include <string.h>

int32_t volume_failure(const char *bytes, uint32_t length, struct reply *reply) {
  struct strings strings;
  (void)strings_start(&strings, bytes, length);
  const char *volume = strings_next(&strings), *name = strings_next(&strings), *text = strings_next(&strings);
  if (strcmp(name, "KindError") == 0) {
    return reply_refuse(reply, WASI_EINVAL, "mount", "", "volume is \"", volume,
                        "\": say \"idb:NAME\", \"opfs:NAME\" or \"mem\".");
  }
  if (strcmp(name, "ConstraintError") == 0) {
    /* The number that a later mount left (web/database.js). */
    return reply_refuse(reply, WASI_EBUSY, "flush", "", "Volume \"", volume,
                        "\" was opened or deleted elsewhere: what changes here is no longer stored; reload the page.");
  }
  /* Chromium's words where a full disk comes before the browser's own limit: it has large values in files. */
  static const char blobs[] = "DataError: Failed to write blobs";
  bool disk_full = strlen(text) >= sizeof blobs && memcmp(text, blobs, sizeof blobs - 1) == 0;
  if (disk_full || strcmp(name, "QuotaExceededError") == 0) {
    return reply_refuse(reply, WASI_ENOSPC, "flush", "", "The browser has no more storage for volume \"", volume,
                        "\": delete files or free disk space.");
  }
  if (strcmp(name, "BlockedError") == 0) {
    return reply_refuse(reply, WASI_EBUSY, "mount", "", "Volume \"", volume,
                        "\" is open in a tab with an older version of Nidus: close that one, then reload this page.");
  }
  if (strcmp(name, "TimeoutError") == 0) {
    return reply_refuse(reply, WASI_EIO, "mount", "", "The browser's database does not answer, so volume \"", volume,
                        "\" cannot be opened: close the other tabs of this site, then reload this page.");
  }
  static const char loss[] = "LossError: "; /* how many are lost */
  if (strlen(text) >= sizeof loss && memcmp(text, loss, sizeof loss - 1) == 0) {
    return reply_refuse(reply, WASI_EIO, "flush", "", "The browser has lost what it had stored of volume \"", volume,
                        "\": it is stored anew from memory. Pieces of files that were not in memory and are lost: ",
                        text + sizeof loss - 1, ".");
  }
  if (strcmp(name, "VersionError") == 0) {
    return reply_refuse(reply, WASI_ENOTSUP, "mount", "", "volume \"", volume,
                        "\" was written by a newer version of Nidus: update this page");
  }
  return reply_refuse(reply, WASI_EIO, "flush", "", "Volume \"", volume, "\" could not be read or stored: ", text);
}

int32_t volume_damaged(wasi_errno_t error, const char *bytes, uint32_t length, struct reply *reply) {
  struct strings strings;
  (void)strings_start(&strings, bytes, length);
  const char *volume = strings_next(&strings);
  if (error == WASI_ENOMEM) {
    return reply_refuse(reply, error, "mount", "", "There is not enough memory to read volume \"", volume,
                        "\", which is as it was: close other tabs and programs, then try again.");
  }
  return reply_refuse(reply, WASI_EIO, "mount", "", "Volume \"", volume,
                      "\" is damaged: what it says of its files contradicts itself. It is left as it is; boot with "
                      "repair: true to keep what can be read, or use another name.");
}

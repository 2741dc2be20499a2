/*
 * image_text.c: what an image can not be used for, in sentences.
 */
#include "image.h"

const char *image_says(uint32_t findings, wasi_errno_t error) {
  if (findings & IMAGE_NEWER) return "the volume $ was written by a newer version of Nidus: update this one";
  if (findings & IMAGE_FOREIGN) return "$ is no volume of Nidus: give another name, or that of a file which is not there yet";
  if (findings & IMAGE_SUPERBLOCKS) {
    return "the volume $ is damaged at its beginning, which says where all else lies, or was cut short: restore a copy of it";
  }
  if (error == WASI_EIO && findings) {
    return "the volume $ is damaged: a part of what was stored can not be read; nidus fsck --repair, or on a page "
           "repair: true, keeps the rest";
  }
  switch (error) {
    case WASI_ENOSPC:
      return "there is no room for what changed in volume $: delete files or free disk space";
    case WASI_EIO:
      return "the volume $ can not be read or written, or contradicts itself: nidus fsck --repair, or on a page "
             "repair: true, keeps what can be read";
    case WASI_EBUSY:
      return "the volume $ is in use: another process has it open";
    default:
      return NULL;
  }
}

#include "lacks.h"

#define JSPI "JSPI (Chrome 137, Firefox 153, Safari 27)"

int32_t lacks_tell(uint32_t lacks, struct reply *reply) {
  if (lacks & LACKS_TOOLCHAIN) {
    return reply_refuse(reply, WASI_ENOENT, "", "",
                        "This system has no toolchain: give the address of @yowasp/clang's files to boot, in toolchain.");
  }
  int32_t count = 0;
  if (lacks & LACKS_JSPI) {
    reply_string(reply, lacks & LACKS_ISOLATION
                            ? "Neither " JSPI " nor a cross-origin isolated page (COOP and COEP headers): programs that "
                              "may wait run on the interpreter, which is slower."
                            : "Neither " JSPI " nor kernel.shared.wasm (assets.sharedKernel): programs that may wait "
                              "run on the interpreter, which is slower.");
    count++;
  } else if (lacks & LACKS_ISOLATION) {
    reply_string(reply, "No cross-origin isolated page (COOP and COEP headers): programs take turns in one worker, and "
                        "count for that what they compute, which makes them some 7 % slower.");
    count++;
  }
  if (lacks & LACKS_MULTI_MEMORY) {
    reply_string(reply, "No multi-memory: system calls copy through JavaScript, which is slower.");
    count++;
  }
  return count;
}

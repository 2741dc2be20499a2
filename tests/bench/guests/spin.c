// Computes for ever, without a system call.
int main(void) {
  for (volatile int i = 0;; i++) {
  }
}

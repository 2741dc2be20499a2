/* Forgets the SYSCALL macros, so that the next reader of syscalls.def can give them its own meaning. */
#undef SYSCALL0
#undef SYSCALL1
#undef SYSCALLV1
#undef SYSCALL2
#undef SYSCALL3
#undef SYSCALL4
#undef SYSCALL5
#undef SYSCALL6
#undef SYSCALL7
#undef SYSCALL9

/* The C library's, and what it does not declare for lack of it. */
#ifndef NIDUS_PTHREAD_H
#define NIDUS_PTHREAD_H
#include_next <pthread.h>

#ifdef __cplusplus
extern "C" {
#endif

__attribute__((__noreturn__)) void pthread_exit(void *);

#ifdef __cplusplus
}
#endif
#endif

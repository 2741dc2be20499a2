/* The C library's, and what it does not declare for lack of it. */
#include_next <pthread.h>
#ifndef NIDUS_PTHREAD_H
#define NIDUS_PTHREAD_H

#ifdef __cplusplus
extern "C" {
#endif

__attribute__((__noreturn__)) void pthread_exit(void *);

#ifdef __cplusplus
}
#endif
#endif

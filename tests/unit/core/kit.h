/*
 * kit.h: what the engine's unit tests share: a runner, and the guest of guest.h instantiated, with an
 * allocator that counts and can fail. A check that fails ends the program.
 */
#ifndef CORE_TEST_KIT_H
#define CORE_TEST_KIT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account.h"

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

struct test {
    const char *sentence;
    void (*prove)(void);
};

int run_tests(const struct test *tests, size_t count);
#define RUN_TESTS(tests)                                                                           \
    int main(void)                                                                                 \
    {                                                                                              \
        return run_tests(tests, sizeof tests / sizeof tests[0]);                                   \
    }

/* The defaults, but for the allocator. */
struct nidus_config kit_config(struct account *account);

/* The guest, with a host function that does what `host` says. */
struct rig {
    struct account account;
    struct nidus_engine *engine;
    struct nidus_module *module;
    struct nidus_store *store;
    struct nidus_instance *instance;
    struct nidus_run *run;
};

/* NIDUS_OK, or what failed; rig_stop frees what there is. `config` may be NULL. */
enum nidus_code rig_start(struct rig *rig, const struct nidus_config *config,
                          nidus_host_function host, void *context);
void rig_stop(struct rig *rig);
struct nidus_func *rig_export(struct rig *rig, const char *name);
/* Starts export `name` with one i32, or none when `arg` is NULL. */
void rig_begin(struct rig *rig, const char *name, const int32_t *arg);
int32_t rig_result(const struct rig *rig);

#endif

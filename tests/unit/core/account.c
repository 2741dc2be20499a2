/* See account.h. */
#include "account.h"

#include <stdlib.h>

static void *reallocate(void *user, void *block, size_t old_size, size_t new_size)
{
    struct account *account = user;
    if (new_size == 0) {
        free(block);
        account->live -= old_size;
        return NULL;
    }
    account->count++;
    if (account->fail_at && account->count >= account->fail_at)
        return NULL;
    if (account->most && account->live - old_size + new_size > account->most)
        return NULL;
    void *fresh = realloc(block, new_size);
    if (fresh)
        account->live += new_size - old_size;
    return fresh;
}

struct nidus_allocator account_allocator(struct account *account)
{
    return (struct nidus_allocator){reallocate, account};
}

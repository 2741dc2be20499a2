/*
 * wasm.h: vectors. An element is copied and dropped as its type says; arrays start as zeros, so an
 * "uninitialized" vector may be deleted before it is filled.
 */
#include <stdlib.h>

#include "wasm_api.h"

#define VECTOR(name, element, drop, copy)                                                          \
    void wasm_##name##_vec_new_empty(wasm_##name##_vec_t *out)                                     \
    {                                                                                              \
        out->size = 0;                                                                             \
        out->data = NULL;                                                                          \
    }                                                                                              \
                                                                                                   \
    void wasm_##name##_vec_new_uninitialized(wasm_##name##_vec_t *out, size_t size)                \
    {                                                                                              \
        out->data = size ? calloc(size, sizeof(element)) : NULL;                                   \
        out->size = out->data ? size : 0;                                                          \
    }                                                                                              \
                                                                                                   \
    void wasm_##name##_vec_new(wasm_##name##_vec_t *out, size_t size, element const data[])        \
    {                                                                                              \
        wasm_##name##_vec_new_uninitialized(out, size);                                            \
        if (out->data)                                                                             \
            memcpy(out->data, data, size * sizeof(element));                                       \
        else /* they were handed over */                                                           \
            for (size_t i = 0; i < size; i++) {                                                    \
                element item = data[i];                                                            \
                drop(&item);                                                                       \
            }                                                                                      \
    }                                                                                              \
                                                                                                   \
    void wasm_##name##_vec_copy(wasm_##name##_vec_t *out, const wasm_##name##_vec_t *from)         \
    {                                                                                              \
        wasm_##name##_vec_t copies;                                                                \
        wasm_##name##_vec_new_uninitialized(&copies, from->size);                                  \
        for (size_t i = 0; i < copies.size; i++)                                                   \
            if (!copy(&copies.data[i], &from->data[i])) {                                          \
                wasm_##name##_vec_delete(&copies);                                                 \
                break;                                                                             \
            }                                                                                      \
        *out = copies;                                                                             \
    }                                                                                              \
                                                                                                   \
    void wasm_##name##_vec_delete(wasm_##name##_vec_t *vector)                                     \
    {                                                                                              \
        if (!vector)                                                                               \
            return;                                                                                \
        for (size_t i = 0; i < vector->size; i++)                                                  \
            drop(&vector->data[i]);                                                                \
        free(vector->data);                                                                        \
        wasm_##name##_vec_new_empty(vector);                                                       \
    }

#define VECTOR_OF_POINTERS(name)                                                                   \
    static void drop_##name(wasm_##name##_t **item)                                                \
    {                                                                                              \
        wasm_##name##_delete(*item);                                                               \
    }                                                                                              \
                                                                                                   \
    static bool copy_##name(wasm_##name##_t **out, wasm_##name##_t *const *from)                   \
    {                                                                                              \
        *out = *from ? wasm_##name##_copy(*from) : NULL;                                           \
        return *out || !*from;                                                                     \
    }                                                                                              \
                                                                                                   \
    VECTOR(name, wasm_##name##_t *, drop_##name, copy_##name)

static void drop_byte(wasm_byte_t *byte)
{
    (void)byte;
}

static bool copy_byte(wasm_byte_t *out, const wasm_byte_t *from)
{
    *out = *from;
    return true;
}

static bool copy_val(wasm_val_t *out, const wasm_val_t *from)
{
    wasm_val_copy(out, from);
    return true;
}

VECTOR(byte, wasm_byte_t, drop_byte, copy_byte)
VECTOR(val, wasm_val_t, wasm_val_delete, copy_val)
VECTOR_OF_POINTERS(valtype)
VECTOR_OF_POINTERS(functype)
VECTOR_OF_POINTERS(globaltype)
VECTOR_OF_POINTERS(tabletype)
VECTOR_OF_POINTERS(memorytype)
VECTOR_OF_POINTERS(externtype)
VECTOR_OF_POINTERS(importtype)
VECTOR_OF_POINTERS(exporttype)
VECTOR_OF_POINTERS(frame)
VECTOR_OF_POINTERS(extern)

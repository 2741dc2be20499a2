/*
 * engine_inspect: what a module is made of, as one text for JavaScript.
 */
#include <nidus/inspect.h>
#include <string.h>

#include "json.h"
#include "module.h"

static bool append(void *context, const char *text, size_t length)
{
    struct json *json = context;
    json_part(json, text, length);
    return !json->failed;
}

static void append_error(struct json *json, const struct nidus_error *error)
{
    json_clear(json);
    json_key(json, '{', "message");
    json_raw(json, "\"");
    json_part(json, error->text, strlen(error->text));
    json_raw(json, " (at byte 0x");
    json_number(json, (uint32_t)error->offset, 16);
    json_raw(json, ")\"}");
}

/* {"text"}, or {"message": why the bytes are no valid module}; stays until the next call. */
__attribute__((export_name("engine_inspect"), used)) const char *engine_inspect(const void *bytes, size_t size)
{
    static struct nidus_engine *engine;
    static struct json json;
    struct nidus_module *module = NULL;
    struct nidus_error error = {.text = "there is not enough memory"};
    if (!engine && nidus_engine_new(NULL, &engine))
        return "{\"message\":\"there is not enough memory\"}";
    json.allocator = &engine->config.allocator;
    json_clear(&json);
    json_key(&json, '{', "text");
    json_raw(&json, "\"");
    if (nidus_module_load(engine, bytes, size, NIDUS_LOAD_BORROW, &module, &error) ||
        nidus_module_inspect(module, append, &json, &error))
        append_error(&json, &error);
    else
        json_raw(&json, "\"}");
    if (module)
        nidus_module_free(module);
    return json_text(&json);
}

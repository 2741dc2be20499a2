/* See json.h. */
#include "json.h"

#include <string.h>

void json_clear(struct json *json)
{
    json->text.count = 0;
    json->failed = false;
}

void json_free(struct json *json)
{
    VEC_FREE(json->allocator, &json->text);
}

static void put(struct json *json, const char *bytes, size_t length)
{
    if (json->failed || length == 0)
        return;
    json->failed = length > UINT32_MAX / 2 || !VEC_ROOM(json->allocator, &json->text, length);
    if (json->failed)
        return;
    memcpy(json->text.items + json->text.count, bytes, length);
    json->text.count += (uint32_t)length;
}

void json_raw(struct json *json, const char *text)
{
    put(json, text, strlen(text));
}

void json_part(struct json *json, const char *bytes, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    size_t plain = 0; /* from here to i nothing needs an escape */
    for (size_t i = 0; i < length; i++) {
        uint8_t byte = (uint8_t)bytes[i];
        if (byte >= 0x20 && byte != '"' && byte != '\\')
            continue;
        const char escape[] = {'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15]};
        put(json, bytes + plain, i - plain);
        put(json, escape, sizeof escape);
        plain = i + 1;
    }
    if (length)
        put(json, bytes + plain, length - plain);
}

void json_number(struct json *json, uint32_t value, uint32_t base)
{
    char digits[10];
    size_t at = sizeof digits;
    do {
        digits[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    put(json, digits + at, sizeof digits - at);
}

void json_key(struct json *json, char mark, const char *key)
{
    put(json, &mark, 1);
    json_string(json, key, strlen(key));
    json_raw(json, ":");
}

void json_string(struct json *json, const char *bytes, size_t length)
{
    json_raw(json, "\"");
    json_part(json, bytes, length);
    json_raw(json, "\"");
}

const char *json_text(struct json *json)
{
    put(json, "", 1);
    return json->failed ? "{\"message\":\"the engine has no memory left\"}" : json->text.items;
}

/*
 * Executes translated specification scripts on the engine, through its public interface.
 *
 *   run_commands [--stress] FOLDER...   --stress: the collector runs at every allocation of an object
 *
 * A folder holds commands.txt and numbered modules (README.md). Every line of commands.txt is one
 * test. For each failed test one line goes to standard output, and for each folder at its end:
 *
 *   = FOLDER PASSED FAILED TEXT SUPERSEDED UNSUPPORTED
 *
 * TEXT counts malformed texts that the assemblers accept, which no engine sees; SUPERSEDED those of a proposal
 * that a later one contradicts; UNSUPPORTED those on modules beyond the engine's features. The exit status says only that the lines are whole.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nidus/engine.h>

#include "spectest.h"
#include "values.h"

enum { MAX_VALUES = 1024 };

enum verdict { PASSED, FAILED, TEXT, SUPERSEDED, UNSUPPORTED, VERDICTS };

/* A `$name` of the script, or the newest instance or definition under the name "-". */
struct binding {
    struct binding *next;
    char *name;
    struct nidus_instance *instance; /* NULL: it failed, and why stands in `code` */
    struct nidus_module *module;     /* of a definition; owned */
    enum nidus_code code;
};

struct script {
    const char *folder;
    const char *line; /* number of the current one in the .wast file */
    struct nidus_engine *engine;
    struct nidus_store *store;
    struct nidus_linker *linker;
    struct nidus_run *run;
    struct binding *instances;
    struct binding *definitions;
    bool stress;
    unsigned counts[VERDICTS];
};

static void *must(void *memory)
{
    if (!memory) {
        fprintf(stderr, "run_commands: out of memory\n");
        exit(2);
    }
    return memory;
}

__attribute__((format(printf, 2, 3))) static enum verdict fail(const struct script *script, const char *format, ...)
{
    va_list args;

    printf("%s:%s: ", script->folder, script->line);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    return FAILED;
}

static void *read_file(const char *folder, const char *name, size_t *size)
{
    char path[1024];
    FILE *file;
    long length;
    char *bytes;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) || (length = ftell(file)) < 0 || fseek(file, 0, SEEK_SET)) {
        fprintf(stderr, "run_commands: cannot read %s: translate the scripts first\n", path);
        exit(2);
    }
    bytes = must(malloc((size_t)length + 1));
    *size = fread(bytes, 1, (size_t)length, file);
    bytes[*size] = 0;
    fclose(file);
    return bytes;
}

/* `x6869` to "hi", in place; returns the length. */
static size_t decode_hex(char *token)
{
    size_t length = 0;

    for (const char *from = token + 1; from[0] && from[1]; from += 2) {
        char digits[3] = {from[0], from[1], 0};
        token[length++] = (char)strtoul(digits, NULL, 16);
    }
    token[length] = 0;
    return length;
}

/* -- names ---------------------------------------------------------------------------------- */

static void bind_name(struct binding **list, const char *name, const struct binding *what)
{
    struct binding *binding = must(malloc(sizeof *binding));

    *binding = *what;
    binding->name = strcpy(must(malloc(strlen(name) + 1)), name);
    binding->next = *list;
    *list = binding;
}

/* The newest of that name; "-" is the newest of all. */
static struct binding *find_name(struct binding *list, const char *name)
{
    while (list && strcmp(name, "-") != 0 && strcmp(name, list->name) != 0)
        list = list->next;
    return list;
}

static void free_names(struct binding *list)
{
    while (list) {
        struct binding *next = list->next;
        nidus_module_free(list->module);
        free(list->name);
        free(list);
        list = next;
    }
}

/* -- modules -------------------------------------------------------------------------------- */

static enum nidus_code load(struct script *script, const char *number, struct nidus_module **module,
                            struct nidus_error *error)
{
    char name[64];
    size_t size;
    void *bytes;
    enum nidus_code code;

    snprintf(name, sizeof name, "%s.wasm", number);
    bytes = read_file(script->folder, name, &size);
    code = nidus_module_load(script->engine, bytes, size, NIDUS_LOAD_COPY, module, error);
    free(bytes);
    return code;
}

static enum nidus_code instantiate(struct script *script, struct nidus_module *module,
                                   struct nidus_instance **instance, struct nidus_error *error)
{
    enum nidus_code code = nidus_linker_instantiate(script->linker, module, instance, error);

    return code ? code : nidus_instance_run_start(*instance, error);
}

static enum verdict instance_verdict(struct script *script, const char *name, struct nidus_module *module)
{
    struct binding binding = {0};
    struct nidus_error error = {0};

    binding.code = instantiate(script, module, &binding.instance, &error);
    if (binding.code)
        binding.instance = NULL;
    bind_name(&script->instances, name, &binding);
    if (binding.code == NIDUS_ERROR_UNSUPPORTED)
        return UNSUPPORTED;
    return binding.code ? fail(script, "the module should instantiate: %s", error.text) : PASSED;
}

static enum verdict do_module(struct script *script, const char *kind, char **fields)
{
    struct binding binding = {0};
    struct nidus_error error = {0};
    enum verdict verdict = PASSED;

    binding.code = load(script, fields[1], &binding.module, &error);
    if (binding.code) {
        binding.module = NULL;
        verdict = binding.code == NIDUS_ERROR_UNSUPPORTED
                      ? UNSUPPORTED
                      : fail(script, "the module should load: byte %zu: %s", error.offset, error.text);
    }
    if (strcmp(kind, "definition") == 0) {
        bind_name(&script->definitions, fields[0], &binding);
        return verdict;
    }
    if (binding.code) {
        bind_name(&script->instances, fields[0], &binding);
        return verdict;
    }
    verdict = instance_verdict(script, fields[0], binding.module);
    nidus_module_free(binding.module);
    return verdict;
}

static enum verdict do_instance(struct script *script, char **fields)
{
    struct binding *definition = find_name(script->definitions, fields[1]);

    if (!definition)
        return fail(script, "no module definition %s", fields[1]);
    if (!definition->module) {
        struct binding binding = {.code = definition->code};
        bind_name(&script->instances, fields[0], &binding);
        return definition->code == NIDUS_ERROR_UNSUPPORTED ? UNSUPPORTED : fail(script, "its definition failed");
    }
    return instance_verdict(script, fields[0], definition->module);
}

static enum verdict do_register(struct script *script, char **fields)
{
    struct binding *binding = find_name(script->instances, fields[0]);
    struct nidus_name from = {fields[1], 0};

    if (!binding || !binding->instance)
        return binding && binding->code == NIDUS_ERROR_UNSUPPORTED ? UNSUPPORTED : fail(script, "no instance to register");
    from.length = decode_hex(fields[1]);
    if (nidus_linker_define_instance(script->linker, from, binding->instance))
        return fail(script, "the linker refused the instance");
    return PASSED;
}

/* malformed, invalid, unlinkable, trap_module: the module must fail just so. */
static enum verdict do_refused(struct script *script, const char *kind, char **fields)
{
    struct nidus_module *module = NULL;
    struct nidus_instance *instance;
    struct nidus_error error = {0};
    enum nidus_code code = load(script, fields[1], &module, &error);
    enum nidus_code want = strcmp(kind, "malformed") == 0    ? NIDUS_ERROR_MALFORMED
                           : strcmp(kind, "invalid") == 0    ? NIDUS_ERROR_INVALID
                           : strcmp(kind, "unlinkable") == 0 ? NIDUS_ERROR_LINK
                                                             : NIDUS_ERROR_TRAP;

    decode_hex(fields[0]);
    if (!code && want != NIDUS_ERROR_MALFORMED && want != NIDUS_ERROR_INVALID)
        code = instantiate(script, module, &instance, &error);
    nidus_module_free(module);
    if (code == NIDUS_ERROR_UNSUPPORTED)
        return UNSUPPORTED;
    if (code == NIDUS_OK)
        return fail(script, "%s (%s): accepted", kind, fields[0]);
    if (code != want)
        return fail(script, "%s (%s): refused for another reason: %s", kind, fields[0], error.text);
    return PASSED;
}

/* A claim of the threads proposal, which knows one table and one memory of each module: an engine that allows
 * no more must refuse it for that. */
static enum verdict do_single(struct script *script, char **fields)
{
    struct script limited = *script;
    struct nidus_config config;
    struct nidus_module *module = NULL;
    struct nidus_error error = {0};
    enum nidus_code code;

    nidus_config_default(&config);
    config.limits.tables = config.limits.memories = 1;
    code = nidus_engine_new(&config, &limited.engine);
    if (code)
        return fail(script, "no second engine");
    code = load(&limited, fields[1], &module, &error);
    nidus_module_free(module);
    nidus_engine_free(limited.engine);
    decode_hex(fields[0]);
    if (code == NIDUS_OK)
        return fail(script, "single (%s): accepted", fields[0]);
    return code == NIDUS_ERROR_LIMIT ? PASSED : fail(script, "single (%s): %s", fields[0], error.text);
}

/* -- actions -------------------------------------------------------------------------------- */

struct outcome {
    enum nidus_code code; /* OK, TRAP, or another when the action could not start */
    const char *trap;
    uint32_t count;
    struct nidus_value values[MAX_VALUES];
    char why[256];
};

static void invoke(struct script *script, struct nidus_func *func, char **args, size_t count, struct outcome *outcome)
{
    static struct nidus_value values[MAX_VALUES];
    struct nidus_functype type;
    struct nidus_error error = {0};

    nidus_func_type(func, &type);
    if (count != type.param_count || count > MAX_VALUES || type.result_count > MAX_VALUES) {
        snprintf(outcome->why, sizeof outcome->why, "the function takes %u arguments, not %zu", type.param_count, count);
        outcome->code = NIDUS_ERROR_USAGE;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (!value_parse(args[i], type.params[i], &values[i])) {
            snprintf(outcome->why, sizeof outcome->why, "cannot pass %s", args[i]);
            outcome->code = NIDUS_ERROR_USAGE;
            return;
        }
    }
    outcome->count = type.result_count;
    outcome->code = nidus_run_call(script->run, func, values, count, outcome->values, &error);
    if (outcome->code == NIDUS_ERROR_TRAP)
        nidus_run_trap(script->run, &outcome->trap);
    snprintf(outcome->why, sizeof outcome->why, "%s", error.text);
}

/* fields: invoke|get, instance, export, arguments */
static enum verdict act(struct script *script, char **fields, size_t count, struct outcome *outcome)
{
    struct binding *binding = count >= 3 ? find_name(script->instances, fields[1]) : NULL;
    struct nidus_extern found;
    size_t length;

    outcome->code = NIDUS_OK;
    outcome->trap = NULL;
    outcome->count = 0;
    if (!binding || !binding->instance)
        return binding && binding->code == NIDUS_ERROR_UNSUPPORTED ? UNSUPPORTED : fail(script, "no instance to act on");
    length = decode_hex(fields[2]);
    if (!nidus_instance_find(binding->instance, fields[2], length, &found))
        return fail(script, "no export \"%s\"", fields[2]);
    if (strcmp(fields[0], "get") == 0 && found.kind == NIDUS_GLOBAL) {
        nidus_global_get(found.of.global, &outcome->values[0]);
        outcome->count = 1;
    } else if (strcmp(fields[0], "invoke") == 0 && found.kind == NIDUS_FUNC)
        invoke(script, found.of.func, fields + 3, count - 3, outcome);
    else
        return fail(script, "the export \"%s\" is of another kind", fields[2]);
    if (outcome->code && outcome->code != NIDUS_ERROR_TRAP)
        return fail(script, "\"%s\": %s", fields[2], outcome->why);
    return PASSED;
}

static enum verdict do_return(struct script *script, char **fields, size_t count, bool any)
{
    static struct outcome outcome;
    size_t action = 0;
    char text[64];
    enum verdict verdict;

    while (action < count && strcmp(fields[action], "=>") != 0)
        action++;
    verdict = act(script, fields, action, &outcome);
    if (verdict)
        return verdict;
    if (outcome.code == NIDUS_ERROR_TRAP)
        return fail(script, "\"%s\" should return, but trapped: %s", fields[2], outcome.trap);
    if (any)
        return PASSED;
    if (outcome.count != count - action - 1)
        return fail(script, "\"%s\" returned %u values, not %zu", fields[2], outcome.count, count - action - 1);
    for (uint32_t i = 0; i < outcome.count; i++) {
        if (!value_matches(script->store, fields[action + 1 + i], &outcome.values[i])) {
            value_print(&outcome.values[i], text, sizeof text);
            return fail(script, "\"%s\" result %u is %s, not %s", fields[2], i, text, fields[action + 1 + i]);
        }
    }
    return PASSED;
}

/* The reference interpreter's rule: the script gives the beginning of the message, or more detail than we have. */
static bool same_trap(const char *got, const char *want)
{
    size_t got_length = strlen(got), want_length = strlen(want);

    return got_length && strncmp(got, want, got_length < want_length ? got_length : want_length) == 0;
}

static enum verdict do_trap(struct script *script, char **fields, size_t count)
{
    static struct outcome outcome;
    enum verdict verdict = act(script, fields + 1, count - 1, &outcome);

    decode_hex(fields[0]);
    if (verdict)
        return verdict;
    if (outcome.code != NIDUS_ERROR_TRAP)
        return fail(script, "\"%s\" should trap with \"%s\", but returned", fields[3], fields[0]);
    if (!same_trap(outcome.trap, fields[0]))
        return fail(script, "\"%s\" should trap with \"%s\", not \"%s\"", fields[3], fields[0], outcome.trap);
    return PASSED;
}

/* -- scripts -------------------------------------------------------------------------------- */

/* fields: command, line number, the rest */
static enum verdict execute(struct script *script, char **fields, size_t count)
{
    const char *command = fields[0];
    char **rest = fields + 2;

    script->line = fields[1];
    if (strcmp(command, "module") == 0 || strcmp(command, "definition") == 0)
        return do_module(script, command, rest);
    if (strcmp(command, "instance") == 0)
        return do_instance(script, rest);
    if (strcmp(command, "register") == 0)
        return do_register(script, rest);
    if (strcmp(command, "action") == 0 || strcmp(command, "return") == 0)
        return do_return(script, rest, count - 2, strcmp(command, "action") == 0);
    if (strcmp(command, "trap") == 0 || strcmp(command, "exhaustion") == 0)
        return do_trap(script, rest, count - 2);
    if (strcmp(command, "malformed") == 0 || strcmp(command, "invalid") == 0 ||
        strcmp(command, "unlinkable") == 0 || strcmp(command, "trap_module") == 0)
        return do_refused(script, command, rest);
    if (strcmp(command, "exception") == 0) {
        static struct outcome outcome;
        enum verdict verdict = act(script, rest + 1, count - 3, &outcome);
        if (verdict)
            return verdict;
        if (outcome.code == NIDUS_ERROR_TRAP && nidus_run_trap(script->run, NULL) == NIDUS_TRAP_EXCEPTION)
            return PASSED;
        return fail(script, "\"%s\" should end with an exception", rest[3]);
    }
    if (strcmp(command, "refused") == 0)
        return PASSED; /* by the assembler: a malformed text never becomes bytes */
    if (strcmp(command, "text") == 0)
        return TEXT;
    if (strcmp(command, "single") == 0)
        return do_single(script, rest);
    if (strcmp(command, "untranslated") == 0) {
        decode_hex(rest[0]);
        return fail(script, "could not be translated: %s", rest[0]);
    }
    return fail(script, "no such command: %s", command);
}

static enum nidus_code script_open(struct script *script)
{
    struct nidus_config config;
    enum nidus_code code;

    nidus_config_default(&config);
    config.heap_stress = script->stress;
    code = nidus_engine_new(&config, &script->engine);

    if (!code)
        code = nidus_store_new(script->engine, &script->store);
    if (!code)
        code = nidus_linker_new(script->store, &script->linker);
    if (!code)
        code = nidus_run_new(script->store, &script->run);
    return code ? code : spectest_define(script->store, script->linker);
}

static void run_script(const char *folder, bool stress)
{
    struct script script = {.folder = folder, .line = "0", .stress = stress};
    static char *fields[MAX_VALUES];
    static char none[4]; /* a line that lacks fields fails by name, not by a null pointer */
    size_t size;
    char *commands = read_file(folder, "commands.txt", &size);

    if (script_open(&script)) {
        fail(&script, "the engine could not be set up");
        script.counts[FAILED]++;
    } else {
        for (char *line = commands, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
            size_t count = 0;
            *end = 0;
            for (char *field = strtok(line, " "); field && count < MAX_VALUES - 4; field = strtok(NULL, " "))
                fields[count++] = field;
            for (size_t i = count; i < count + 4; i++)
                fields[i] = none;
            script.counts[execute(&script, fields, count)]++;
        }
    }
    printf("= %s", folder);
    for (int verdict = 0; verdict < VERDICTS; verdict++)
        printf(" %u", script.counts[verdict]);
    putchar('\n');
    fflush(stdout);
    free_names(script.instances);
    free_names(script.definitions);
    nidus_linker_free(script.linker);
    nidus_store_free(script.store);
    nidus_engine_free(script.engine);
    free(commands);
}

int main(int argc, char **argv)
{
    bool stress = argc > 1 && strcmp(argv[1], "--stress") == 0;

    if (argc < 2 + stress) {
        fprintf(stderr, "usage: run_commands [--stress] FOLDER...   (folders made by translating scripts)\n");
        return 2;
    }
    for (int i = 1 + stress; i < argc; i++)
        run_script(argv[i], stress);
    return 0;
}

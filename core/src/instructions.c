/* The tables behind instructions.h, all made from instructions.def. */
#include "instructions.h"

#define INPUTS(...) {__VA_ARGS__}

const struct signature_types signature_types[SIG_COUNT] = {
#define SIGNATURE(name, input_count, inputs, output_count, output)                                 \
    [SIG_##name] = {input_count, INPUTS inputs, output_count, output},
#include "instructions.def"
};

const struct instruction instructions[WASM_OP_COUNT] = {
#define INSTRUCTION(id, identifier, text, immediates, signature, alignment)                        \
    [id] = {IMM_##immediates, SIG_##signature, alignment},
#include "instructions.def"
};

const char *instruction_name(uint32_t id)
{
    switch (id) {
#define INSTRUCTION(id, identifier, text, immediates, signature, alignment)                        \
    case id:                                                                                       \
        return text;
#include "instructions.def"
    default:
        return "an unknown instruction";
    }
}

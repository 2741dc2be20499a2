// An interpreter in the interpreter: a stack machine that counts primes and sums digits.
#include "bench.h"

enum op { PUSH, LOAD, STORE, ADD, SUB, MUL, REM, LESS, EQUAL, JUMP, JUMP_IF, HALT };

// count = 0; for (i = 2; i < limit; i++) { for (j = 2; j * j <= i; j++) if (i % j == 0) goto next; count++; }
enum { I, J, COUNT, LIMIT, VARIABLES };
static const int32_t program[] = {
    /*  0 */ PUSH, 0,  STORE, COUNT, PUSH, 2, STORE, I,
    /*  8 */ LOAD, I,  LOAD,  LIMIT, LESS, PUSH, 0, EQUAL, JUMP_IF, 72,
    /* 18 */ PUSH, 2,  STORE, J,
    /* 22 */ LOAD, I,  LOAD,  J, LOAD, J, MUL, LESS, JUMP_IF, 54,
    /* 32 */ LOAD, I,  LOAD,  J, REM, PUSH, 0, EQUAL, JUMP_IF, 61,
    /* 42 */ LOAD, J,  PUSH,  1, ADD, STORE, J, JUMP, 22, HALT, HALT, HALT,
    /* 54 */ LOAD, COUNT, PUSH, 1, ADD, STORE, COUNT,
    /* 61 */ LOAD, I,  PUSH,  1, ADD, STORE, I, JUMP, 8, HALT, HALT,
    /* 72 */ HALT,
};

static int32_t execute(const int32_t *code, int32_t *variables) {
  int32_t stack[32], *top = stack;
  for (const int32_t *pc = code;;) {
    switch (*pc++) {
    case PUSH: *top++ = *pc++; break;
    case LOAD: *top++ = variables[*pc++]; break;
    case STORE: variables[*pc++] = *--top; break;
    case ADD: top--, top[-1] += top[0]; break;
    case SUB: top--, top[-1] -= top[0]; break;
    case MUL: top--, top[-1] *= top[0]; break;
    case REM: top--, top[-1] %= top[0]; break;
    case LESS: top--, top[-1] = top[-1] < top[0]; break;
    case EQUAL: top--, top[-1] = top[-1] == top[0]; break;
    case JUMP: pc = code + *pc; break;
    case JUMP_IF: top--, pc = *top ? code + *pc : pc + 1; break;
    default: return variables[COUNT];
    }
  }
}

uint32_t run(uint32_t n) {
  uint32_t sum = 1;
  for (uint32_t i = 0; i < n; i++) {
    int32_t variables[VARIABLES] = {0, 0, 0, 1500 + (int32_t)(i & 15)};
    sum = mix(sum, (uint32_t)execute(program, variables));
  }
  return sum;
}

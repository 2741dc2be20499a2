/*
 * fuzz_tty.c: the input is a list of what happens at a terminal: keys typed, modes set, reads, writes, the host taking
 * little or much. Nothing may be lost or invented: what the screen gets of writes is what was written; a read in
 * canonical mode answers no more than a line; and as long as the mode is the usual one, reads answer what a model
 * of a line editor says.
 */
#include "guest.h"
#include "nidus/tty.h"

enum { STREAM = 9, IOVS = 64, OUT = 96, MODE = 128, DATA = 4096, STEPS = 300, MODEL = 1 << 16 };

struct world {
  const uint8_t *at, *end;
  uint8_t keys[256];
  uint32_t keys_left, keys_next;
  bool ended;
  uint32_t room;
  uint64_t shown;
};

static struct world world;

static uint8_t next(void) { return world.at < world.end ? *world.at++ : 0; }

static int32_t read_keys(void *context, uint32_t stream, void *bytes, uint32_t length) {
  (void)context;
  require(stream == STREAM);
  uint32_t count = length < world.keys_left ? length : world.keys_left;
  if (count == 0) return world.ended ? 0 : -(int32_t)NIDUS_WOULD_BLOCK;
  memcpy(bytes, world.keys + world.keys_next, count);
  world.keys_next += count;
  world.keys_left -= count;
  return (int32_t)count;
}

static int32_t show(void *context, uint32_t stream, const void *bytes, uint32_t length) {
  (void)context;
  require(stream == STREAM && length > 0);
  uint64_t sum = 0;
  for (uint32_t i = 0; i < length; i++) sum += ((const uint8_t *)bytes)[i]; /* for the sanitiser */
  uint32_t count = length < world.room ? length : world.room;
  world.room -= count;
  world.shown += count + (sum & 0);
  return count ? (int32_t)count : -(int32_t)NIDUS_WOULD_BLOCK;
}

static int32_t is_ready(void *context, uint32_t stream) {
  (void)context, (void)stream;
  return (world.keys_left || world.ended ? NIDUS_STREAM_CAN_READ : 0) | (world.room ? NIDUS_STREAM_CAN_WRITE : 0);
}

static uint32_t state;
static void learn(void *context, uint32_t stream, uint32_t now) {
  (void)context;
  require(stream == STREAM && now != state);
  state = now;
}

/* ---- the model: the usual mode, without ^C and ^\ ---- */

struct model {
  uint8_t lines[MODEL]; /* that can be read, each ending in '\n' or, 0xff not being typed, in 0xff for ^D */
  uint32_t count, read;
  uint8_t line[4096];
  uint32_t length;
  bool literal;
};

static uint32_t before(const struct model *model) {
  uint32_t at = model->length - 1;
  while (at > 0 && (model->line[at] & 0xC0) == 0x80) at--;
  return at;
}

static bool in_word(uint8_t byte) { return byte >= 0x80 || byte == '_' || (byte >= '0' && byte <= '9') || ((byte | 32) >= 'a' && (byte | 32) <= 'z'); }

static void end_line(struct model *model, uint8_t with) {
  require(model->count + model->length + 1 <= MODEL);
  memcpy(model->lines + model->count, model->line, model->length);
  model->count += model->length;
  model->lines[model->count++] = with;
  model->length = 0;
}

static void model_key(struct model *model, uint8_t key) {
  if (model->literal) {
    model->literal = false;
  } else {
    switch (key) {
      case 127:
      case 8:
        if (model->length > 0) model->length = before(model);
        return;
      case 21: model->length = 0; return;
      case 23:
        for (bool seen = false; model->length > 0; model->length = before(model)) {
          bool word = in_word(model->line[before(model)]);
          if (seen && !word) break;
          seen |= word;
        }
        return;
      case 22: model->literal = true; return;
      case 4: end_line(model, 0xff); return;
      case 18:
      case 26: return;
      case '\r':
      case '\n': end_line(model, '\n'); return;
    }
  }
  if (model->length < 4095) model->line[model->length++] = key;
}

static void model_read(struct model *model, const uint8_t *bytes, uint32_t length) {
  for (uint32_t i = 0; i < length; i++) require(model->read < model->count && model->lines[model->read++] == bytes[i]);
  bool line = length > 0 && bytes[length - 1] == '\n';
  bool sent_off = !line && model->read < model->count && model->lines[model->read] == 0xff;
  require(length > 0 || sent_off);
  if (sent_off) model->read++; /* with its last byte it is over */
}

/* ---- what happens ---- */

static wasi_errno_t transfer(struct guest *guest, uint32_t call, uint32_t length) {
  guest_put_u32(guest, IOVS, DATA);
  guest_put_u32(guest, IOVS + 4, length);
  return guest_call(guest, call, call == SYS_fd_read ? 0 : 1, IOVS, 1, OUT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct model model;
  struct guest guest;
  memset(&model, 0, sizeof model);
  world = (struct world){.at = data, .end = data + size, .room = UINT32_MAX};
  state = 0;
  guest_start(&guest);
  guest.host.stream_read = read_keys;
  guest.host.stream_write = show;
  guest.host.stream_ready = is_ready;
  guest.host.stream_state = learn;
  require(nidus_tty_open(guest.system, STREAM, 80, 24) == 0);
  for (uint32_t fd = 0; fd < 3; fd++) require(nidus_fd_tty(guest.system, guest.pid, fd, STREAM) == 0);
  bool modelled = !(next() & 1);
  for (int step = 0; step < STEPS && world.at < world.end; step++) {
    uint8_t what = next();
    switch (what & 7) {
      case 0:
      case 1:
      case 2: {
        if (world.ended || world.keys_left) break;
        world.keys_next = 0;
        for (uint32_t count = next() & 63; count > 0 && world.at < world.end; count--) {
          uint8_t key = next();
          if (modelled && (key == 3 || key == 28 || key == 0xff || (key == '\n' && model.literal))) continue;
          if (modelled) model_key(&model, key);
          world.keys[world.keys_left++] = key;
        }
        nidus_tty_input(guest.system);
        break;
      }
      case 3:
      case 4: {
        uint32_t asked = 1 + next() * (what >> 4);
        wasi_errno_t error = transfer(&guest, SYS_fd_read, asked);
        if (error) {
          require(error == NIDUS_WOULD_BLOCK || error == WASI_ESRCH);
          if (modelled && error == NIDUS_WOULD_BLOCK && !world.keys_left) require(model.read == model.count);
          break;
        }
        uint32_t moved = guest_u32(&guest, OUT);
        require(moved <= asked);
        if (modelled) model_read(&model, guest.memory + DATA, moved);
        break;
      }
      case 5: {
        uint32_t length = next() * (1 + (what >> 4));
        for (uint32_t i = 0; i < length; i++) guest.memory[DATA + i] = (uint8_t)(i % 7 ? 'a' + i : what & 8 ? '\n' : 0xe4);
        (void)transfer(&guest, SYS_fd_write, length);
        break;
      }
      case 6:
        world.room = what & 8 ? UINT32_MAX : next();
        nidus_tty_input(guest.system);
        break;
      default:
        if (modelled) {
          (void)nidus_tty_resize(guest.system, STREAM, next(), next());
          break;
        }
        if (what & 8) {
          world.ended = true;
          break;
        }
        for (uint32_t i = 0; i < sizeof(struct termios); i++) guest.memory[MODE + i] = next();
        (void)guest_call(&guest, SYS_tty_set, 0, what >> 4 & 3, MODE);
    }
    /* Echo that waits holds keys up, which the model does not know. */
    if (modelled && world.keys_left) {
      world.room = UINT32_MAX;
      nidus_tty_input(guest.system);
      if (world.keys_left) modelled = false; /* the queue is full */
    }
  }
  nidus_tty_close(guest.system, STREAM);
  guest_stop(&guest);
  return 0;
}

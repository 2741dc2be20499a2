#include "operations.h"

/* Where things lie in guest memory. */
enum { OLD = 0, NEW = 8192, OUT = 16384, IOV = 24576, DATA = 24592 };

static const char *const NAMES[] = {"a", "b", "c", "d", ".", "..", "", "link", "a/b", "/", "../secret", "/box/a",
                                    "./", "link/../a", "\xc3\xa9", "b/."};

uint8_t next_byte(struct input *input) { return input->at < input->end ? *input->at++ : 0; }

uint32_t next_name(struct input *input, char *out) {
  uint8_t byte = next_byte(input);
  if (byte >= 0xf0) {
    uint32_t length = byte & 15;
    for (uint32_t i = 0; i < length; i++) out[i] = (char)next_byte(input);
    out[length] = 0;
    return length;
  }
  return (uint32_t)snprintf(out, NAME_ROOM, byte >> 4 ? "%s/%s" : "%s", NAMES[byte & 15], NAMES[byte >> 4]);
}

static uint32_t put_name(struct guest *guest, struct input *input, uint32_t to) {
  return next_name(input, (char *)guest->memory + to);
}

static uint64_t open_file(struct guest *guest, struct input *input, uint8_t flags, struct files *files) {
  uint32_t length = put_name(guest, input, OLD);
  uint64_t rights = WASI_RIGHT_ALL;
  if (flags & 64) rights &= ~WASI_RIGHT_FD_WRITE;
  wasi_errno_t error = guest_call(guest, SYS_path_open, 3, flags >> 4 & 1, OLD, length, flags & 15, rights,
                                  WASI_RIGHT_ALL, flags >> 5 & 1, OUT);
  if (error) return 0;
  uint32_t fd = guest_u32(guest, OUT), slot = files->next++ % OPEN_FILES;
  require(guest_call(guest, SYS_fd_filestat_get, fd, OUT) == 0);
  uint64_t ino = guest_u64(guest, OUT + 8);
  if (files->fd[slot]) require(guest_call(guest, SYS_fd_close, files->fd[slot]) == 0);
  files->fd[slot] = fd;
  return ino;
}

static void use_file(struct guest *guest, struct input *input, uint8_t flags, struct files *files) {
  uint32_t fd = files->fd[flags & (OPEN_FILES - 1)];
  uint32_t length = (uint32_t)next_byte(input) << 6;
  guest_put_u32(guest, IOV, DATA);
  guest_put_u32(guest, IOV + 4, length < 8192 ? length : 8192);
  /* Offsets around the sizes at which a file changes its form. */
  uint64_t offset = (uint64_t)next_byte(input) << (flags >> 3 & 15);
  if (!fd) return;
  switch (flags >> 7 | next_byte(input) % 5 << 1) {
    case 0: (void)guest_call(guest, SYS_fd_pwrite, fd, IOV, 1, offset, OUT); break;
    case 1: (void)guest_call(guest, SYS_fd_write, fd, IOV, 1, OUT); break;
    case 2: (void)guest_call(guest, SYS_fd_filestat_set_size, fd, offset); break;
    case 3: (void)guest_call(guest, SYS_fd_allocate, fd, offset, length); break;
    case 4: (void)guest_call(guest, SYS_fd_pread, fd, IOV, 1, offset, OUT); break;
    case 5: (void)guest_call(guest, SYS_fd_readdir, fd, DATA, length < 8192 ? length : 8192, offset, OUT); break;
    case 6: (void)guest_call(guest, SYS_fd_seek, fd, offset, flags & 3, OUT); break;
    default: (void)guest_call(guest, SYS_fd_read, fd, IOV, 1, OUT); break;
  }
}

uint64_t operate(struct guest *guest, struct input *input, struct files *files) {
  uint8_t opcode = next_byte(input), flags = next_byte(input);
  uint32_t old_length, new_length;
  switch (opcode % 11) {
    case 0: return open_file(guest, input, flags, files);
    case 1: return open_file(guest, input, (flags & 0xf0) | WASI_OFLAG_CREAT, files);
    case 2:
      old_length = put_name(guest, input, OLD);
      (void)guest_call(guest, SYS_path_create_directory, 3, OLD, old_length);
      break;
    case 3:
      old_length = put_name(guest, input, OLD);
      new_length = put_name(guest, input, NEW);
      (void)guest_call(guest, SYS_path_symlink, OLD, old_length, 3, NEW, new_length);
      break;
    case 4:
      old_length = put_name(guest, input, OLD);
      new_length = put_name(guest, input, NEW);
      (void)guest_call(guest, SYS_path_link, 3, flags & 1, OLD, old_length, 3, NEW, new_length);
      break;
    case 5:
      old_length = put_name(guest, input, OLD);
      new_length = put_name(guest, input, NEW);
      (void)guest_call(guest, SYS_path_rename, 3, OLD, old_length, 3, NEW, new_length);
      break;
    case 6:
      old_length = put_name(guest, input, OLD);
      (void)guest_call(guest, SYS_path_unlink_file, 3, OLD, old_length);
      break;
    case 7:
      old_length = put_name(guest, input, OLD);
      (void)guest_call(guest, SYS_path_remove_directory, 3, OLD, old_length);
      break;
    case 8:
      old_length = put_name(guest, input, OLD);
      if (guest_call(guest, SYS_path_filestat_get, 3, flags & 1, OLD, old_length, OUT)) break;
      return guest_u64(guest, OUT + 8);
    case 9:
      old_length = put_name(guest, input, OLD);
      (void)guest_call(guest, SYS_path_readlink, 3, OLD, old_length, DATA, flags, OUT);
      break;
    default: use_file(guest, input, flags, files); break;
  }
  return 0;
}

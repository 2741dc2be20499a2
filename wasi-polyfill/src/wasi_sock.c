/*
 * wasi_sock.c: system calls on sockets: those between processes (channel.c) and those of the host (device.c).
 * Reading and writing them works as well; these calls answer ENOTSOCK for anything else.
 */
#include "handlers.h"

wasi_errno_t wasi_sock_accept(struct process *process, uint32_t fd, uint32_t flags, uint32_t fd_out) {
  struct descriptor *descriptor;
  wasi_errno_t error = descriptor_get(process, fd, 0, &descriptor);
  if (error) return error;
  struct description *listener = descriptor->description, *description;
  const struct inode_ops *ops = listener->inode->ops;
  if (!ops->accept) return ops->shutdown ? WASI_EINVAL : WASI_ENOTSOCK;
  if (!(descriptor->rights_base & WASI_RIGHT_SOCK_ACCEPT)) return WASI_ENOTCAPABLE;
  if (flags & ~(uint32_t)WASI_FDFLAG_NONBLOCK) return WASI_EINVAL;
  /* All that may fail comes before the connection is taken. */
  uint32_t accepted;
  if (!guest_read(process, &accepted, fd_out, sizeof accepted)) return WASI_EFAULT;
  error = descriptor_reserve(process);
  if (error) return error;
  description = description_create();
  if (!description) return WASI_ENOMEM;
  struct inode *connection;
  error = ops->accept(listener, &connection);
  if (error) {
    description_discard(description);
    return error == NIDUS_WOULD_BLOCK ? wasi_blocked(process, listener, NIDUS_WAIT_READABLE) : error;
  }
  uint8_t access = NIDUS_ACCESS_READ | NIDUS_ACCESS_WRITE;
  uint64_t rights = rights_of(connection, access);
  error = description_start(description, connection, access, (uint16_t)flags, false);
  if (error) return error;
  error = descriptor_add(process, 0, description, rights, 0, &accepted);
  if (error) {
    description_drop(description);
    return error;
  }
  return guest_write_u32(process, fd_out, accepted) ? WASI_ESUCCESS : WASI_EFAULT;
}

wasi_errno_t wasi_sock_recv(struct process *process, uint32_t fd, uint32_t ri_data, uint32_t ri_data_len,
                            uint32_t ri_flags, uint32_t ro_datalen_out, uint32_t ro_flags_out) {
  struct descriptor *descriptor;
  struct transfer transfer;
  wasi_errno_t error = descriptor_get(process, fd, 0, &descriptor);
  if (error) return error;
  struct description *description = descriptor->description;
  const struct inode_ops *ops = description->inode->ops;
  if (!ops->receive) return ops->accept ? WASI_ENOTCONN : WASI_ENOTSOCK;
  if (!(descriptor->rights_base & WASI_RIGHT_FD_READ)) return WASI_ENOTCAPABLE;
  if (ri_flags & ~(uint32_t)WASI_RIFLAG_ALL) return WASI_EINVAL;
  error = transfer_start(&transfer, process, ri_data, ri_data_len);
  if (error) return error;
  static const uint16_t no_flags = 0; /* a stream cuts no message off */
  if (!guest_write(process, ro_flags_out, &no_flags, sizeof no_flags)) return WASI_EFAULT;
  error = ops->receive(description, &transfer, ri_flags);
  if (error == NIDUS_WOULD_BLOCK) return wasi_blocked(process, description, NIDUS_WAIT_READABLE);
  return wasi_transfer_end(process, &transfer, error, ro_datalen_out);
}

wasi_errno_t wasi_sock_send(struct process *process, uint32_t fd, uint32_t si_data, uint32_t si_data_len,
                            uint32_t si_flags, uint32_t so_datalen_out) {
  struct descriptor *descriptor;
  wasi_errno_t error = descriptor_get(process, fd, 0, &descriptor);
  if (error) return error;
  const struct inode_ops *ops = descriptor->description->inode->ops;
  if (!ops->receive) return ops->accept ? WASI_ENOTCONN : WASI_ENOTSOCK;
  if (si_flags) return WASI_EINVAL; /* none is defined */
  return wasi_fd_write(process, fd, si_data, si_data_len, so_datalen_out);
}

wasi_errno_t wasi_sock_shutdown(struct process *process, uint32_t fd, uint32_t how) {
  struct descriptor *descriptor;
  wasi_errno_t error = descriptor_get(process, fd, 0, &descriptor);
  if (error) return error;
  const struct inode_ops *ops = descriptor->description->inode->ops;
  if (!ops->shutdown) return ops->accept ? WASI_ENOTCONN : WASI_ENOTSOCK;
  if (!(descriptor->rights_base & WASI_RIGHT_SOCK_SHUTDOWN)) return WASI_ENOTCAPABLE;
  if (how == 0 || (how & ~(uint32_t)WASI_SDFLAG_ALL)) return WASI_EINVAL;
  return ops->shutdown(descriptor->description, how);
}

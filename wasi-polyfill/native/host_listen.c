#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "host_posix.h"

/* The end of a sentence that begins: cannot listen on ADDRESS. */
static const char *reason(int error) {
  switch (error) {
    case EADDRINUSE: return "it is in use; choose another one, or end the program that has it";
    case EACCES: return "this user may not; choose a port of 1024 or more";
    case EADDRNOTAVAIL: return "this machine has no such address; choose one of its own, such as 127.0.0.1";
    default: return strerror(error);
  }
}

static int listening(int family, const struct sockaddr *name, socklen_t length) {
  int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int on = 1;
  /* Else a port just given back stays in use for a minute. Connections inherit the other one: what a program writes
   * it has gathered already. */
  if (family != AF_UNIX) {
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  if (bind(fd, name, length) == 0 && listen(fd, SOMAXCONN) == 0) return fd;
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

static int listen_unix(const char *path, const char **why) {
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  if (!*path || strlen(path) >= sizeof name.sun_path) {
    *why = "a socket's path has 1 to 107 bytes";
    return -1;
  }
  strcpy(name.sun_path, path);
  int fd = listening(AF_UNIX, (const struct sockaddr *)&name, sizeof name);
  if (fd < 0) {
    *why = errno == EACCES || errno == ENOENT
               ? "its folder is not there, or this user may not write to it; choose another one"
               : reason(errno);
  }
  return fd;
}

static int listen_tcp(const char *host, const char *port, const char **why) {
  const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | AI_PASSIVE};
  struct addrinfo *found = NULL;
  if (getaddrinfo(host, port, &hints, &found)) {
    *why = "there is no such host; give an address of this machine, such as 127.0.0.1";
    return -1;
  }
  int fd = -1;
  for (const struct addrinfo *at = found; at && fd < 0; at = at->ai_next) {
    fd = listening(at->ai_family, at->ai_addr, at->ai_addrlen);
    if (fd < 0) *why = reason(errno);
  }
  freeaddrinfo(found);
  return fd;
}

/* HOST:PORT or [HOST]:PORT, in place. */
static bool split(char *address, char **host, char **port) {
  char *colon = strrchr(address, ':');
  if (!colon) return false;
  *colon = 0;
  *host = address;
  *port = colon + 1;
  size_t length = strlen(address);
  if (*address == '[' && length > 2 && address[length - 1] == ']') {
    address[length - 1] = 0;
    *host = address + 1;
  } else if (strchr(address, ':')) {
    return false;
  }
  char *end;
  return **host && **port >= '0' && **port <= '9' && strtol(*port, &end, 10) <= 65535 && !*end;
}

static uint16_t port_of(int fd) {
  struct sockaddr_storage name;
  socklen_t length = sizeof name;
  if (getsockname(fd, (struct sockaddr *)&name, &length)) return 0;
  return ntohs(name.ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)(const void *)&name)->sin6_port
                                          : ((const struct sockaddr_in *)(const void *)&name)->sin_port);
}

int32_t posix_host_listen(struct posix_host *posix, const char *address, uint16_t *port, const char **why) {
  static const char unix_prefix[] = "unix:";
  bool local = strncmp(address, unix_prefix, sizeof unix_prefix - 1) == 0;
  const char *path = address + sizeof unix_prefix - 1;
  char *copy = strdup(local ? path : address);
  char *host, *service;
  int fd = -1;
  *port = 0;
  if (!copy) {
    *why = "there is not enough memory";
  } else if (posix->listener_count == POSIX_LISTENER_LIMIT) {
    *why = "64 addresses are listened on already";
  } else if (local) {
    fd = listen_unix(path, why);
  } else if (!split(copy, &host, &service)) {
    *why = "it must be HOST:PORT, such as 127.0.0.1:8080, or unix:PATH";
  } else {
    fd = listen_tcp(host, service, why);
  }
  if (fd < 0) {
    free(copy);
    return -1;
  }
  if (!local) {
    free(copy);
    copy = NULL;
    *port = port_of(fd);
  }
  posix->listeners[posix->listener_count++] = (struct posix_listener){fd, copy};
  return fd;
}

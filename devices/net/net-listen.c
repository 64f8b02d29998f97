/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The host's end of a forward, and why it can't be had. */
#include "devices/net/net-forward.h"

#include "vmm/base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG     128
#define TCP_LISTENS 0x0au /* linux: include/net/tcp_states.h */
#define FIRST_FREE  "/proc/sys/net/ipv4/ip_unprivileged_port_start"

uint16_t
net_socket_port (int fd)
{
  struct sockaddr_in address = { 0 };
  socklen_t length = sizeof address;

  return getsockname (fd, (struct sockaddr *)&address, &length) == 0 && address.sin_family == AF_INET
           ? ntohs (address.sin_port)
           : 0;
}

/* --- who has it --- */

/* The inode of the socket that has the port, by proc(5), /proc/net/tcp; or 0. */
static unsigned long
find_inode (const NetForward *forward)
{
  bool tcp = forward->protocol == NET_PROTOCOL_TCP;
  FILE *file = fopen (tcp ? "/proc/net/tcp" : "/proc/net/udp", "re");
  unsigned long inode = 0, found;
  unsigned address, port, state;
  char line[512];

  while (file != NULL && inode == 0 && fgets (line, sizeof line, file) != NULL)
    if (sscanf (line, " %*u: %8x:%4x %*x:%*x %2x %*s %*s %*s %*u %*u %lu", &address, &port, &state, &found)
          == 4
        && port == forward->host_port && (!tcp || state == TCP_LISTENS)
        && (address == 0 || forward->host == 0 || ntohl (address) == forward->host))
      inode = found;
  if (file != NULL)
    fclose (file);
  return inode;
}

static bool
has_socket (const char *process, const char *link)
{
  g_autofree char *folder = g_build_filename ("/proc", process, "fd", NULL);
  g_autoptr (GDir) fds = g_dir_open (folder, 0, NULL);
  const char *name;

  while (fds != NULL && (name = g_dir_read_name (fds)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);
      char target[64] = { 0 };

      if (readlink (path, target, sizeof target - 1) > 0 && strcmp (target, link) == 0)
        return true;
    }
  return false;
}

/* "httpd (process 1234)"; NULL: this user may not know. (transfer full) */
static char *
describe_owner (const NetForward *forward)
{
  unsigned long inode = find_inode (forward);
  g_autofree char *link = g_strdup_printf ("socket:[%lu]", inode);
  g_autoptr (GDir) processes = inode != 0 ? g_dir_open ("/proc", 0, NULL) : NULL;
  const char *process;

  while (processes != NULL && (process = g_dir_read_name (processes)) != NULL)
    if (g_ascii_isdigit (process[0]) && has_socket (process, link))
      {
        g_autofree char *path = g_build_filename ("/proc", process, "comm", NULL);
        g_autofree char *name = NULL;

        if (!g_file_get_contents (path, &name, NULL, NULL))
          return NULL;
        return g_strdup_printf ("%s (process %s)", g_strchomp (name), process);
      }
  return NULL;
}

/* --- opening --- */

static void
explain (const NetForward *forward, int cause, GError **error)
{
  g_autofree char *host = net_address_format (forward->host);
  const char *protocol = net_protocol_names[forward->protocol];
  g_autofree char *owner = NULL, *first = NULL;

  switch (cause)
    {
    case EADDRINUSE:
      owner = describe_owner (forward);
      g_set_error (
        error, VMM_ERROR, VMM_ERROR_FAILED,
        "Port %u of the host (%s, %s) is in use by %s; end that, or forward another port (0: any that is "
        "free)",
        forward->host_port, protocol, host, owner != NULL ? owner : "a program of another user");
      return;
    case EACCES:
    case EPERM:
      if (!g_file_get_contents (FIRST_FREE, &first, NULL, NULL))
        first = g_strdup ("1024");
      g_set_error (
        error, VMM_ERROR, VMM_ERROR_FAILED,
        "Port %u of the host (%s, %s) is one of those that are only the administrator's; forward one from "
        "%s on, or let the administrator lower net.ipv4.ip_unprivileged_port_start",
        forward->host_port, protocol, host, g_strchomp (first));
      return;
    case EADDRNOTAVAIL:
      g_set_error (
        error, VMM_ERROR, VMM_ERROR_FAILED,
        "The host has no address %s, on which port %u (%s) is to be forwarded; take 127.0.0.1, 0.0.0.0 for "
        "all, or one that “ip address” shows",
        host, forward->host_port, protocol);
      return;
    default:
      g_set_error (error, VMM_ERROR, VMM_ERROR_FAILED, "Port %u of the host (%s, %s) can't be forwarded: %s",
                   forward->host_port, protocol, host, g_strerror (cause));
    }
}

int
net_forward_listen (const NetForward *forward, GError **error)
{
  struct sockaddr_in address = { .sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl (forward->host),
                                 .sin_port = htons (forward->host_port) };
  bool tcp = forward->protocol == NET_PROTOCOL_TCP;
  int fd = socket (AF_INET, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  int one = 1, cause;

  /* Connections of a run before may still be about to end: they don't keep the port (tcp only; for datagrams
   * it would let others in). */
  if (fd >= 0 && (!tcp || setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0)
      && bind (fd, (const struct sockaddr *)&address, sizeof address) == 0
      && (!tcp || listen (fd, BACKLOG) == 0))
    return fd;
  cause = errno;
  if (fd >= 0)
    close (fd);
  explain (forward, cause, error);
  return -1;
}

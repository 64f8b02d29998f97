/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * bonsai-usb-open BUS DEVICE: run by polkit as root, with a socket as standard output, through which the node
 * of one USB device goes. It lends no other right, writes nothing, and reads no file that is said to it.
 */
#include "app/session/exit-status.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <locale.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define USB_DEVICE_MAJOR 189 /* the kernel's Documentation/admin-guide/devices.txt */
#define MAX_BUS          999u
#define MAX_DEVICE       127u

static bool
parse (const char *text, unsigned max, unsigned *number)
{
  guint64 value = 0;

  if (!g_ascii_string_to_unsigned (text, 10, 1, max, &value, NULL))
    return false;
  *number = (unsigned)value;
  return true;
}

/* As the kernel numbers them: 128 to a bus. */
static bool
is_node (int fd, unsigned bus, unsigned device)
{
  struct stat st;

  return fstat (fd, &st) == 0 && S_ISCHR (st.st_mode)
         && st.st_rdev == makedev (USB_DEVICE_MAJOR, (bus - 1) * 128 + device - 1);
}

static bool
send_fd (int socket, int fd)
{
  char byte = 0;
  struct iovec content = { &byte, 1 };
  union {
    struct cmsghdr align;
    char bytes[CMSG_SPACE (sizeof (int))];
  } control = { 0 };
  struct msghdr message = {
    .msg_iov = &content, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes
  };
  struct cmsghdr *header = CMSG_FIRSTHDR (&message);

  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN (sizeof fd);
  memcpy (CMSG_DATA (header), &fd, sizeof fd);
  return sendmsg (socket, &message, MSG_NOSIGNAL) == 1;
}

static bool
open_and_send (unsigned bus, unsigned device)
{
  g_autofree char *path = g_strdup_printf ("/dev/bus/usb/%03u/%03u", bus, device);
  int fd = open (path, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);

  if (fd < 0)
    g_printerr ("bonsai-usb-open: %s: %s\n", path, g_strerror (errno));
  else if (!is_node (fd, bus, device))
    g_printerr ("bonsai-usb-open: %s is no USB device\n", path);
  else if (send_fd (STDOUT_FILENO, fd))
    return true;
  else
    g_printerr ("bonsai-usb-open: standard output is no socket: %s\n", g_strerror (errno));
  return false;
}

int
main (int argc, char **argv)
{
  unsigned bus, device;

  setlocale (LC_ALL, "");
  if (argc != 3 || !parse (argv[1], MAX_BUS, &bus) || !parse (argv[2], MAX_DEVICE, &device))
    {
      g_printerr ("Usage: bonsai-usb-open BUS DEVICE\n");
      return EXIT_STATUS_USAGE;
    }
  return open_and_send (bus, device) ? EXIT_STATUS_OK : EXIT_STATUS_ERROR;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/usb/usb-open.h"

#include "app/base/error.h"
#include "app/usb/usb-claim.h"
#include "app/usb/usb-match.h"
#include "app/usb/usb-private.h"
#include "app/vm/program-path.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gi18n.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PKEXEC_DISMISSED 126 /* pkexec(1) */

static void
explain (const HostUsb *usb, GError **error)
{
  g_autofree char *label = host_usb_label (usb);

  g_set_error (
    error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
    _ ("“%s” can't be attached: you may not write to %s. An administrator can give it to whoever sits at "
       "this computer, by a line in /etc/udev/rules.d/70-bonsai-usb.rules: SUBSYSTEM==\"usb\", "
       "ATTR{idVendor}==\"%04x\", ATTR{idProduct}==\"%04x\", TAG+=\"uaccess\"; then plug it in again"),
    label, usb->node, usb->vendor, usb->product);
}

/* --- by way of polkit --- */

/* What came through @socket, or -1. */
static int
receive_fd (int socket)
{
  char byte;
  struct iovec content = { &byte, 1 };
  union {
    struct cmsghdr align;
    char bytes[CMSG_SPACE (sizeof (int))];
  } control = { 0 };
  struct msghdr message = {
    .msg_iov = &content, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes
  };
  struct cmsghdr *header;
  int fd = -1;

  if (recvmsg (socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != 1)
    return -1;
  header = CMSG_FIRSTHDR (&message);
  if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS
      && header->cmsg_len == CMSG_LEN (sizeof fd))
    memcpy (&fd, CMSG_DATA (header), sizeof fd);
  return fd;
}

/* Its standard output is @socket (transfer full). Returns: its exit status, or -1. */
static int
run_opener (const HostUsb *usb, int socket)
{
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDIN_INHERIT);
  g_autofree char *program = program_path ("bonsai-usb-open", NULL);
  g_autofree char *bus = g_strdup_printf ("%u", usb->bus), *number = g_strdup_printf ("%u", usb->number);
  g_autoptr (GSubprocess) process = NULL;

  g_subprocess_launcher_take_stdout_fd (launcher, socket);
  if (program != NULL)
    process = g_subprocess_launcher_spawn (launcher, NULL, "pkexec", program, bus, number, NULL);
  if (process == NULL || !g_subprocess_wait (process, NULL, NULL) || !g_subprocess_get_if_exited (process))
    return -1;
  return g_subprocess_get_exit_status (process);
}

int
usb_open_by_polkit (const HostUsb *usb, GError **error)
{
  int ends[2], status, fd;

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
    {
      bonsai_set_errno_error (error, errno, _ ("“%s” (%s) can't be opened"), usb->product_name, usb->node);
      return -1;
    }
  status = run_opener (usb, ends[1]);
  fd = receive_fd (ends[0]);
  close (ends[0]);
  if (fd >= 0 && host_usb_is_open_as (usb, fd))
    return fd;
  if (fd >= 0)
    close (fd);
  if (status == PKEXEC_DISMISSED)
    {
      g_autofree char *label = host_usb_label (usb);

      g_set_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED,
                   _ ("“%s” isn't attached: no permission was given to open %s"), label, usb->node);
    }
  else
    explain (usb, error);
  return -1;
}

/* --- either --- */

int
usb_open (const HostUsb *usb, bool asks, GError **error)
{
  int fd = open (usb->node, O_RDWR | O_CLOEXEC | O_NOCTTY);

  if (fd >= 0)
    return fd;
  if (errno != EACCES && errno != EPERM)
    {
      g_autofree char *label = NULL;
      int saved_errno = errno;

      label = host_usb_label (usb);
      bonsai_set_errno_error (error, saved_errno, _ ("“%s” (%s) can't be opened"), label, usb->node);
    }
  else if (asks)
    return usb_open_by_polkit (usb, error);
  else
    explain (usb, error);
  return -1;
}

/* --- by rules --- */

static void
opened_free (gpointer data)
{
  UsbOpened *opened = data;

  if (opened->fd >= 0)
    close (opened->fd);
  host_usb_free (opened->usb);
  g_free (opened);
}

static bool
is_wanted (const HostUsb *usb, const GPtrArray *rules)
{
  g_autofree char *holder = NULL;

  if (usb->sole != USB_SOLE_NONE || usb_rules_find_match (rules, usb) == NULL)
    return false;
  holder = usb_claim_holder (usb->port, NULL);
  return holder == NULL;
}

GPtrArray *
usb_open_by_rules (const char *root, const GPtrArray *rules)
{
  GPtrArray *all = g_ptr_array_new_with_free_func (opened_free);
  g_autoptr (GPtrArray) devices = rules->len > 0 ? host_usb_list (root) : g_ptr_array_new ();

  for (guint i = 0; i < devices->len; i++)
    {
      const HostUsb *usb = g_ptr_array_index (devices, i);
      int fd = is_wanted (usb, rules) ? usb_open (usb, false, NULL) : -1;

      if (fd >= 0)
        g_ptr_array_add (all, g_memdup2 (&(UsbOpened){ host_usb_copy (usb), fd }, sizeof (UsbOpened)));
    }
  return all;
}

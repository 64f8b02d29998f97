/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/usb/usb-claim.h"

#include "app/base/error.h"
#include "app/session/runtime-dir.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <string.h>
#include <unistd.h>

#define MAX_CONTENT 512

struct UsbClaim {
  int fd;
};

char *
usb_claim_folder (void)
{
  g_autofree char *folder = runtime_dir_path ();

  return g_build_filename (folder, "usb", NULL);
}

static int
open_file (const char *port, int flags)
{
  g_autofree char *folder = usb_claim_folder ();
  g_autofree char *path = g_build_filename (folder, port, NULL);

  return open (path, O_NOFOLLOW | O_CLOEXEC | flags, 0600);
}

/* "UUID\nNAME" → the name. */
static char *
read_holder (int fd, char **uuid)
{
  char text[MAX_CONTENT + 1] = "";
  ssize_t n = pread (fd, text, MAX_CONTENT, 0);
  char *name = n > 0 ? strchr (text, '\n') : NULL;

  if (name != NULL)
    *name++ = '\0';
  if (uuid != NULL)
    *uuid = g_strdup (text);
  return g_utf8_make_valid (name != NULL ? name : "", -1);
}

static bool
write_holder (int fd, const char *uuid, const char *name)
{
  g_autofree char *text = g_strdup_printf ("%s\n%s", uuid, name);
  ssize_t length = (ssize_t)strlen (text);

  return ftruncate (fd, 0) == 0 && pwrite (fd, text, (size_t)length, 0) == length;
}

char *
usb_claim_holder (const char *port, char **uuid)
{
  struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
  int fd = open_file (port, O_RDONLY);
  char *name = NULL;

  if (uuid != NULL)
    *uuid = NULL;
  if (fd < 0)
    return NULL;
  if (fcntl (fd, F_OFD_GETLK, &range) == 0 && range.l_type != F_UNLCK)
    name = read_holder (fd, uuid);
  close (fd);
  return name;
}

static void
set_busy_error (const HostUsb *usb, int fd, GError **error)
{
  g_autofree char *label = host_usb_label (usb), *name = read_holder (fd, NULL);

  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_BUSY,
               _ ("“%s” (port %s) is attached to “%s” already; detach it there first"), label, usb->port,
               name);
}

static int
open_claim (const HostUsb *usb, GError **error)
{
  g_autofree char *folder = usb_claim_folder ();
  int fd;

  if (!runtime_dir_ensure (error))
    return -1;
  g_mkdir_with_parents (folder, 0700);
  fd = open_file (usb->port, O_RDWR | O_CREAT);
  if (fd < 0)
    bonsai_set_errno_error (error, errno, _ ("Can't write %s/%s"), folder, usb->port);
  return fd;
}

UsbClaim *
usb_claim_take (const HostUsb *usb, const char *uuid, const char *name, GError **error)
{
  struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
  int fd = open_claim (usb, error);
  UsbClaim *claim;

  if (fd < 0)
    return NULL;
  if (fcntl (fd, F_OFD_SETLK, &range) < 0)
    {
      set_busy_error (usb, fd, error);
      close (fd);
      return NULL;
    }
  if (!write_holder (fd, uuid, name))
    g_info ("%s: the device's machine can't be told", usb->port);
  claim = g_new (UsbClaim, 1);
  claim->fd = fd;
  return claim;
}

void
usb_claim_release (UsbClaim *claim)
{
  if (claim == NULL)
    return;
  /* Who watches the folder hears of it when the file is closed; a child that is between fork and exec shares
   * the description, and would keep the lock. */
  if (ftruncate (claim->fd, 0) < 0)
    g_info ("A USB device's machine can't be told");
  fcntl (claim->fd, F_OFD_SETLK, &(struct flock){ .l_type = F_UNLCK, .l_whence = SEEK_SET });
  close (claim->fd);
  g_free (claim);
}

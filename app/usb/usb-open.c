/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/usb/usb-open.h"

#include "app/base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <unistd.h>

static void
explain (const HostUsb *usb, int saved_errno, GError **error)
{
  g_autofree char *label = host_usb_label (usb);

  if (saved_errno == EACCES || saved_errno == EPERM)
    g_set_error (
      error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
      _ ("“%s” can't be attached: you may not write to %s. An administrator can give it to whoever sits at "
         "this computer, by a line in /etc/udev/rules.d/70-bonsai-usb.rules: SUBSYSTEM==\"usb\", "
         "ATTR{idVendor}==\"%04x\", ATTR{idProduct}==\"%04x\", TAG+=\"uaccess\"; then plug it in again"),
      label, usb->node, usb->vendor, usb->product);
  else
    bonsai_set_errno_error (error, saved_errno, _ ("“%s” (%s) can't be opened"), label, usb->node);
}

int
usb_open (const HostUsb *usb, bool asks, GError **error)
{
  int fd = open (usb->node, O_RDWR | O_CLOEXEC | O_NOCTTY);

  if (fd < 0)
    explain (usb, errno, error);
  return fd;
}

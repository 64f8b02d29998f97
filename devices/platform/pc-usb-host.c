/* SPDX-License-Identifier: GPL-3.0-or-later */
/* USB devices of the host's that come and go while the machine runs. */
#include "devices/platform/pc-private.h"

#include "vmm/base/error.h"

bool
pc_attach_usb (Pc *pc, int fd, const char *key, const char *name, GError **error)
{
  g_set_error (error, VMM_ERROR, VMM_ERROR_UNSUPPORTED, "%s (%s) can't be passed to the machine \"%s\" yet", name, key,
               pc->spec->name);
  return false;
}

bool
pc_detach_usb (Pc *pc, const char *key, GError **error)
{
  g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID, "The machine \"%s\" has no USB device of the host's at %s",
               pc->spec->name, key);
  return false;
}

void
pc_expect_usb (Pc *pc, const char *key, const char *name)
{
}

GPtrArray *
pc_list_usb (Pc *pc)
{
  return g_ptr_array_new ();
}

void
pc_watch_usb (Pc *pc, PcUsbLostFunc lost, void *data)
{
}

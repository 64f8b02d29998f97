/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/usb/usb-guard.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

struct UsbGuard {
  GPid process;
  int pipe;
};

UsbGuard *
usb_guard_new (const char *program, int device, unsigned configuration, uint32_t drivers, GError **error)
{
  g_autofree char *number = g_strdup_printf ("%u", configuration), *bits = g_strdup_printf ("%#x", drivers);
  const char *argv[] = { program, number, bits, NULL };
  const int source = device, target = USB_GUARD_DEVICE_FD;
  UsbGuard *guard = g_new0 (UsbGuard, 1);

  if (g_spawn_async_with_pipes_and_fds (NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_CLOEXEC_PIPES,
                                        NULL, NULL, -1, -1, -1, &source, &target, 1, &guard->process,
                                        &guard->pipe, NULL, NULL, error))
    return guard;
  g_free (guard);
  return NULL;
}

void
usb_guard_free (UsbGuard *guard)
{
  if (guard == NULL)
    return;
  close (guard->pipe);
  while (waitpid (guard->process, NULL, 0) < 0 && errno == EINTR)
    ;
  g_free (guard);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/bundle/vm-consoles.h"

#include <glib/gi18n.h>

const char *
vm_console_name (unsigned port)
{
  static const char *const names[VM_N_CONSOLES] = {
    N_ ("Serial port 1 (COM1)"), N_ ("Serial port 2 (COM2)"), N_ ("Serial port 3 (COM3)"),
    N_ ("Serial port 4 (COM4)"), N_ ("Virtio console"),
  };

  return _ (names[port]);
}

bool
vm_config_has_console (const VmConfig *config, unsigned port)
{
  const VmSerial *serial;

  if (port == VM_CONSOLE_VIRTIO || port >= config->serials->len)
    return port < VM_N_CONSOLES;
  serial = g_ptr_array_index (config->serials, port);
  return serial->kind == SERIAL_CONSOLE;
}

bool
vm_config_has_serial_console (const VmConfig *config)
{
  for (unsigned port = 0; port < VM_CONSOLE_VIRTIO; port++)
    if (vm_config_has_console (config, port))
      return true;
  return false;
}

unsigned
vm_config_best_console (const VmConfig *config)
{
  for (unsigned port = 0; port < config->serials->len; port++)
    if (((VmSerial *)g_ptr_array_index (config->serials, port))->kind == SERIAL_NONE)
      return port;
  return config->serials->len - 1;
}

void
vm_config_make_console (VmConfig *config, unsigned port)
{
  VmSerial *serial = g_ptr_array_index (config->serials, port);

  serial->kind = SERIAL_CONSOLE;
  vm_config_set (&serial->path, NULL);
}

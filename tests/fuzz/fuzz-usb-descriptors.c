/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a hostile USB device says of itself. */
#include "tests/fuzz/fuzz.h"

#include "devices/usb/usb-topology.h"

static void
count (unsigned interface, void *data)
{
  g_assert_cmpuint (interface, <, USB_N_INTERFACES);
  ++*(unsigned *)data;
}

static void
check (const UsbTopology *topology)
{
  for (unsigned address = 0; address < 256; address++)
    {
      const UsbEndpoint *endpoint = usb_topology_find (topology, (uint8_t)address);

      if (endpoint != NULL)
        g_assert_true (endpoint->kind <= USB_INTERRUPT && endpoint->interface < USB_N_INTERFACES
                       && (address & 15) != 0);
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree uint8_t *own = g_memdup2 (data, size); /* its end is watched */
  UsbTopology topology;
  unsigned n = 0;

  if (!usb_topology_init (&topology, own, size))
    return 0;
  for (unsigned configuration = 0; configuration < 4; configuration++)
    {
      usb_topology_configure (&topology, configuration);
      check (&topology);
      usb_topology_each (&topology, configuration, count, &n);
      usb_topology_set (&topology, size % 40, 1);
      check (&topology);
    }
  return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/devices/usb-storage-guest.h"

#include "vmm/base/bytes.h"

enum { NORMAL = 1, BULK_OUT = 2, BULK_IN = 6 };

void
usb_storage_guest_start (XhciGuest *guest, Bench *bench, unsigned port, bool uas)
{
  xhci_guest_start (guest, bench);
  g_assert_cmpuint (xhci_guest_address (guest, port), ==, 1);
  g_assert_cmpuint (xhci_guest_control (guest, 0, 9, 1, 0, 0, NULL), ==, 1);
  if (!uas)
    {
      g_assert_cmpuint (xhci_guest_open (guest, USB_STORAGE_BULK_IN, BULK_IN, 1024), ==, 1);
      g_assert_cmpuint (xhci_guest_open (guest, USB_STORAGE_BULK_OUT, BULK_OUT, 1024), ==, 1);
      return;
    }
  g_assert_cmpuint (xhci_guest_control (guest, 1, 11, 1, 0, 0, NULL), ==, 1);
  g_assert_cmpuint (xhci_guest_open (guest, USB_STORAGE_COMMAND, BULK_OUT, 1024), ==, 1);
  g_assert_cmpuint (xhci_guest_open_streams (guest, USB_STORAGE_STATUS, BULK_IN, 1024), ==, 1);
  g_assert_cmpuint (xhci_guest_open_streams (guest, USB_STORAGE_DATA_IN, BULK_IN, 1024), ==, 1);
  g_assert_cmpuint (xhci_guest_open_streams (guest, USB_STORAGE_DATA_OUT, BULK_OUT, 1024), ==, 1);
}

void
usb_storage_guest_submit (XhciGuest *guest, unsigned endpoint, unsigned stream, uint64_t address,
                          uint32_t size)
{
  const XhciGuestTrb trb = { address, size, NORMAL << 10 | 1 << 5 | 1 << 2 };

  if (stream == 0)
    {
      xhci_guest_put (guest, endpoint, &trb);
      xhci_guest_ring (guest, endpoint);
      return;
    }
  xhci_guest_put_stream (guest, endpoint, stream, &trb);
  xhci_guest_ring_stream (guest, endpoint, stream);
}

void
usb_storage_guest_block (Bench *bench, uint64_t address, uint32_t tag, uint32_t size, bool in,
                         const uint8_t *cdb, size_t cdb_size)
{
  uint8_t *p = bench_memory (bench, address, 31);

  memset (p, 0, 31);
  memcpy (p, "USBC", 4);
  store_le32 (p + 4, tag);
  store_le32 (p + 8, size);
  p[12] = in ? 0x80 : 0;
  p[14] = (uint8_t)cdb_size;
  memcpy (p + 15, cdb, cdb_size);
}

void
usb_storage_guest_unit (Bench *bench, uint64_t address, unsigned tag, const uint8_t *cdb, size_t cdb_size)
{
  uint8_t *p = bench_memory (bench, address, 32);

  memset (p, 0, 32);
  p[0] = 1;
  store_be16 (p + 2, tag);
  memcpy (p + 16, cdb, cdb_size);
}

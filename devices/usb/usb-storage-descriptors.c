/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/usb/usb-storage-private.h"

/* What the device says of itself: one interface, with a second setting for UAS at SuperSpeed. */

enum {
  BULK_IN = 0x81,
  BULK_OUT = 0x02,
  COMMAND = 0x01,
  STATUS = 0x82,
  DATA_IN = 0x83,
  DATA_OUT = 0x04,
};

#define DEVICE(version, packet, product)                                                                     \
  {                                                                                                          \
    18, USB_DESCRIPTOR_DEVICE, 0x00, version, 0, 0, 0, packet, 0xad, 0x15, product, 0x00, 0x00, 0x01, 1, 2,  \
      3, 1,                                                                                                  \
  }
#define CONFIGURATION(size) 9, USB_DESCRIPTOR_CONFIGURATION, size, 0, 1, 1, 0, 0x80, 50
/* Mass storage, SCSI transparent command set. */
#define INTERFACE(setting, n_endpoints, protocol)                                                            \
  9, USB_DESCRIPTOR_INTERFACE, 0, setting, n_endpoints, 0x08, 0x06, protocol, 0
#define ENDPOINT(address, packet) 7, USB_DESCRIPTOR_ENDPOINT, address, 2, 0x00, packet, 0
#define COMPANION(streams)        6, USB_DESCRIPTOR_COMPANION, 15 /* packets in a burst */, streams, 0, 0
#define PIPE_USAGE(id)            4, 0x24, id, 0 /* UAS, section 5.2.3.6 */

enum { PROTOCOL_BULK_ONLY = 0x50, PROTOCOL_UAS = 0x62 };

static const uint8_t disk_descriptor[] = DEVICE (0x03, 9, 0x03), cd_descriptor[] = DEVICE (0x03, 9, 0x04),
                     slow_disk_descriptor[] = DEVICE (0x02, 64, 0x03),
                     slow_cd_descriptor[] = DEVICE (0x02, 64, 0x04);

static const uint8_t slow_configuration[] = {
  CONFIGURATION (32),
  INTERFACE (STORAGE_BULK, 2, PROTOCOL_BULK_ONLY),
  ENDPOINT (BULK_IN, 512 >> 8),
  ENDPOINT (BULK_OUT, 512 >> 8),
};

static const uint8_t fast_configuration[] = {
  CONFIGURATION (121),
  INTERFACE (STORAGE_BULK, 2, PROTOCOL_BULK_ONLY),
  ENDPOINT (BULK_IN, 1024 >> 8),
  COMPANION (0),
  ENDPOINT (BULK_OUT, 1024 >> 8),
  COMPANION (0),
  INTERFACE (STORAGE_UAS, 4, PROTOCOL_UAS),
  ENDPOINT (COMMAND, 1024 >> 8),
  COMPANION (0),
  PIPE_USAGE (1),
  ENDPOINT (STATUS, 1024 >> 8),
  COMPANION (STORAGE_STREAM_BITS),
  PIPE_USAGE (2),
  ENDPOINT (DATA_IN, 1024 >> 8),
  COMPANION (STORAGE_STREAM_BITS),
  PIPE_USAGE (3),
  ENDPOINT (DATA_OUT, 1024 >> 8),
  COMPANION (STORAGE_STREAM_BITS),
  PIPE_USAGE (4),
};

G_STATIC_ASSERT (sizeof slow_configuration == 32 && sizeof fast_configuration == 121);
G_STATIC_ASSERT (STORAGE_N_STREAMS == 1u << STORAGE_STREAM_BITS);

static const uint8_t qualifier[] = { 10, USB_DESCRIPTOR_QUALIFIER, 0x00, 0x02, 0, 0, 0, 64, 1, 0 };

/* USB 3.2, section 9.6.2: of USB 2's extension nothing; all speeds from full on, links that never sleep. */
static const uint8_t bos[] = {
  5, USB_DESCRIPTOR_BOS, 22, 0, 2, 7, 16, 2, 0, 0, 0, 0, 10, 16, 3, 0, 0x0e, 0x00, 1, 0, 0, 0,
};

/* Section 4.1.1 of Bulk-Only Transport: at least twelve hexadecimal digits. */
static void
make_serial (UsbStorage *storage)
{
  g_autofree char *digest = g_compute_checksum_for_string (G_CHECKSUM_SHA256, storage->unit.serial, -1);
  g_autofree char *upper = g_ascii_strup (digest, -1);

  g_strlcpy (storage->serial, upper, sizeof storage->serial);
}

void
storage_describe (UsbStorage *storage, UsbSpeed speed)
{
  bool cd = storage->unit.kind == SCSI_CDROM;

  make_serial (storage);
  storage->strings[0] = "Bonsai";
  storage->strings[1] = cd ? "USB CD-ROM Drive" : "USB Disk";
  storage->strings[2] = storage->serial;
  storage->descriptors = (UsbDescriptors){ .strings = storage->strings };
  if (speed >= USB_SUPER_SPEED)
    {
      storage->descriptors.device = cd ? cd_descriptor : disk_descriptor;
      storage->descriptors.configuration = fast_configuration;
      storage->descriptors.configuration_size = sizeof fast_configuration;
      storage->descriptors.bos = bos;
      storage->descriptors.bos_size = sizeof bos;
      storage->descriptors.n_alternates = 1;
    }
  else
    {
      storage->descriptors.device = cd ? slow_cd_descriptor : slow_disk_descriptor;
      storage->descriptors.configuration = slow_configuration;
      storage->descriptors.configuration_size = sizeof slow_configuration;
      storage->descriptors.qualifier = qualifier;
    }
}

int
storage_find_pipe (const UsbStorage *storage, uint8_t endpoint)
{
  static const uint8_t endpoints[STORAGE_N_PIPES] = {
    [STORAGE_PIPE_BULK_IN] = BULK_IN, [STORAGE_PIPE_BULK_OUT] = BULK_OUT, [STORAGE_PIPE_COMMAND] = COMMAND,
    [STORAGE_PIPE_STATUS] = STATUS,   [STORAGE_PIPE_DATA_IN] = DATA_IN,   [STORAGE_PIPE_DATA_OUT] = DATA_OUT,
  };
  bool uas = storage->usb.alternate == STORAGE_UAS;

  if (storage->usb.configuration == 0)
    return -1;
  for (int pipe = uas ? STORAGE_PIPE_COMMAND : STORAGE_PIPE_BULK_IN;
       pipe < (uas ? STORAGE_N_PIPES : STORAGE_PIPE_COMMAND); pipe++)
    if (endpoints[pipe] == endpoint)
      return pipe;
  return -1;
}

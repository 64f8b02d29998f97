/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A hostile guest on one device, FUZZ_DEVICE; the input is what it does (bench_play). */
#include "tests/fuzz/fuzz.h"

#include "devices/ethernet/e1000e.h"
#include "devices/graphics/svga.h"
#include "devices/legacy/hpet.h"
#include "devices/legacy/i6300esb.h"
#include "devices/legacy/i8042.h"
#include "devices/legacy/pvpanic.h"
#include "devices/legacy/rtc.h"
#include "devices/legacy/uart16550.h"
#include "devices/platform/fw-cfg.h"
#include "devices/platform/ich9-lpc.h"
#include "devices/platform/nor-flash.h"
#include "devices/sound/hda.h"
#include "devices/storage/ahci.h"
#include "devices/storage/nvme.h"
#include "devices/usb/usb-hid.h"
#include "devices/usb/usb-host.h"
#include "devices/usb/usb-storage.h"
#include "devices/usb/xhci.h"
#include "devices/virtio/virtio-balloon.h"
#include "devices/virtio/virtio-blk.h"
#include "devices/virtio/virtio-gpu.h"
#include "devices/virtio/virtio-input.h"
#include "devices/virtio/virtio-console.h"
#include "devices/virtio/virtio-net.h"
#include "devices/virtio/virtio-rng.h"
#include "devices/virtio/virtio-scsi.h"
#include "tests/devices/fake-usb-link.h"
#include "tests/devices/nvme-guest.h"
#include "tests/devices/usb-storage-guest.h"
#include "tests/devices/xhci-guest.h"
#include "tests/devices/pci-bench.h"
#include "tests/devices/virtio-guest.h"

#include <sys/mman.h>
#include <unistd.h>

#define DISK_SIZE (64 << 10)

static PciPlace
place (Bench *bench)
{
  return (PciPlace){ pci_bench_bus_new (bench), PCI_DEVFN (3, 0) };
}

/* A disk that lives as long as the bench. */
static Image *
disk (Bench *bench, bool read_only)
{
  ImageOptions options = { .read_only = read_only };
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  int fd = memfd_create ("fuzz-disk", MFD_CLOEXEC);
  Image *image;

  g_assert_cmpint (ftruncate (fd, DISK_SIZE), ==, 0);
  path = g_strdup_printf ("/proc/self/fd/%d", fd);
  image = image_open (bench_board (bench)->loop, path, &options, &error);
  close (fd);
  g_assert_no_error (error);
  return image;
}

G_GNUC_UNUSED static void
setup_uart16550 (Bench *bench, void *data)
{
  bench_add (bench, &uart16550_class, NULL,
             &(UartConfig){ .base = 0x3f8, .gsi = 4, .cable.kind = CABLE_CONSOLE });
}

G_GNUC_UNUSED static void
setup_rtc (Bench *bench, void *data)
{
  bench_add (bench, &rtc_class, NULL, &(RtcConfig){ .ram_below_4g = BENCH_RAM_SIZE, .n_cpus = 1 });
}

G_GNUC_UNUSED static void
setup_i8042 (Bench *bench, void *data)
{
  bench_add (bench, &i8042_class, NULL, &(I8042Config){ .hub = NULL });
}

G_GNUC_UNUSED static void
setup_svga (Bench *bench, void *data)
{
  bench_add (bench, &svga_class.device, NULL, &(SvgaConfig){ .place = place (bench), .video_memory_mib = 4 });
}

G_GNUC_UNUSED static void
setup_ahci (Bench *bench, void *data)
{
  AhciConfig config = { .place = place (bench) };

  config.ports[0] = (AhciPortConfig){ .kind = AHCI_PORT_DISK, .image = disk (bench, false), .id = "disk0" };
  config.ports[1] = (AhciPortConfig){ .kind = AHCI_PORT_CDROM, .image = disk (bench, true), .id = "cd0" };
  bench_add (bench, &ahci_class, NULL, &config);
}

G_GNUC_UNUSED static void
setup_virtio_balloon (Bench *bench, void *data)
{
  bench_add (bench, &virtio_balloon_class, NULL, &(VirtioBalloonConfig){ .place = place (bench) });
}

G_GNUC_UNUSED static void
setup_virtio_blk (Bench *bench, void *data)
{
  bench_add (bench, &virtio_blk_class, NULL,
             &(VirtioBlkConfig){ .place = place (bench), .image = disk (bench, false), .serial = "disk0" });
}

G_GNUC_UNUSED static void
setup_virtio_gpu (Bench *bench, void *data)
{
  const VirtioGpuConfig config = {
    .place = place (bench), .n_heads = 2, .pixel_memory = 1 << 20, .max_entries = 256
  };

  bench_add (bench, &virtio_gpu_class, NULL, &config);
}

G_GNUC_UNUSED static void
setup_virtio_input (Bench *bench, void *data)
{
  InputHub *hub = bench_own (bench, input_hub_new (), (GDestroyNotify)input_hub_unref);

  bench_add (bench, &virtio_input_class, NULL,
             &(VirtioInputConfig){ .place = place (bench), .kind = VIRTIO_INPUT_KEYBOARD, .hub = hub });
}

static void
read_all (void *data)
{
  char bytes[64];

  while (channel_read (data, bytes, sizeof bytes) > 0)
    channel_write (data, bytes, 3);
}

static void
ignore (void *data)
{
}

/* Somebody is at the other end of a channel, and echoes. */
G_GNUC_UNUSED static void
setup_virtio_console (Bench *bench, void *data)
{
  static const ChannelEvents events = { ignore, ignore, read_all, ignore };
  Device *device =
    bench_add (bench, &virtio_console_class, NULL,
               &(VirtioConsoleConfig){ .place = place (bench),
                                       .cable.kind = CABLE_CONSOLE,
                                       .channels = { CHANNEL_GUEST_AGENT, CHANNEL_DESKTOP_AGENT } });
  Channel *channel = virtio_console_channel (device, CHANNEL_GUEST_AGENT);

  channel_open (channel, &events, channel, NULL);
}

G_GNUC_UNUSED static void
setup_e1000e (Bench *bench, void *data)
{
  bench_add (
    bench, &e1000e_class, NULL,
    &(E1000eConfig){ .place = place (bench), .id = "net0", .mac = "52:54:00:12:34:56", .network = "none" });
}

G_GNUC_UNUSED static void
setup_virtio_net (Bench *bench, void *data)
{
  bench_add (
    bench, &virtio_net_class, NULL,
    &(VirtioNetConfig){
      .place = place (bench), .id = "net0", .mac = "52:54:00:12:34:56", .network = "none", .n_pairs = 2 });
}

G_GNUC_UNUSED static void
setup_virtio_rng (Bench *bench, void *data)
{
  bench_add (bench, &virtio_rng_class, NULL, &(VirtioRngConfig){ .place = place (bench) });
}

G_GNUC_UNUSED static void
setup_virtio_scsi (Bench *bench, void *data)
{
  VirtioScsiConfig config = { .place = place (bench) };

  config.units[0] = (ScsiUnitConfig){ .kind = SCSI_DISK, .image = disk (bench, false), .serial = "disk0" };
  config.units[1] = (ScsiUnitConfig){ .kind = SCSI_CDROM, .image = disk (bench, true), .serial = "cd0" };
  bench_add (bench, &virtio_scsi_class, NULL, &config);
}

G_GNUC_UNUSED static void
setup_hpet (Bench *bench, void *data)
{
  bench_add (bench, &hpet_class, NULL, NULL);
}

G_GNUC_UNUSED static void
setup_hda (Bench *bench, void *data)
{
  bench_add (bench, &hda_class, NULL, &(HdaConfig){ .place = place (bench) });
}

G_GNUC_UNUSED static void
setup_nvme (Bench *bench, void *data)
{
  bench_add (
    bench, &nvme_class, NULL,
    &(NvmeConfig){ .place = place (bench), .image = disk (bench, false), .serial = "disk0", .n_queues = 2 });
}

G_GNUC_UNUSED static void
setup_i6300esb (Bench *bench, void *data)
{
  bench_add (bench, &i6300esb_class, NULL,
             &(I6300esbConfig){ .place = place (bench), .action = BOARD_ACTION_NOTIFY });
}

G_GNUC_UNUSED static void
setup_pvpanic (Bench *bench, void *data)
{
  bench_add (bench, &pvpanic_class, NULL, &(PvpanicConfig){ BOARD_ACTION_NOTIFY });
}

G_GNUC_UNUSED static void
setup_fw_cfg (Bench *bench, void *data)
{
  fw_cfg_add_file (bench_add (bench, &fw_cfg_class, NULL, NULL), "etc/file", "0123456789", 10);
}

G_GNUC_UNUSED static void
setup_ich9_lpc (Bench *bench, void *data)
{
  bench_add (bench, &ich9_lpc_class, NULL, &(Ich9LpcConfig){ .place = place (bench) });
}

/* With a file: what the guest changes is written there, and synced. */
G_GNUC_UNUSED static void
setup_nor_flash (Bench *bench, void *data)
{
  static uint8_t content[8 * NOR_FLASH_BLOCK_SIZE];
  int fd = memfd_create ("fuzz-flash", MFD_CLOEXEC);

  g_assert_cmpint (ftruncate (fd, sizeof content), ==, 0);
  bench_add (bench, &nor_flash_class, NULL,
             &(NorFlashConfig){ UINT64_C (0xffc00000), content, sizeof content, fd, "fuzz-flash" });
}

G_GNUC_UNUSED static void
setup_xhci (Bench *bench, void *data)
{
  Device *xhci = bench_add (bench, &xhci_class, NULL, &(XhciConfig){ .place = place (bench) });
  UsbHidConfig hid = { .place = { xhci_bus (xhci), 1 }, .model = USB_HID_TABLET };

  bench_add (bench, &usb_hid_class.device, "usb-tablet", &hid);
  hid.place.port = 2;
  hid.model = USB_HID_KEYBOARD;
  bench_add (bench, &usb_hid_class.device, "usb-keyboard", &hid);
  bench_choose (bench, xhci);
}

G_GNUC_UNUSED static void
setup_usb_storage (Bench *bench, void *data)
{
  Device *xhci = bench_add (bench, &xhci_class, NULL, &(XhciConfig){ .place = place (bench) });
  UsbStorageConfig config = { .place = { xhci_bus (xhci), 1 }, .speed = USB_SUPER_SPEED };

  config.unit = (ScsiUnitConfig){ .kind = SCSI_DISK, .image = disk (bench, false), .serial = "disk0" };
  bench_add (bench, &usb_storage_class.device, "usb-disk0", &config);
  config.place.port = 2;
  config.unit = (ScsiUnitConfig){ .kind = SCSI_CDROM, .image = disk (bench, true), .serial = "cd0" };
  bench_add (bench, &usb_storage_class.device, "usb-cd0", &config);
  bench_choose (bench, xhci);
}

/* A device that answers as it likes, and is pulled out in the end. */
G_GNUC_UNUSED static void
setup_usb_host (Bench *bench, void *data)
{
  static bool freed;
  Device *xhci = bench_add (bench, &xhci_class, NULL, &(XhciConfig){ .place = place (bench) });
  Device *host = bench_add (bench, &usb_host_class.device, "usb-host0", &(UsbHostConfig){ xhci_bus (xhci) });
  FakeUsbLink *fake = fake_usb_link_new (host, &freed);
  g_autoptr (GError) error = NULL;

  fake->answers = true;
  usb_host_plug (host, &fake->link, &(UsbHostName){ "1-2", "", "Stick" }, &error);
  g_assert_no_error (error);
  bench_choose (bench, xhci);
}

static void
config_access (Bench *bench, uint16_t offset, uint32_t value)
{
  pci_bench_write_config (bench, offset % PCI_CONFIG_SIZE & ~3u, value, 4);
}

/* Virtio devices are found live with queues of either layout, or as after power-on, by the input's first
 * byte. */
static size_t
open_virtio (Bench *bench, const uint8_t *data, size_t size)
{
  if (size == 0 || pci_bench_read_config (bench, 0, 2) != 0x1af4)
    return 0;
  if (!(data[0] & 8))
    virtio_guest_open (bench, data[0]);
  return 1;
}

/* NVMe controllers are found with an I/O queue and commands in it, with or without shadow doorbells, or as
 * after power-on. */
static size_t
open_nvme (Bench *bench, const uint8_t *data, size_t size)
{
  NvmeGuest guest;

  if (size == 0 || pci_bench_read_config (bench, 10, 2) != 0x0108)
    return 0;
  if (data[0] & 1)
    return 1;
  nvme_guest_enable (&guest, bench);
  if (data[0] & 2)
    nvme_guest_use_shadows (&guest);
  nvme_guest_add_queue (&guest, 1, 16, 0);
  for (unsigned i = 0; i < (data[0] >> 2 & 7); i++)
    nvme_guest_add (&guest, 1,
                    &(NvmeGuestCommand){ .opcode = (uint8_t)(data[0] >> 5 | i << 1),
                                         .nsid = 1,
                                         .prp1 = i << 12,
                                         .prp2 = i << 13,
                                         .dw10 = i,
                                         .dw11 = i & 4,
                                         .dw12 = i * 5 });
  nvme_guest_ring (&guest, 1);
  return 1;
}

/* The port of USB 2 with the first device there, or the second. */
static unsigned
find_port (XhciGuest *guest, bool second)
{
  unsigned found = 0;

  for (unsigned port = XHCI_N_SOCKETS + 1; port <= 2 * XHCI_N_SOCKETS; port++)
    if ((xhci_guest_port (guest, port) & 1) != 0 && (found == 0 || second))
      {
        second = found == 0 && second;
        found = port;
      }
  return found;
}

static void
offer_packets (XhciGuest *guest, unsigned n)
{
  xhci_guest_control (guest, 1, 11, 1, 0, 0, NULL);
  xhci_guest_open (guest, 7, 5, 192);
  for (unsigned i = 0; i < n; i++)
    xhci_guest_put (guest, 7, &(XhciGuestTrb){ XHCI_GUEST_DATA + i * 192, 192, 5 << 10 | 1 << 5 | 1u << 31 });
  xhci_guest_ring (guest, 7);
}

/* USB controllers are found with a device that has an address, and transfers that wait at it, or as after
 * power-on. */
static size_t
open_xhci (Bench *bench, const uint8_t *data, size_t size)
{
  XhciGuest guest;

  if (size == 0 || pci_bench_read_config (bench, 10, 2) != 0x0c03)
    return 0;
  if (data[0] & 1)
    return 1;
  xhci_guest_start (&guest, bench);
  xhci_guest_address (&guest, find_port (&guest, data[0] & 2));
  xhci_guest_control (&guest, 0, 9, 1, 0, 0, NULL);
  xhci_guest_open (&guest, 3, data[0] & 8 ? 6 : 7, data[0] & 8 ? 512 : 8);
  if (data[0] & 4)
    {
      xhci_guest_put (&guest, 3, &(XhciGuestTrb){ XHCI_GUEST_DATA, 8, 1 << 10 | 1 << 5 });
      xhci_guest_ring (&guest, 3);
    }
  if (data[0] & 16)
    offer_packets (&guest, data[0] >> 5);
  return 1;
}

/* USB disks and CD-ROM drives are found by either transport, and get the messages that the input begins with:
 * pipe, stream, size and 32 bytes each. */
static size_t
open_usb_storage (Bench *bench, const uint8_t *data, size_t size)
{
  static const uint8_t endpoints[][4] = { { 3, 4, 4, 3 }, { 2, 5, 7, 8 } };
  XhciGuest guest;
  size_t used = 1;
  bool uas;

  if (size == 0 || board_find (bench_board (bench), "usb-disk0") == NULL)
    return 0;
  uas = data[0] & 1;
  usb_storage_guest_start (&guest, bench, 1 + (data[0] >> 1 & 1), uas);
  for (unsigned n = data[0] >> 2 & 15; n > 0 && size - used >= 35; n--, used += 35)
    {
      const uint8_t *message = data + used;
      uint64_t address = XHCI_GUEST_DATA + n * 64;
      unsigned pipe = message[0] & 3;

      memcpy (bench_memory (bench, address, 32), message + 3, 32);
      if (message[0] & 4) /* likely a command */
        memcpy (bench_memory (bench, address, 4), uas ? "\1\0\0\1" : "USBC", 4);
      usb_storage_guest_submit (&guest, endpoints[uas][pipe], uas && pipe > 0 ? message[1] % 34 : 0, address,
                                message[2] & 1 ? message[2] * 8u
                                : uas          ? 32
                                               : 31);
    }
  return used;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (Bench) bench = bench_new_with (FUZZ_SETUP, NULL);
  size_t used = 0;

  if (FUZZ_ON_PCI)
    {
      pci_bench_map (bench);
      used = open_virtio (bench, data, size);
      if (used == 0)
        used = open_nvme (bench, data, size);
      if (used == 0)
        used = open_usb_storage (bench, data, size);
      if (used == 0)
        used = open_xhci (bench, data, size);
    }
  bench_play (bench, data + used, size - used, FUZZ_ON_PCI ? config_access : NULL);
  return 0;
}

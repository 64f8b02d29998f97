/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Mass storage in the USB controller: Bulk-Only Transport, UAS with streams, and hosts that break their
 * rules. */
#include "devices/usb/usb-storage.h"
#include "devices/usb/xhci.h"

#include "tests/devices/disk-checks.h"
#include "tests/devices/usb-storage-guest.h"
#include "tests/image/small-disk.h"
#include "vmm/base/bytes.h"

enum { SUCCESS = 1, STALL = 6, INVALID_STREAM = 34 };
enum { STOP_ENDPOINT = 15, RESET_ENDPOINT = 14, SET_DEQUEUE = 16 };
enum { READ_10 = 0x28, WRITE_10 = 0x2a, REQUEST_SENSE = 0x03, INQUIRY = 0x12 };
enum { DISK_PORT = 1, CD_SOCKET = 2, CD_PORT = XHCI_N_SOCKETS + CD_SOCKET };

#define DISK_SIZE (4u << 20)
#define CD_SIZE   (20u * 2048)
#define BLOCK     XHCI_GUEST_DATA            /* command blocks and information units */
#define STATUS    (XHCI_GUEST_DATA + 0x1000) /* of tag 0; 64 bytes for each */
#define DATA      (XHCI_GUEST_DATA + 0x2000)

typedef struct {
  Bench *bench;
  char *folder, *disk_path, *cd_path;
  XhciGuest guest;
} Fixture;

static void
furnish (Bench *bench, void *data)
{
  Fixture *f = data;
  XhciConfig config = { .place = { .bus = pci_bench_bus_new (bench), .devfn = PCI_DEVFN (4, 0) } };
  Device *xhci = bench_add (bench, &xhci_class, NULL, &config);
  UsbStorageConfig disk = { .place = { xhci_bus (xhci), 1 }, .speed = USB_SUPER_SPEED },
                   cd = { .place = { xhci_bus (xhci), CD_SOCKET }, .speed = USB_HIGH_SPEED };

  disk.unit = (ScsiUnitConfig){ .kind = SCSI_DISK,
                                .image = bench_open_image (bench, f->disk_path, "raw", false),
                                .serial = "disk0" };
  cd.unit = (ScsiUnitConfig){ .kind = SCSI_CDROM,
                              .image = bench_open_image (bench, f->cd_path, "raw", true),
                              .serial = "cd0" };
  bench_add (bench, &usb_storage_class.device, "usb-disk0", &disk);
  bench_add (bench, &usb_storage_class.device, "usb-cd0", &cd);
  bench_choose (bench, xhci);
}

static void
setup (Fixture *f, gconstpointer data)
{
  f->folder = scratch_new ();
  f->disk_path = pattern_file_new (f->folder, "disk.img", DISK_SIZE);
  f->cd_path = pattern_file_new (f->folder, "cd.iso", CD_SIZE);
  f->bench = bench_new_with (furnish, f);
  pci_bench_map (f->bench);
}

static void
teardown (Fixture *f, gconstpointer data)
{
  bench_free (f->bench);
  g_free (f->disk_path);
  g_free (f->cd_path);
  scratch_free (f->folder);
}

/* --- what a driver does --- */

/* The end of the next transfer: its code; *@missing: what was not moved. */
static unsigned
wait_transfer (Fixture *f, unsigned *endpoint, unsigned *missing)
{
  XhciGuestTrb event;

  do
    {
      bench_wait_idle (f->bench);
      g_assert_true (xhci_guest_event (&f->guest, &event));
    }
  while ((event.control >> 10 & 0x3f) != 32);
  if (endpoint != NULL)
    *endpoint = event.control >> 16 & 0x1f;
  if (missing != NULL)
    *missing = event.status & 0xffffff;
  return event.status >> 24;
}

static void
expect_silence (Fixture *f)
{
  XhciGuestTrb event;

  bench_wait_idle (f->bench);
  while (xhci_guest_event (&f->guest, &event))
    g_assert_cmpuint (event.control >> 10 & 0x3f, !=, 32);
}

static void
submit (Fixture *f, unsigned endpoint, unsigned stream, uint64_t address, uint32_t size)
{
  usb_storage_guest_submit (&f->guest, endpoint, stream, address, size);
}

static const uint8_t *
expect_csw (Fixture *f, uint32_t tag, uint32_t residue, uint8_t status)
{
  const uint8_t *p = bench_memory (f->bench, STATUS, 13);
  unsigned code;

  submit (f, USB_STORAGE_BULK_IN, 0, STATUS, 13);
  code = wait_transfer (f, NULL, NULL);
  g_assert_cmpuint (code, ==, SUCCESS);
  g_assert_cmpmem (p, 4, "USBS", 4);
  g_assert_cmpuint (load_le32 (p + 4), ==, tag);
  g_assert_cmpuint (load_le32 (p + 8), ==, residue);
  g_assert_cmpuint (p[12], ==, status);
  return p;
}

static void
send_block (Fixture *f, uint32_t tag, uint32_t size, bool in, const uint8_t *cdb, size_t cdb_size)
{
  usb_storage_guest_block (f->bench, BLOCK, tag, size, in, cdb, cdb_size);
  submit (f, USB_STORAGE_BULK_OUT, 0, BLOCK, 31);
  g_assert_cmpuint (wait_transfer (f, NULL, NULL), ==, SUCCESS);
}

#define CDB(...) ((const uint8_t[]){ __VA_ARGS__ }), sizeof ((const uint8_t[]){ __VA_ARGS__ })

/* A command without or with data, to its status. */
static void
run (Fixture *f, uint32_t size, bool in, const uint8_t *cdb, size_t cdb_size, uint32_t residue,
     uint8_t status)
{
  static uint32_t tag = 1;

  send_block (f, ++tag, size, in, cdb, cdb_size);
  if (size > 0)
    {
      submit (f, in ? USB_STORAGE_BULK_IN : USB_STORAGE_BULK_OUT, 0, DATA, size);
      g_assert_cmpuint (wait_transfer (f, NULL, NULL), ==, SUCCESS);
    }
  expect_csw (f, tag, residue, status);
}

static uint32_t
sense (Fixture *f)
{
  const uint8_t *p = bench_memory (f->bench, DATA, 18);

  run (f, 18, true, CDB (REQUEST_SENSE, 0, 0, 0, 18, 0), 0, 0);
  return (uint32_t)p[2] << 16 | p[12] << 8 | p[13];
}

/* With its unit attentions out of the way. */
static void
start_bulk (Fixture *f, unsigned port)
{
  usb_storage_guest_start (&f->guest, f->bench, port, false);
  while (sense (f) != 0)
    ;
}

/* --- Bulk-Only Transport --- */

static void
test_descriptors (Fixture *f, gconstpointer data)
{
  const uint8_t *p = bench_memory (f->bench, XHCI_GUEST_DATA, 256);
  unsigned actual;

  start_bulk (f, DISK_PORT);
  g_assert_cmpuint (xhci_guest_control (&f->guest, 0x80, 6, 0x0200, 0, 255, &actual), ==, SUCCESS);
  g_assert_cmpuint (actual, ==, load_le16 (p + 2));
  g_assert_cmpuint (xhci_guest_control (&f->guest, 0x80, 6, 0x0f00, 0, 255, &actual), ==, SUCCESS);
  g_assert_cmpuint (actual, ==, 22);
  g_assert_cmpuint (xhci_guest_control (&f->guest, 0x80, 6, 0x0303, 0, 255, &actual), ==, SUCCESS);
  g_assert_cmpuint (actual, ==, 2 + 2 * 16); /* its serial number: hexadecimal digits */
  g_assert_cmpuint (xhci_guest_control (&f->guest, 0xa1, 0xfe, 0, 0, 1, &actual), ==, SUCCESS);
  g_assert_cmpuint (p[0], ==, 0);
  g_assert_cmpuint (xhci_guest_control (&f->guest, 0x81, 10, 0, 0, 1, NULL), ==, SUCCESS);
  g_assert_cmpuint (p[0], ==, 0);
  g_assert_cmpuint (xhci_guest_control (&f->guest, 0x01, 11, 2, 0, 0, NULL), ==, STALL); /* no such setting */
}

static void
test_bulk_data (Fixture *f, gconstpointer data)
{
  start_bulk (f, DISK_PORT);
  run (f, 36, true, CDB (INQUIRY, 0, 0, 0, 36, 0), 0, 0);
  g_assert_cmpmem (bench_memory (f->bench, DATA + 8, 6), 6, "Bonsai", 6);
  run (f, 65536, true, CDB (READ_10, 0, 0, 0, 0, 8, 0, 0, 128, 0), 0, 0);
  assert_memory_is_pattern (f->bench, DATA, 8 * 512, 65536);
  memset (bench_memory (f->bench, DATA, 4096), 0x5a, 4096);
  run (f, 4096, false, CDB (WRITE_10, 0, 0, 0, 0, 16, 0, 0, 8, 0), 0, 0);
  assert_file_is (f->disk_path, 16 * 512, 0x5a, 4096);
  run (f, 0, false, CDB (0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0, 0);
}

/* In pieces, as a host may have them. */
static void
test_bulk_pieces (Fixture *f, gconstpointer data)
{
  start_bulk (f, DISK_PORT);
  send_block (f, 7, 4096, true, CDB (READ_10, 0, 0, 0, 0, 0, 0, 0, 8, 0));
  for (unsigned i = 0; i < 4; i++)
    {
      submit (f, USB_STORAGE_BULK_IN, 0, DATA + i * 1024, 1024);
      g_assert_cmpuint (wait_transfer (f, NULL, NULL), ==, SUCCESS);
    }
  expect_csw (f, 7, 0, 0);
  assert_memory_is_pattern (f->bench, DATA, 0, 4096);

  memset (bench_memory (f->bench, DATA, 4096), 0xa5, 4096);
  send_block (f, 8, 4096, false, CDB (WRITE_10, 0, 0, 0, 1, 0, 0, 0, 8, 0));
  for (unsigned i = 0; i < 4; i++)
    {
      submit (f, USB_STORAGE_BULK_OUT, 0, DATA + i * 1024, 1024);
      g_assert_cmpuint (wait_transfer (f, NULL, NULL), ==, SUCCESS);
    }
  expect_csw (f, 8, 0, 0);
  assert_file_is (f->disk_path, 256 * 512, 0xa5, 4096);
}

/* The thirteen cases of section 6.7: what host and device mean by a command's data. */
static void
test_bulk_cases (Fixture *f, gconstpointer data)
{
  const uint8_t *p = bench_memory (f->bench, DATA, 4096);

  start_bulk (f, DISK_PORT);
  run (f, 0, false, CDB (0x00, 0, 0, 0, 0, 0), 0, 0);                 /* Hn = Dn */
  run (f, 0, false, CDB (READ_10, 0, 0, 0, 0, 0, 0, 0, 1, 0), 0, 2);  /* Hn < Di */
  run (f, 0, false, CDB (WRITE_10, 0, 0, 0, 0, 0, 0, 0, 1, 0), 0, 2); /* Hn < Do */
  memset (bench_memory (f->bench, DATA, 512), 0xff, 512);
  run (f, 512, true, CDB (0x00, 0, 0, 0, 0, 0), 512, 0); /* Hi > Dn: padded */
  g_assert_cmpuint (p[511], ==, 0);
  run (f, 255, true, CDB (INQUIRY, 0, 0, 0, 255, 0), 255 - 36, 0);         /* Hi > Di */
  run (f, 512, true, CDB (READ_10, 0, 0, 0, 0, 0, 0, 0, 1, 0), 0, 0);      /* Hi = Di */
  run (f, 512, true, CDB (READ_10, 0, 0, 0, 0, 0, 0, 0, 2, 0), 512, 2);    /* Hi < Di */
  run (f, 512, true, CDB (WRITE_10, 0, 0, 0, 0, 0, 0, 0, 1, 0), 512, 2);   /* Hi <> Do */
  run (f, 512, false, CDB (0x00, 0, 0, 0, 0, 0), 512, 0);                  /* Ho > Dn */
  run (f, 1024, false, CDB (WRITE_10, 0, 0, 0, 4, 0, 0, 0, 1, 0), 512, 0); /* Ho > Do */
  run (f, 512, false, CDB (READ_10, 0, 0, 0, 0, 0, 0, 0, 1, 0), 512, 2);   /* Ho <> Di */
  run (f, 512, false, CDB (WRITE_10, 0, 0, 0, 0, 0, 0, 0, 2, 0), 512, 2);  /* Ho < Do */
  assert_file_is_pattern (f->disk_path, 0, 1024);
}

static void
test_bulk_sense (Fixture *f, gconstpointer data)
{
  start_bulk (f, DISK_PORT);
  run (f, 512, true, CDB (READ_10, 0, 0x7f, 0, 0, 0, 0, 0, 1, 0), 512, 1);
  g_assert_cmphex (sense (f), ==, 0x052100);
  g_assert_cmphex (sense (f), ==, 0);
  run (f, 0, false, CDB (0xff, 0, 0, 0, 0, 0), 0, 1);
  g_assert_cmphex (sense (f), ==, 0x052000);
}

/* Reset recovery, section 5.3.4: nothing else helps after a command block that is none. */
static void
test_bulk_recovery (Fixture *f, gconstpointer data)
{
  unsigned endpoint;

  start_bulk (f, DISK_PORT);
  memset (bench_memory (f->bench, BLOCK, 31), 0x42, 31);
  submit (f, USB_STORAGE_BULK_IN, 0, STATUS, 13);
  submit (f, USB_STORAGE_BULK_OUT, 0, BLOCK, 31);
  for (unsigned i = 0; i < 2; i++)
    g_assert_cmpuint (wait_transfer (f, &endpoint, NULL), ==,
                      endpoint == USB_STORAGE_BULK_IN ? STALL : SUCCESS);
  g_assert_cmpuint (xhci_guest_control (&f->guest, 0x82, 0, 0, 0x81, 2, NULL), ==, SUCCESS);
  g_assert_cmpuint (*(uint8_t *)bench_memory (f->bench, XHCI_GUEST_DATA, 1), ==, 1);

  /* Clearing the halt doesn't. */
  for (unsigned i = 0; i < 2; i++)
    {
      uint64_t next =
        f->guest.endpoints[USB_STORAGE_BULK_IN].base + f->guest.endpoints[USB_STORAGE_BULK_IN].index * 16;

      g_assert_cmpuint (xhci_guest_command (&f->guest, RESET_ENDPOINT, f->guest.slot, USB_STORAGE_BULK_IN, 0),
                        ==, SUCCESS);
      g_assert_cmpuint (
        xhci_guest_command (&f->guest, SET_DEQUEUE, f->guest.slot, USB_STORAGE_BULK_IN, next | 1), ==,
        SUCCESS);
      if (i > 0)
        g_assert_cmpuint (xhci_guest_control (&f->guest, 0x21, 0xff, 0, 0, 0, NULL), ==, SUCCESS);
      g_assert_cmpuint (xhci_guest_control (&f->guest, 0x02, 1, 0, 0x81, 0, NULL), ==, SUCCESS);
      if (i > 0)
        break;
      submit (f, USB_STORAGE_BULK_IN, 0, STATUS, 13);
      g_assert_cmpuint (wait_transfer (f, NULL, NULL), ==, STALL);
    }
  run (f, 512, true, CDB (READ_10, 0, 0, 0, 0, 0, 0, 0, 1, 0), 0, 0);
}

/* The host forgets a command in the middle; the next one waits for the disk, and is right. */
static void
test_bulk_reset (Fixture *f, gconstpointer data)
{
  start_bulk (f, DISK_PORT);
  send_block (f, 3, 65536, true, CDB (READ_10, 0, 0, 0, 0, 0, 0, 0, 128, 0));
  g_assert_cmpuint (xhci_guest_control (&f->guest, 0x21, 0xff, 0, 0, 0, NULL), ==, SUCCESS);
  expect_silence (f);
  run (f, 4096, true, CDB (READ_10, 0, 0, 0, 0, 8, 0, 0, 8, 0), 0, 0);
  assert_memory_is_pattern (f->bench, DATA, 8 * 512, 4096);
}

static void
test_cdrom (Fixture *f, gconstpointer data)
{
  Device *cd = bench_find (f->bench, "usb-cd0");

  start_bulk (f, CD_PORT);
  run (f, 8, true, CDB (0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0, 0);
  g_assert_cmpuint (load_be32 (bench_memory (f->bench, DATA, 4)), ==, CD_SIZE / 2048 - 1);
  run (f, 4096, true, CDB (READ_10, 0, 0, 0, 0, 3, 0, 0, 2, 0), 0, 0);
  assert_memory_is_pattern (f->bench, DATA, 3 * 2048, 4096);
  g_assert_true (usb_storage_change_medium (cd, NULL, false, NULL));
  run (f, 0, false, CDB (0x00, 0, 0, 0, 0, 0), 0, 1);
  g_assert_cmphex (sense (f) >> 8, ==, 0x023a);
}

/* --- UAS --- */

static void
issue (Fixture *f, unsigned tag, const uint8_t *cdb, size_t size)
{
  uint64_t unit = BLOCK + tag * 32;

  usb_storage_guest_unit (f->bench, unit, tag, cdb, size);
  submit (f, USB_STORAGE_COMMAND, 0, unit, 32);
}

static const uint8_t *
status_of (Fixture *f, unsigned tag)
{
  return bench_memory (f->bench, STATUS + tag * 64, 64);
}

/* Waits for the ends of @n transfers, whatever their order. */
static void
wait_transfers (Fixture *f, unsigned n)
{
  while (n-- > 0)
    {
      unsigned code = wait_transfer (f, NULL, NULL);

      g_assert_true (code == SUCCESS || code == 13);
    }
}

static void
expect_sense (Fixture *f, unsigned tag, uint8_t status, uint32_t key)
{
  const uint8_t *p = status_of (f, tag);

  g_assert_cmpuint (p[0], ==, 3);
  g_assert_cmpuint (load_be16 (p + 2), ==, tag);
  g_assert_cmpuint (p[6], ==, status);
  g_assert_cmpuint (load_be16 (p + 14), ==, status == 0 ? 0 : 18);
  if (status != 0)
    g_assert_cmphex ((uint32_t)p[18] << 16 | p[28] << 8 | p[29], ==, key);
}

static void
start_uas (Fixture *f)
{
  usb_storage_guest_start (&f->guest, f->bench, DISK_PORT, true);
  do
    {
      submit (f, USB_STORAGE_STATUS, 1, STATUS + 64, 64);
      issue (f, 1, CDB (0x00, 0, 0, 0, 0, 0));
      wait_transfers (f, 2);
    }
  while (status_of (f, 1)[6] != 0);
}

/* Thirty-two reads at once, whose data and status come by their streams. */
static void
test_uas_reads (Fixture *f, gconstpointer data)
{
  start_uas (f);
  for (unsigned round = 0; round < 8; round++)
    {
      for (unsigned tag = 1; tag <= 16; tag++)
        {
          submit (f, USB_STORAGE_STATUS, tag, STATUS + tag * 64, 64);
          submit (f, USB_STORAGE_DATA_IN, tag, DATA + tag * 4096, 4096);
          issue (f, tag, CDB (READ_10, 0, 0, 0, round, (uint8_t)(tag * 8), 0, 0, 8, 0));
        }
      wait_transfers (f, 48);
      for (unsigned tag = 1; tag <= 16; tag++)
        {
          expect_sense (f, tag, 0, 0);
          assert_memory_is_pattern (f->bench, DATA + tag * 4096, (round * 256 + tag * 8) * 512, 4096);
        }
    }
  expect_silence (f);
}

/* Data that comes before, and after its command. */
static void
test_uas_writes (Fixture *f, gconstpointer data)
{
  start_uas (f);
  memset (bench_memory (f->bench, DATA, 4096), 0x11, 4096);
  memset (bench_memory (f->bench, DATA + 4096, 4096), 0x22, 4096);
  submit (f, USB_STORAGE_STATUS, 1, STATUS + 64, 64);
  submit (f, USB_STORAGE_DATA_OUT, 1, DATA, 4096);
  issue (f, 1, CDB (WRITE_10, 0, 0, 0, 0, 8, 0, 0, 8, 0));
  wait_transfers (f, 3);
  expect_sense (f, 1, 0, 0);
  issue (f, 2, CDB (WRITE_10, 0, 0, 0, 0, 16, 0, 0, 8, 0));
  submit (f, USB_STORAGE_DATA_OUT, 2, DATA + 4096, 1024);
  submit (f, USB_STORAGE_DATA_OUT, 2, DATA + 4096 + 1024, 3072);
  submit (f, USB_STORAGE_STATUS, 2, STATUS + 128, 64);
  wait_transfers (f, 4);
  expect_sense (f, 2, 0, 0);
  assert_file_is (f->disk_path, 8 * 512, 0x11, 4096);
  assert_file_is (f->disk_path, 16 * 512, 0x22, 4096);
}

static void
test_uas_errors (Fixture *f, gconstpointer data)
{
  unsigned endpoint, missing;

  start_uas (f);
  submit (f, USB_STORAGE_STATUS, 3, STATUS + 3 * 64, 64);
  submit (f, USB_STORAGE_DATA_IN, 3, DATA, 4096);
  issue (f, 3, CDB (READ_10, 0, 0x7f, 0, 0, 0, 0, 0, 8, 0));
  for (unsigned i = 0; i < 3; i++)
    {
      unsigned code = wait_transfer (f, &endpoint, &missing);

      if (endpoint == USB_STORAGE_DATA_IN) /* what never came */
        g_assert_cmpuint (code << 16 | missing, ==, 13 << 16 | 4096);
    }
  expect_sense (f, 3, 2, 0x052100);

  /* More than any command may be about. */
  submit (f, USB_STORAGE_STATUS, 4, STATUS + 4 * 64, 64);
  issue (f, 4, CDB (0x8f, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0));
  wait_transfers (f, 2);
  g_assert_cmpuint (status_of (f, 4)[6], ==, 2);

  /* No tag, no unit, no function. */
  issue (f, 0, CDB (0x00, 0, 0, 0, 0, 0));
  wait_transfers (f, 1);
  expect_silence (f);
}

static void
manage (Fixture *f, unsigned tag, uint8_t function, unsigned task)
{
  uint8_t *p = bench_memory (f->bench, BLOCK + tag * 32, 32);

  memset (p, 0, 32);
  p[0] = 5;
  store_be16 (p + 2, tag);
  p[4] = function;
  store_be16 (p + 6, task);
  submit (f, USB_STORAGE_STATUS, tag, STATUS + tag * 64, 64);
  submit (f, USB_STORAGE_COMMAND, 0, BLOCK + tag * 32, 16);
  wait_transfers (f, 2);
  g_assert_cmpuint (status_of (f, tag)[0], ==, 4);
}

/* A write whose data doesn't come is queried, and aborted. */
static void
test_uas_management (Fixture *f, gconstpointer data)
{
  start_uas (f);
  issue (f, 5, CDB (WRITE_10, 0, 0, 0, 0, 8, 0, 0, 8, 0));
  wait_transfers (f, 1);
  manage (f, 6, 0x80, 5);
  g_assert_cmpuint (status_of (f, 6)[7], ==, 8);
  manage (f, 6, 0x01, 5);
  g_assert_cmpuint (status_of (f, 6)[7], ==, 0);
  manage (f, 6, 0x81, 0);
  g_assert_cmpuint (status_of (f, 6)[7], ==, 0);
  manage (f, 6, 0x77, 0);
  g_assert_cmpuint (status_of (f, 6)[7], ==, 4);
  assert_file_is_pattern (f->disk_path, 0, 8192);

  /* Two of one tag end both. */
  issue (f, 7, CDB (WRITE_10, 0, 0, 0, 0, 8, 0, 0, 8, 0));
  wait_transfers (f, 1);
  submit (f, USB_STORAGE_STATUS, 7, STATUS + 7 * 64, 64);
  issue (f, 7, CDB (0x00, 0, 0, 0, 0, 0));
  wait_transfers (f, 2);
  g_assert_cmpuint (status_of (f, 7)[0], ==, 4);
  g_assert_cmpuint (status_of (f, 7)[7], ==, 0x0a);

  manage (f, 6, 0x08, 0);
  submit (f, USB_STORAGE_STATUS, 1, STATUS + 64, 64);
  issue (f, 1, CDB (0x00, 0, 0, 0, 0, 0));
  wait_transfers (f, 2);
  expect_sense (f, 1, 2, 0x062903);
}

/* --- streams --- */

/* A stream that waits is stopped, moved on, and goes on; streams that aren't there are refused. */
static void
test_streams (Fixture *f, gconstpointer data)
{
  XhciGuestRing *ring = &f->guest.streams[USB_STORAGE_STATUS][9];
  uint64_t start, second;

  start_uas (f);
  start = ring->base;
  submit (f, USB_STORAGE_STATUS, 9, STATUS, 64);
  submit (f, USB_STORAGE_STATUS, 9, STATUS + 9 * 64, 64);
  second = start + 16;
  g_assert_cmphex (xhci_guest_stream_dequeue (&f->guest, USB_STORAGE_STATUS, 9), ==, start);
  g_assert_cmpuint (xhci_guest_command (&f->guest, STOP_ENDPOINT, f->guest.slot, USB_STORAGE_STATUS, 0), ==,
                    SUCCESS);
  expect_silence (f);
  g_assert_cmpuint (
    xhci_guest_command_with (&f->guest, SET_DEQUEUE, f->guest.slot, USB_STORAGE_STATUS, second | 3, 9u << 16),
    ==, SUCCESS);
  g_assert_cmpuint (xhci_guest_command_with (&f->guest, SET_DEQUEUE, f->guest.slot, USB_STORAGE_STATUS,
                                             second | 3, 64u << 16),
                    ==, INVALID_STREAM);
  xhci_guest_ring_stream (&f->guest, USB_STORAGE_STATUS, 64);
  xhci_guest_ring_stream (&f->guest, USB_STORAGE_STATUS, 0);
  xhci_guest_ring_stream (&f->guest, USB_STORAGE_STATUS, 9);
  issue (f, 9, CDB (0x00, 0, 0, 0, 0, 0));
  wait_transfers (f, 2);
  expect_sense (f, 9, 0, 0);
  g_assert_cmphex (xhci_guest_stream_dequeue (&f->guest, USB_STORAGE_STATUS, 9), ==, second + 16);
}

/* --- coming, going, being saved --- */

static void
test_pull (Fixture *f, gconstpointer data)
{
  Device *disk = bench_find (f->bench, "usb-disk0");

  start_uas (f);
  submit (f, USB_STORAGE_DATA_IN, 1, DATA, 65536);
  submit (f, USB_STORAGE_STATUS, 1, STATUS, 64);
  issue (f, 1, CDB (READ_10, 0, 0, 0, 0, 0, 0, 0, 128, 0));
  usb_storage_pull (disk);
  board_remove (bench_board (f->bench), disk);
  g_assert_cmphex (xhci_guest_port (&f->guest, DISK_PORT) & 1, ==, 0);
  bench_wait_idle (f->bench);
}

static void
test_state (Fixture *f, gconstpointer data)
{
  start_uas (f);
  issue (f, 2, CDB (WRITE_10, 0, 0, 0, 0, 16, 0, 0, 8, 0));  /* its data doesn't come */
  issue (f, 3, CDB (READ_10, 0, 0, 0, 0, 16, 0, 0, 128, 0)); /* nobody takes its data */
  issue (f, 4, CDB (0xff, 0, 0, 0, 0, 0));                   /* nobody takes its status */
  issue (f, 5, CDB (INQUIRY, 0, 0, 0, 36, 0));
  wait_transfers (f, 4);
  bench_round_trip_state (f->bench);
}

/* What was saved in the middle of a command goes on. */
static void
test_goes_on (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) saved = NULL;
  gsize size;
  const uint8_t *bytes;

  start_bulk (f, DISK_PORT);
  send_block (f, 9, 65536, true, CDB (READ_10, 0, 0, 0, 0, 8, 0, 0, 128, 0));
  submit (f, USB_STORAGE_BULK_IN, 0, DATA, 1024);
  g_assert_cmpuint (wait_transfer (f, NULL, NULL), ==, SUCCESS);
  bench_wait_idle (f->bench);
  saved = board_save (bench_board (f->bench));
  bytes = g_bytes_get_data (saved, &size);
  board_stopped (bench_board (f->bench));
  g_assert_true (board_load (bench_board (f->bench), bytes, size, NULL));
  board_started (bench_board (f->bench));
  submit (f, USB_STORAGE_BULK_IN, 0, DATA + 1024, 64512);
  g_assert_cmpuint (wait_transfer (f, NULL, NULL), ==, SUCCESS);
  expect_csw (f, 9, 0, 0);
  assert_memory_is_pattern (f->bench, DATA, 8 * 512, 65536);
}

/* Commands that nobody sends, on rings that work. */
static void
mad_step (Bench *bench, GRand *rand, void *data)
{
  Fixture *f = data;
  uint8_t *p = bench_memory (bench, BLOCK, 64);

  if (g_rand_int_range (rand, 0, 8) == 0)
    {
      pci_bench_fuzz_step (bench, rand, NULL);
      return;
    }
  for (unsigned i = 0; i < 64; i++)
    p[i] = (uint8_t)g_rand_int (rand);
  memset (p + 9, 0, 3);
  p[0] = g_rand_boolean (rand) ? 1 : 5;
  p[1] = p[2] = 0;
  p[3] %= 40;
  submit (f, (unsigned[]){ 2, 3, 4, 5, 7, 8 }[g_rand_int_range (rand, 0, 6)], g_rand_int_range (rand, 0, 34),
          BLOCK, g_rand_int_range (rand, 0, 70));
}

static void
test_fuzz (Fixture *f, gconstpointer data)
{
  bool uas = GPOINTER_TO_INT (data);

  if (uas)
    start_uas (f);
  else
    start_bulk (f, DISK_PORT);
  bench_fuzz_with (f->bench, 3, 20000, mad_step, f);
}

#define ADD(name, func) g_test_add ("/usb-storage/" name, Fixture, NULL, setup, func, teardown)
#define ADD_WITH(name, func, with)                                                                           \
  g_test_add ("/usb-storage/" name, Fixture, GINT_TO_POINTER (with), setup, func, teardown)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("descriptors", test_descriptors);
  ADD ("bulk/data", test_bulk_data);
  ADD ("bulk/pieces", test_bulk_pieces);
  ADD ("bulk/cases", test_bulk_cases);
  ADD ("bulk/sense", test_bulk_sense);
  ADD ("bulk/recovery", test_bulk_recovery);
  ADD ("bulk/reset", test_bulk_reset);
  ADD ("cdrom", test_cdrom);
  ADD ("uas/reads", test_uas_reads);
  ADD ("uas/writes", test_uas_writes);
  ADD ("uas/errors", test_uas_errors);
  ADD ("uas/management", test_uas_management);
  ADD ("streams", test_streams);
  ADD ("pull", test_pull);
  ADD ("state", test_state);
  ADD ("goes-on", test_goes_on);
  ADD_WITH ("fuzz/bulk", test_fuzz, false);
  ADD_WITH ("fuzz/uas", test_fuzz, true);
  return g_test_run ();
}

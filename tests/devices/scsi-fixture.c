/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/devices/scsi-fixture.h"

#include "vmm/base/bytes.h"

#define RINGS UINT64_C (0x10000) /* 16 KiB for each of the queues */

void
scsi_furnish (Bench *bench, void *data)
{
  VirtioDisk *f = data;
  VirtioScsiConfig config = { .place = { pci_bench_bus_new (bench), PCI_DEVFN (4, 0) }, .n_queues = 2 };

  config.units[DISK] = (ScsiUnitConfig){ .kind = SCSI_DISK,
                                         .image = virtio_disk_open (f, bench),
                                         .serial = "disk0",
                                         .no_discard = f->wanted->plain,
                                         .write_through = f->wanted->plain };
  config.units[CD] = (ScsiUnitConfig){ .kind = SCSI_CDROM,
                                       .image = bench_open_image (bench, f->cd_path, "raw", true),
                                       .serial = "cd0" };
  bench_add (bench, &virtio_scsi_class, "scsi0", &config);
  pci_bench_map (bench);
}

void
scsi_lay_rings (VirtioDisk *f)
{
  guest_queue_init (&f->control, f->bench, 0, 16, RINGS);
  guest_queue_init (&f->event, f->bench, 1, 16, RINGS + 0x4000);
  guest_queue_init (&f->queue, f->bench, 2, 64, RINGS + 0x8000);
}

void
scsi_issue (VirtioDisk *f, uint64_t header, uint64_t response, unsigned target, const uint8_t *cdb,
            size_t cdb_size, uint64_t data, uint32_t out, uint32_t in)
{
  uint8_t *p = bench_memory (f->bench, header, 51);
  GuestBuffer buffers[3];
  unsigned n = 0;

  memset (p, 0, 51);
  p[0] = 1;
  p[1] = target;
  store_le64 (p + 8, header); /* its tag */
  memcpy (p + 19, cdb, cdb_size);
  memset (bench_memory (f->bench, response, 108), 0xee, 108);
  buffers[n++] = (GuestBuffer){ header, 51, false };
  if (out > 0)
    buffers[n++] = (GuestBuffer){ data, out, false };
  buffers[n++] = (GuestBuffer){ response, 108, true };
  if (in > 0)
    buffers[n++] = (GuestBuffer){ data, in, true };
  guest_queue_add (&f->queue, buffers, n);
  guest_queue_kick (&f->queue);
}

uint8_t *
scsi_response (VirtioDisk *f)
{
  return bench_memory (f->bench, RESPONSE, 108);
}

uint8_t *
scsi_answer (VirtioDisk *f, size_t size)
{
  return bench_memory (f->bench, DATA, size);
}

uint32_t
scsi_run (VirtioDisk *f, unsigned target, const uint8_t *cdb, size_t size, uint32_t out, uint32_t in)
{
  const uint8_t *p = scsi_response (f);

  scsi_issue (f, HEADER, RESPONSE, target, cdb, size, DATA, out, in);
  guest_queue_wait (&f->queue, NULL);
  if (p[11] != 0)
    return UINT32_MAX;
  if (p[10] == 0)
    return 0;
  g_assert_cmphex (p[10], ==, 0x02);
  g_assert_cmpuint (load_le32 (p), ==, 18);
  g_assert_cmphex (p[SENSE], ==, 0x70);
  return (uint32_t)p[SENSE + 2] << 16 | p[SENSE + 12] << 8 | p[SENSE + 13];
}

void
scsi_start (VirtioDisk *f, uint64_t features)
{
  virtio_disk_negotiate (f, features);
  scsi_lay_rings (f);
  virtio_guest_driver_ok (f->bench);
  RUN (f, DISK, 0, 0, 0x00);
  RUN (f, CD, 0, 0, 0x00);
}

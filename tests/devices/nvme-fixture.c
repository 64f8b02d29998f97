/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/devices/nvme-fixture.h"

#include "devices/storage/nvme.h"

void
nvme_furnish (Bench *bench, void *data)
{
  NvmeFixture *f = data;
  NvmeConfig config = {
    .place = { pci_bench_bus_new (bench), PCI_DEVFN (4, 0) },
    .serial = "disk-serial-0123456789",
    .uuid = { 0x12, 0x34, 0x56, 0x78, 0x9a },
    .n_queues = f->wanted->n_queues,
    .write_through = f->wanted->plain,
    .no_discard = f->wanted->plain,
  };

  config.image = f->image = bench_open_image (bench, f->path, "raw", f->wanted->read_only);
  bench_add (bench, &nvme_class, "disk0", &config);
  pci_bench_map (bench);
}

static void
setup (NvmeFixture *f, gconstpointer data)
{
  f->wanted = data;
  f->folder = scratch_new ();
  f->path = pattern_file_new (f->folder, "disk.img", DISK_SIZE);
  f->bench = bench_new_with (nvme_furnish, f);
}

static void
teardown (NvmeFixture *f, gconstpointer data)
{
  bench_free (f->bench);
  g_free (f->path);
  scratch_free (f->folder);
}

void
nvme_start (NvmeFixture *f)
{
  nvme_guest_enable (&f->guest, f->bench);
  nvme_guest_add_queue (&f->guest, IO, 16, 0);
}

uint16_t
nvme_admin (NvmeFixture *f, const NvmeGuestCommand *command)
{
  return nvme_guest_run (&f->guest, 0, command, NULL);
}

NvmeGuestCommand
nvme_transfer (uint8_t opcode, uint64_t sector, unsigned n, uint64_t data)
{
  return (NvmeGuestCommand){ .opcode = opcode,
                             .nsid = 1,
                             .prp1 = data,
                             .prp2 = (data & ~UINT64_C (0xfff)) + 0x1000,
                             .dw10 = sector,
                             .dw11 = sector >> 32,
                             .dw12 = n - 1 };
}

uint16_t
nvme_run (NvmeFixture *f, uint8_t opcode, uint64_t sector, unsigned n, uint64_t data)
{
  NvmeGuestCommand command = nvme_transfer (opcode, sector, n, data);

  return nvme_guest_run (&f->guest, IO, &command, NULL);
}

void
nvme_add_test (const char *path, const NvmeCase *wanted, void (*func) (NvmeFixture *f, gconstpointer data))
{
  g_test_add (path, NvmeFixture, wanted, setup, func, teardown);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NVMe controllers against the NVM Express base specification 1.4: registers, queues, what they tell. */
#include "tests/devices/nvme-fixture.h"
#include "vmm/base/bytes.h"

static void *
page (NvmeFixture *f)
{
  return bench_memory (f->bench, NVME_GUEST_PAGE, 4096);
}

/* 3.1.1, 3.1.2: what the controller can. */
static void
test_registers (NvmeFixture *f, gconstpointer data)
{
  uint64_t cap;

  f->guest.bench = f->bench;
  cap = bench_read64 (f->bench, PCI_BENCH_BAR (0));
  g_assert_cmphex (pci_bench_read_config (f->bench, 8, 4) >> 8, ==, 0x010802);
  g_assert_cmphex (cap & 0xffff, ==, 1023);  /* MQES */
  g_assert_cmphex (cap >> 16 & 1, ==, 1);    /* CQR */
  g_assert_cmphex (cap >> 32 & 0xf, ==, 0);  /* DSTRD */
  g_assert_cmphex (cap >> 37 & 0xff, ==, 1); /* CSS */
  g_assert_cmphex (cap >> 48 & 0xff, ==, 0); /* pages of 4 KiB only */
  g_assert_cmphex (nvme_guest_register (&f->guest, NVME_REG_VS), ==, 0x00010400);
  g_assert_cmphex (nvme_guest_register (&f->guest, NVME_REG_CSTS), ==, 0);
  nvme_guest_set_register (&f->guest, NVME_REG_ASQ, 0x12345678);
  g_assert_cmphex (nvme_guest_register (&f->guest, NVME_REG_ASQ), ==, 0x12345000);
  nvme_guest_set_register (&f->guest, NVME_REG_CAP, 0);
  g_assert_cmphex (bench_read64 (f->bench, PCI_BENCH_BAR (0)), ==, cap);
}

/* 7.6.1, 7.3.2: ready follows enable; a reset keeps the admin queue's registers. */
static void
test_life (NvmeFixture *f, gconstpointer data)
{
  nvme_start (f);
  g_assert_cmphex (nvme_guest_register (&f->guest, NVME_REG_CSTS), ==, RDY);
  nvme_guest_set_register (&f->guest, NVME_REG_CC, 0);
  g_assert_cmphex (nvme_guest_register (&f->guest, NVME_REG_CSTS), ==, 0);
  g_assert_cmphex (nvme_guest_register (&f->guest, NVME_REG_ASQ), ==, NVME_GUEST_MEMORY);
  nvme_start (f);
  g_assert_cmphex (nvme_run (f, READ, 0, 1, DATA), ==, 0);

  /* 7.6.2: a shutdown ends in its status, and commands may still be given. */
  nvme_guest_set_register (&f->guest, NVME_REG_CC, 4 << 20 | 6 << 16 | 1 << 14 | 1);
  bench_wait_idle (f->bench);
  g_assert_cmphex (nvme_guest_register (&f->guest, NVME_REG_CSTS) & SHST, ==, SHST_COMPLETE);

  /* 3.1.5: pages of 8 KiB, and queues in no memory. */
  nvme_guest_set_register (&f->guest, NVME_REG_CC, 0);
  nvme_guest_set_register (&f->guest, NVME_REG_CC, 1 << 7 | 1);
  g_assert_cmphex (nvme_guest_register (&f->guest, NVME_REG_CSTS), ==, CFS);
  nvme_guest_set_register (&f->guest, NVME_REG_CC, 0);
  nvme_guest_set_register (&f->guest, NVME_REG_ACQ + 4, 5);
  nvme_guest_set_register (&f->guest, NVME_REG_CC, 1);
  g_assert_cmphex (nvme_guest_register (&f->guest, NVME_REG_CSTS), ==, CFS);
  nvme_guest_set_register (&f->guest, NVME_REG_CC, 0);
  nvme_start (f);
  g_assert_cmphex (nvme_run (f, READ, 0, 1, DATA), ==, 0);
}

/* 5.15. */
static void
test_identify (NvmeFixture *f, gconstpointer data)
{
  NvmeGuestCommand command = { .opcode = IDENTIFY, .prp1 = NVME_GUEST_PAGE, .dw10 = 1 };
  const uint8_t *p = page (f);

  nvme_start (f);
  g_assert_cmphex (nvme_admin (f, &command), ==, 0);
  g_assert_cmpmem (p + 4, 20, "disk-serial-01234567", 20);
  g_assert_cmpmem (p + 24, 17, "Bonsai NVMe disk ", 17);
  g_assert_cmphex (load_le32 (p + 80), ==, 0x00010400);
  g_assert_cmphex (p[512], ==, 0x66);
  g_assert_cmphex (p[513], ==, 0x44);
  g_assert_cmpuint (load_le32 (p + 516), ==, 1);
  g_assert_cmphex (load_le16 (p + 520), ==, f->wanted->plain ? 0x89 : 0x8d);
  g_assert_cmphex (p[525] & 1, ==, !f->wanted->plain);
  g_assert_true (g_str_has_prefix ((const char *)p + 768, "nqn.2014-08.org.nvmexpress:uuid:12345678-9a00-"));

  command.dw10 = 0;
  command.nsid = 1;
  g_assert_cmphex (nvme_admin (f, &command), ==, 0);
  g_assert_cmpuint (load_le64 (p), ==, DISK_SIZE / 512);
  g_assert_cmpuint (load_le64 (p + 8), ==, DISK_SIZE / 512);
  g_assert_cmpuint (p[128 + 2], ==, 9);
  g_assert_cmpuint (load_le16 (p + 64), ==, 7); /* 4 KiB is best */
  g_assert_cmpuint (p[99], ==, f->wanted->read_only);
  command.nsid = 2;
  g_assert_cmphex (nvme_admin (f, &command), ==, 0x00b);

  command.dw10 = 2;
  command.nsid = 0;
  g_assert_cmphex (nvme_admin (f, &command), ==, 0);
  g_assert_cmpuint (load_le32 (p), ==, 1);
  g_assert_cmpuint (load_le32 (p + 4), ==, 0);
  command.nsid = 1;
  g_assert_cmphex (nvme_admin (f, &command), ==, 0);
  g_assert_cmpuint (load_le32 (p), ==, 0);

  command.dw10 = 3;
  g_assert_cmphex (nvme_admin (f, &command), ==, 0);
  g_assert_cmphex (load_le32 (p), ==, 0x1003); /* a UUID, 16 bytes */
  g_assert_cmphex (load_le32 (p + 4), ==, 0x78563412);
  command.dw10 = 0x77;
  g_assert_cmphex (nvme_admin (f, &command), ==, 0x002);
}

/* 5.3 to 5.6. */
static void
test_queues (NvmeFixture *f, gconstpointer data)
{
  NvmeGuestCommand sq = { .opcode = CREATE_SQ, .prp1 = DATA, .dw10 = 15 << 16 | 2, .dw11 = 1 << 16 | 1 },
                   cq = { .opcode = CREATE_CQ, .prp1 = DATA, .dw10 = 15 << 16 | 2, .dw11 = 3 },
                   delete = { .dw10 = 1 };

  nvme_start (f);
  g_assert_cmphex (nvme_admin (f, &cq), ==, f->wanted->n_queues >= 2 ? 0 : 0x101);
  cq.dw10 = 15 << 16 | 1; /* there already */
  g_assert_cmphex (nvme_admin (f, &cq), ==, 0x101);
  sq.dw10 = 15 << 16 | 9;
  g_assert_cmphex (nvme_admin (f, &sq), ==, 0x101);

  delete.opcode = DELETE_CQ; /* its submission queue goes first */
  g_assert_cmphex (nvme_admin (f, &delete), ==, 0x10c);
  delete.opcode = DELETE_SQ;
  g_assert_cmphex (nvme_admin (f, &delete), ==, 0);
  g_assert_cmphex (nvme_admin (f, &delete), ==, 0x101);
  delete.opcode = DELETE_CQ;
  g_assert_cmphex (nvme_admin (f, &delete), ==, 0);
  sq.dw10 = 15 << 16 | 1;
  g_assert_cmphex (nvme_admin (f, &sq), ==, 0x100);

  cq.dw10 = 1; /* one entry */
  g_assert_cmphex (nvme_admin (f, &cq), ==, 0x102);
  cq.dw10 = 1024 << 16 | 1;
  g_assert_cmphex (nvme_admin (f, &cq), ==, 0x102);
  cq.dw10 = 15 << 16 | 1;
  cq.dw11 = 2; /* not in one piece */
  g_assert_cmphex (nvme_admin (f, &cq), ==, 0x002);
  cq.dw11 = 9 << 16 | 3;
  g_assert_cmphex (nvme_admin (f, &cq), ==, 0x108);
  cq.dw11 = 3;
  cq.prp1 = DATA + 8;
  g_assert_cmphex (nvme_admin (f, &cq), ==, 0x013);
  cq.prp1 = UINT64_C (1) << 40;
  g_assert_cmphex (nvme_admin (f, &cq), ==, 0x002);
  nvme_guest_add_queue (&f->guest, IO, 2, 0);
  for (unsigned i = 0; i < 5; i++)
    g_assert_cmphex (nvme_run (f, READ, i, 1, DATA), ==, 0);
}

static void
test_read_only (NvmeFixture *f, gconstpointer data)
{
  NvmeGuestCommand command = { .opcode = DATASET, .nsid = 1, .prp1 = DATA, .dw11 = 4 };

  nvme_start (f);
  g_assert_cmphex (nvme_run (f, READ, 0, 1, DATA), ==, 0);
  g_assert_cmphex (nvme_run (f, WRITE, 0, 1, DATA), ==, 0x182);
  g_assert_cmphex (nvme_run (f, WRITE_ZEROES, 0, 1, 0), ==, 0x182);
  g_assert_cmphex (nvme_guest_run (&f->guest, IO, &command, NULL), ==, 0x182);
  g_assert_cmphex (nvme_run (f, FLUSH, 0, 1, 0), ==, 0);
  test_identify (f, data);
}

/* The owner wants neither a cache nor discards. */
static void
test_plain (NvmeFixture *f, gconstpointer data)
{
  NvmeGuestCommand command = { .opcode = DATASET, .nsid = 1, .prp1 = DATA, .dw11 = 4 },
                   cache = { .opcode = SET_FEATURES, .dw10 = 6, .dw11 = 1 };

  test_identify (f, data);
  g_assert_cmphex (nvme_guest_run (&f->guest, IO, &command, NULL), ==, 0x001);
  g_assert_cmphex (nvme_admin (f, &cache), ==, 0x002);
  g_assert_cmphex (nvme_run (f, WRITE, 0, 1, DATA), ==, 0);
}

/* 5.21. */
static void
test_features (NvmeFixture *f, gconstpointer data)
{
  NvmeGuestCommand set = { .opcode = SET_FEATURES, .dw10 = 6, .dw11 = 0 },
                   get = { .opcode = GET_FEATURES, .dw10 = 6 };
  uint32_t value;

  nvme_start (f);
  g_assert_cmphex (nvme_guest_run (&f->guest, 0, &get, &value), ==, 0);
  g_assert_cmphex (value, ==, 1);
  g_assert_cmphex (nvme_admin (f, &set), ==, 0);
  g_assert_cmphex (nvme_guest_run (&f->guest, 0, &get, &value), ==, 0);
  g_assert_cmphex (value, ==, 0);
  memset (bench_memory (f->bench, DATA, 512), 0x5a, 512);
  g_assert_cmphex (nvme_run (f, WRITE, 3, 1, DATA), ==, 0); /* flushed before it completes */
  assert_file_is (f->path, 3 * 512, 0x5a, 512);

  get.dw10 = 7;
  g_assert_cmphex (nvme_guest_run (&f->guest, 0, &get, &value), ==, 0);
  g_assert_cmphex (value, ==, (MAX (f->wanted->n_queues, 1) - 1) * 0x10001);
  set.dw10 = 7;
  set.dw11 = 0x30003;
  g_assert_cmphex (nvme_admin (f, &set), ==, 0x00c); /* there are queues */
  set.dw10 = UINT32_C (0x80000000) | 11;
  g_assert_cmphex (nvme_admin (f, &set), ==, 0x10d);
  set.dw10 = 0x7f;
  g_assert_cmphex (nvme_admin (f, &set), ==, 0x002);
  get.dw10 = 0x7f;
  g_assert_cmphex (nvme_admin (f, &get), ==, 0x002);
  get.dw10 = 4;
  g_assert_cmphex (nvme_guest_run (&f->guest, 0, &get, &value), ==, 0);
  g_assert_cmpuint (value, ==, 353);
  bench_round_trip_state (f->bench);
}

/* 5.14. */
static void
test_logs (NvmeFixture *f, gconstpointer data)
{
  NvmeGuestCommand command = {
    .opcode = GET_LOG, .nsid = UINT32_MAX, .prp1 = NVME_GUEST_PAGE, .dw10 = 127 << 16 | 2
  };
  const uint8_t *p = page (f);

  nvme_start (f);
  for (unsigned i = 0; i < 3; i++)
    g_assert_cmphex (nvme_run (f, READ, 0, 8, DATA), ==, 0);
  g_assert_cmphex (nvme_admin (f, &command), ==, 0);
  g_assert_cmpuint (p[0], ==, 0);
  g_assert_cmpuint (p[3], ==, 100);
  g_assert_cmpuint (load_le64 (p + 64), ==, 3);
  command.dw12 = 64; /* from an offset on */
  command.dw10 = 1 << 16 | 2;
  g_assert_cmphex (nvme_admin (f, &command), ==, 0);
  g_assert_cmpuint (load_le64 (p), ==, 3);
  command.dw12 = 512;
  g_assert_cmphex (nvme_admin (f, &command), ==, 0x002);
  command.dw12 = 0;
  command.dw10 = 0x99;
  g_assert_cmphex (nvme_admin (f, &command), ==, 0x109);
  command.dw10 = 15 << 16 | 1;
  g_assert_cmphex (nvme_admin (f, &command), ==, 0);
  command.dw10 = 127 << 16 | 3;
  g_assert_cmphex (nvme_admin (f, &command), ==, 0);
  g_assert_cmpmem (p + 8, 8, "1       ", 8);
}

/* 5.2: one event of a type, until its log page is read; a disk that grew, and doorbells that aren't there. */
static void
test_events (NvmeFixture *f, gconstpointer data)
{
  NvmeGuestCommand request = { .opcode = EVENT_REQUEST }, abort = { .opcode = ABORT },
                   log = { .opcode = GET_LOG, .prp1 = NVME_GUEST_PAGE, .dw10 = 1023 << 16 | 4 },
                   watch = { .opcode = SET_FEATURES, .dw10 = 11, .dw11 = 0x100 };
  NvmeGuestEntry entry;
  uint16_t ids[5];
  uint32_t result;

  nvme_start (f);
  g_assert_cmphex (nvme_admin (f, &watch), ==, 0);
  for (unsigned i = 0; i < 5; i++)
    ids[i] = nvme_guest_add (&f->guest, 0, &request);
  nvme_guest_ring (&f->guest, 0);
  entry = nvme_guest_wait (&f->guest, 0); /* the fifth is one too many */
  g_assert_cmpuint (entry.id, ==, ids[4]);
  g_assert_cmphex (entry.status & 0x7ff, ==, 0x105);

  g_assert_true (image_resize (f->image, 2 * DISK_SIZE, NULL));
  entry = nvme_guest_wait (&f->guest, 0);
  g_assert_cmphex (entry.result, ==, 0x040002);
  g_assert_cmphex (nvme_run (f, READ, DISK_SIZE / 512 + 8, 1, DATA), ==, 0);
  g_assert_true (image_resize (f->image, 3 * DISK_SIZE, NULL));
  bench_settle (f->bench);
  g_assert_false (nvme_guest_poll (&f->guest, 0, &entry));
  bench_round_trip_state (f->bench);
  nvme_guest_add (&f->guest, 0, &log);
  nvme_guest_ring (&f->guest, 0);
  result = nvme_guest_wait (&f->guest, 0).result; /* of the log page and of the event, in some order */
  result |= nvme_guest_wait (&f->guest, 0).result;
  g_assert_cmphex (load_le32 (page (f)), ==, 1);
  g_assert_cmphex (result, ==, 0x040002);

  bench_write32 (f->bench, PCI_BENCH_BAR (0) + 0x1000 + 8 * 30, 1); /* no queue's */
  g_assert_cmphex (nvme_guest_wait (&f->guest, 0).result, ==, 0x010000);
  bench_write32 (f->bench, PCI_BENCH_BAR (0) + 0x1000 + 8, 77); /* beyond the queue */
  g_assert_cmphex (nvme_guest_wait (&f->guest, 0).result, ==, 0x010100);

  /* 5.1: an event request can be called back; what isn't there can't. */
  ids[0] = nvme_guest_add (&f->guest, 0, &request);
  nvme_guest_ring (&f->guest, 0);
  abort.dw10 = (uint32_t)ids[0] << 16;
  nvme_guest_add (&f->guest, 0, &abort);
  nvme_guest_ring (&f->guest, 0);
  entry = nvme_guest_wait (&f->guest, 0);
  g_assert_cmpuint (entry.id, ==, ids[0]);
  g_assert_cmphex (entry.status & 0x7ff, ==, 0x007);
  g_assert_cmphex (nvme_guest_wait (&f->guest, 0).result, ==, 0);
  g_assert_cmphex (nvme_guest_run (&f->guest, 0, &abort, &result), ==, 0);
  g_assert_cmphex (result, ==, 1);
}

/* 7.5: MSI-X by queue; without it, a pin that shows what isn't taken yet, unless it is masked. */
static void
test_interrupts (NvmeFixture *f, gconstpointer data)
{
  NvmeGuestCommand command = nvme_transfer (READ, 0, 1, DATA);
  NvmeGuestEntry entry;

  nvme_start (f);
  g_assert_false (bench_irq (f->bench, PCI_BENCH_GSI));
  nvme_guest_add (&f->guest, IO, &command);
  nvme_guest_ring (&f->guest, IO);
  bench_wait_irq (f->bench, PCI_BENCH_GSI, true);
  nvme_guest_set_register (&f->guest, NVME_REG_INTMS, 1);
  g_assert_false (bench_irq (f->bench, PCI_BENCH_GSI));
  nvme_guest_set_register (&f->guest, NVME_REG_INTMC, 1);
  g_assert_true (bench_irq (f->bench, PCI_BENCH_GSI));
  g_assert_true (nvme_guest_poll (&f->guest, IO, &entry));
  g_assert_false (bench_irq (f->bench, PCI_BENCH_GSI));

  pci_bench_enable_msix (f->bench, 4, 5);
  nvme_guest_add_queue (&f->guest, 3, 16, 3);
  nvme_guest_run (&f->guest, 3, &command, NULL);
  bench_settle (f->bench);
  g_assert_cmpuint (pci_bench_messages (f->bench, 3), ==, 1);
  g_assert_cmpuint (pci_bench_messages (f->bench, 0), ==, 2); /* the two creations */
}

/* 7.13: a busy controller looks at the shadow itself; an idle one asks for the register. */
static void
test_shadow_doorbells (NvmeFixture *f, gconstpointer data)
{
  NvmeGuestCommand command = nvme_transfer (READ, 9, 1, DATA),
                   bad = { .opcode = 0x7c, .prp1 = DATA, .prp2 = DATA };

  nvme_guest_enable (&f->guest, f->bench);
  g_assert_cmphex (nvme_admin (f, &bad), ==, 0x002);
  bad.prp2 = UINT64_C (1) << 40;
  g_assert_cmphex (nvme_admin (f, &bad), ==, 0x002);
  nvme_guest_use_shadows (&f->guest);
  nvme_guest_add_queue (&f->guest, IO, 16, 0);
  for (unsigned i = 0; i < 40; i++)
    g_assert_cmphex (nvme_guest_run (&f->guest, IO, &command, NULL), ==, 0);
  g_assert_cmpuint (f->guest.queues[IO].rings, >, 0);
  bench_round_trip_state (f->bench);
  assert_memory_is_pattern (f->bench, DATA, 9 * 512, 512);

  /* A shadow that makes no sense is left alone. */
  store_le32 (bench_memory (f->bench, NVME_GUEST_SHADOWS + 8, 4), 1000);
  bench_write32 (f->bench, PCI_BENCH_BAR (0) + 0x1008, 0);
  bench_settle (f->bench);
  g_assert_cmphex (nvme_guest_register (&f->guest, NVME_REG_CSTS), ==, RDY);
}

static void
fuzz_step (Bench *bench, GRand *rand, void *data)
{
  NvmeGuest guest;

  if (g_rand_int_range (rand, 0, 40) == 0)
    {
      pci_bench_map (bench);
      nvme_guest_enable (&guest, bench);
      bench_write32 (bench, PCI_BENCH_BAR (0) + 0x1000, (uint32_t)g_rand_int_range (rand, 0, 16));
    }
  pci_bench_fuzz_step (bench, rand, data);
}

static void
test_fuzz (NvmeFixture *f, gconstpointer data)
{
  bench_fuzz_with (f->bench, 42, 60000, fuzz_step, NULL);
}

static const NvmeCase usual = { .n_queues = 4 }, one_queue = { .n_queues = 0 },
                      read_only = { .read_only = true }, plain = { .plain = true, .n_queues = 4 };

int
main (int argc, char **argv)
{
  small_disk_enter ();
  g_test_init (&argc, &argv, NULL);
  nvme_add_test ("/nvme/registers", &usual, test_registers);
  nvme_add_test ("/nvme/life", &usual, test_life);
  nvme_add_test ("/nvme/identify", &usual, test_identify);
  nvme_add_test ("/nvme/queues", &usual, test_queues);
  nvme_add_test ("/nvme/queues/one", &one_queue, test_queues);
  nvme_add_test ("/nvme/read-only", &read_only, test_read_only);
  nvme_add_test ("/nvme/plain", &plain, test_plain);
  nvme_add_test ("/nvme/features", &usual, test_features);
  nvme_add_test ("/nvme/logs", &usual, test_logs);
  nvme_add_test ("/nvme/events", &usual, test_events);
  nvme_add_test ("/nvme/interrupts", &usual, test_interrupts);
  nvme_add_test ("/nvme/shadow-doorbells", &usual, test_shadow_doorbells);
  nvme_add_test ("/nvme/fuzz", &usual, test_fuzz);
  return g_test_run ();
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NVMe disks against the NVM Express base specification 1.4. */
#include "devices/storage/nvme.h"

#include "tests/devices/disk-checks.h"
#include "tests/devices/nvme-guest.h"
#include "tests/image/small-disk.h"
#include "vmm/base/bytes.h"

#include <unistd.h>

#define DISK_SIZE (UINT64_C (1) << 20)
#define DATA      UINT64_C (0x200000)
#define LIST      UINT64_C (0x1f0000)
#define IO        1u /* the queue that most tests use */

enum {
  FLUSH = 0x00,
  WRITE = 0x01,
  READ = 0x02,
  COMPARE = 0x05,
  WRITE_ZEROES = 0x08,
  DATASET = 0x09,
  VERIFY = 0x0c,
};

enum {
  DELETE_SQ = 0x00,
  CREATE_SQ = 0x01,
  GET_LOG = 0x02,
  DELETE_CQ = 0x04,
  CREATE_CQ = 0x05,
  IDENTIFY = 0x06,
  ABORT = 0x08,
  SET_FEATURES = 0x09,
  GET_FEATURES = 0x0a,
  EVENT_REQUEST = 0x0c,
};

enum {
  RDY = 1,
  CFS = 2,
  SHST = 3 << 2,
  SHST_COMPLETE = 2 << 2,
};

typedef struct {
  bool read_only, plain;
  unsigned n_queues;
} Case;

typedef struct {
  const Case *wanted;
  char *folder, *path;
  Image *image;
  Bench *bench;
  NvmeGuest guest;
} Fixture;

static void
furnish (Bench *bench, void *data)
{
  Fixture *f = data;
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
setup (Fixture *f, gconstpointer data)
{
  f->wanted = data;
  f->folder = scratch_new ();
  f->path = pattern_file_new (f->folder, "disk.img", DISK_SIZE);
  f->bench = bench_new_with (furnish, f);
}

static void
teardown (Fixture *f, gconstpointer data)
{
  bench_free (f->bench);
  g_free (f->path);
  scratch_free (f->folder);
}

static void
start (Fixture *f)
{
  nvme_guest_enable (&f->guest, f->bench);
  nvme_guest_add_queue (&f->guest, IO, 16, 0);
}

static uint16_t
admin (Fixture *f, const NvmeGuestCommand *command)
{
  return nvme_guest_run (&f->guest, 0, command, NULL);
}

/* @n sectors at @sector, of pages in a row. */
static NvmeGuestCommand
transfer (uint8_t opcode, uint64_t sector, unsigned n, uint64_t data)
{
  return (NvmeGuestCommand){ .opcode = opcode,
                             .nsid = 1,
                             .prp1 = data,
                             .prp2 = (data & ~UINT64_C (0xfff)) + 0x1000,
                             .dw10 = sector,
                             .dw11 = sector >> 32,
                             .dw12 = n - 1 };
}

static uint16_t
run (Fixture *f, uint8_t opcode, uint64_t sector, unsigned n, uint64_t data)
{
  NvmeGuestCommand command = transfer (opcode, sector, n, data);

  return nvme_guest_run (&f->guest, IO, &command, NULL);
}

static void *
page (Fixture *f)
{
  return bench_memory (f->bench, NVME_GUEST_PAGE, 4096);
}

/* 3.1.1, 3.1.2: what the controller can. */
static void
test_registers (Fixture *f, gconstpointer data)
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
test_life (Fixture *f, gconstpointer data)
{
  start (f);
  g_assert_cmphex (nvme_guest_register (&f->guest, NVME_REG_CSTS), ==, RDY);
  nvme_guest_set_register (&f->guest, NVME_REG_CC, 0);
  g_assert_cmphex (nvme_guest_register (&f->guest, NVME_REG_CSTS), ==, 0);
  g_assert_cmphex (nvme_guest_register (&f->guest, NVME_REG_ASQ), ==, NVME_GUEST_MEMORY);
  start (f);
  g_assert_cmphex (run (f, READ, 0, 1, DATA), ==, 0);

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
  start (f);
  g_assert_cmphex (run (f, READ, 0, 1, DATA), ==, 0);
}

/* 5.15. */
static void
test_identify (Fixture *f, gconstpointer data)
{
  NvmeGuestCommand command = { .opcode = IDENTIFY, .prp1 = NVME_GUEST_PAGE, .dw10 = 1 };
  const uint8_t *p = page (f);

  start (f);
  g_assert_cmphex (admin (f, &command), ==, 0);
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
  g_assert_cmphex (admin (f, &command), ==, 0);
  g_assert_cmpuint (load_le64 (p), ==, DISK_SIZE / 512);
  g_assert_cmpuint (load_le64 (p + 8), ==, DISK_SIZE / 512);
  g_assert_cmpuint (p[128 + 2], ==, 9);
  g_assert_cmpuint (load_le16 (p + 64), ==, 7); /* 4 KiB is best */
  g_assert_cmpuint (p[99], ==, f->wanted->read_only);
  command.nsid = 2;
  g_assert_cmphex (admin (f, &command), ==, 0x00b);

  command.dw10 = 2;
  command.nsid = 0;
  g_assert_cmphex (admin (f, &command), ==, 0);
  g_assert_cmpuint (load_le32 (p), ==, 1);
  g_assert_cmpuint (load_le32 (p + 4), ==, 0);
  command.nsid = 1;
  g_assert_cmphex (admin (f, &command), ==, 0);
  g_assert_cmpuint (load_le32 (p), ==, 0);

  command.dw10 = 3;
  g_assert_cmphex (admin (f, &command), ==, 0);
  g_assert_cmphex (load_le32 (p), ==, 0x1003); /* a UUID, 16 bytes */
  g_assert_cmphex (load_le32 (p + 4), ==, 0x78563412);
  command.dw10 = 0x77;
  g_assert_cmphex (admin (f, &command), ==, 0x002);
}

/* 5.3 to 5.6. */
static void
test_queues (Fixture *f, gconstpointer data)
{
  NvmeGuestCommand sq = { .opcode = CREATE_SQ, .prp1 = DATA, .dw10 = 15 << 16 | 2, .dw11 = 1 << 16 | 1 },
                   cq = { .opcode = CREATE_CQ, .prp1 = DATA, .dw10 = 15 << 16 | 2, .dw11 = 3 },
                   delete = { .dw10 = 1 };

  start (f);
  g_assert_cmphex (admin (f, &cq), ==, f->wanted->n_queues >= 2 ? 0 : 0x101);
  cq.dw10 = 15 << 16 | 1; /* there already */
  g_assert_cmphex (admin (f, &cq), ==, 0x101);
  sq.dw10 = 15 << 16 | 9;
  g_assert_cmphex (admin (f, &sq), ==, 0x101);

  delete.opcode = DELETE_CQ; /* its submission queue goes first */
  g_assert_cmphex (admin (f, &delete), ==, 0x10c);
  delete.opcode = DELETE_SQ;
  g_assert_cmphex (admin (f, &delete), ==, 0);
  g_assert_cmphex (admin (f, &delete), ==, 0x101);
  delete.opcode = DELETE_CQ;
  g_assert_cmphex (admin (f, &delete), ==, 0);
  sq.dw10 = 15 << 16 | 1;
  g_assert_cmphex (admin (f, &sq), ==, 0x100);

  cq.dw10 = 1; /* one entry */
  g_assert_cmphex (admin (f, &cq), ==, 0x102);
  cq.dw10 = 1024 << 16 | 1;
  g_assert_cmphex (admin (f, &cq), ==, 0x102);
  cq.dw10 = 15 << 16 | 1;
  cq.dw11 = 2; /* not in one piece */
  g_assert_cmphex (admin (f, &cq), ==, 0x002);
  cq.dw11 = 9 << 16 | 3;
  g_assert_cmphex (admin (f, &cq), ==, 0x108);
  cq.dw11 = 3;
  cq.prp1 = DATA + 8;
  g_assert_cmphex (admin (f, &cq), ==, 0x013);
  cq.prp1 = UINT64_C (1) << 40;
  g_assert_cmphex (admin (f, &cq), ==, 0x002);
  nvme_guest_add_queue (&f->guest, IO, 2, 0);
  for (unsigned i = 0; i < 5; i++)
    g_assert_cmphex (run (f, READ, i, 1, DATA), ==, 0);
}

/* 6.9, 6.15, 6.8. */
static void
test_reads_and_writes (Fixture *f, gconstpointer data)
{
  start (f);
  g_assert_cmphex (run (f, READ, 17, 8, DATA), ==, 0);
  assert_memory_is_pattern (f->bench, DATA, 17 * 512, 4096);
  g_assert_cmphex (run (f, READ, 3, 8, DATA + 0x200), ==, 0); /* over the end of a page */
  assert_memory_is_pattern (f->bench, DATA + 0x200, 3 * 512, 4096);
  g_assert_cmphex (run (f, READ, DISK_SIZE / 512 - 1, 1, DATA), ==, 0);
  assert_memory_is_pattern (f->bench, DATA, DISK_SIZE - 512, 512);

  memset (bench_memory (f->bench, DATA, 4096), 0xa5, 4096);
  g_assert_cmphex (run (f, WRITE, 3, 8, DATA), ==, 0);
  assert_file_is (f->path, 3 * 512, 0xa5, 4096);
  g_assert_cmphex (run (f, FLUSH, 0, 1, 0), ==, 0);

  g_assert_cmphex (run (f, READ, DISK_SIZE / 512, 1, DATA), ==, 0x080);
  g_assert_cmphex (run (f, READ, DISK_SIZE / 512 - 1, 2, DATA), ==, 0x080);
  g_assert_cmphex (run (f, READ, UINT64_MAX, 1, DATA), ==, 0x080);
  g_assert_cmphex (run (f, 0x55, 0, 1, DATA), ==, 0x001);
  g_assert_cmphex (run (f, READ, 0, 1, UINT64_C (1) << 40), ==, 0x004);
  g_assert_cmphex (run (f, READ, 0, 1, DATA + 2), ==, 0x013);
}

/* 4.3: lists of pages, which go on in another page where they are full, and begin anywhere. */
static void
test_prp_lists (Fixture *f, gconstpointer data)
{
  NvmeGuestCommand command = transfer (READ, 5, 1024, DATA);
  const uint64_t first = LIST + 0x1000 - 8 * 8;

  start (f);
  for (unsigned i = 0; i < 7; i++)
    store_le64 (bench_memory (f->bench, first + 8 * i, 8), DATA + 0x2000 * (i + 1));
  store_le64 (bench_memory (f->bench, LIST + 0xff8, 8), LIST + 0x2000);
  for (unsigned i = 0; i < 120; i++)
    store_le64 (bench_memory (f->bench, LIST + 0x2000 + 8 * i, 8), DATA + 0x2000 * (i + 8));
  command.prp2 = first;
  g_assert_cmphex (nvme_guest_run (&f->guest, IO, &command, NULL), ==, 0);
  for (unsigned i = 0; i < 128; i++)
    assert_memory_is_pattern (f->bench, DATA + 0x2000 * i, 5 * 512 + 0x1000 * i, 0x1000);

  /* More than the controller says that it takes (MDTS). */
  command.dw12 = 1024;
  g_assert_cmphex (nvme_guest_run (&f->guest, IO, &command, NULL), ==, 0x002);
  /* A list that goes round in circles ends with the data. */
  command.dw12 = 1023;
  command.prp2 = LIST + 0xff8;
  store_le64 (bench_memory (f->bench, LIST + 0xff8, 8), LIST + 0xff8);
  g_assert_cmphex (nvme_guest_run (&f->guest, IO, &command, NULL), ==, 0x013);
  command.prp2 = UINT64_C (1) << 50;
  g_assert_cmphex (nvme_guest_run (&f->guest, IO, &command, NULL), ==, 0x004);
  store_le64 (bench_memory (f->bench, first, 8), DATA + 4);
  command.prp2 = first;
  g_assert_cmphex (nvme_guest_run (&f->guest, IO, &command, NULL), ==, 0x013);
}

/* 6.6, 6.14. */
static void
test_compare (Fixture *f, gconstpointer data)
{
  NvmeGuestCommand command = transfer (COMPARE, 5, 128, DATA);

  start (f);
  g_assert_cmphex (run (f, READ, 40, 8, DATA), ==, 0);
  g_assert_cmphex (run (f, COMPARE, 40, 8, DATA), ==, 0);
  g_assert_cmphex (run (f, COMPARE, 41, 8, DATA), ==, 0x285);
  g_assert_cmphex (run (f, VERIFY, 0, DISK_SIZE / 512, 0), ==, 0);
  g_assert_cmphex (run (f, VERIFY, 1, DISK_SIZE / 512, 0), ==, 0x080);

  /* 64 KiB, in several steps; the last byte differs. */
  for (unsigned i = 0; i < 15; i++)
    store_le64 (bench_memory (f->bench, LIST + 8 * i, 8), DATA + 0x1000 * (i + 1));
  command.prp2 = LIST;
  command.opcode = READ;
  g_assert_cmphex (nvme_guest_run (&f->guest, IO, &command, NULL), ==, 0);
  command.opcode = COMPARE;
  g_assert_cmphex (nvme_guest_run (&f->guest, IO, &command, NULL), ==, 0);
  *(uint8_t *)bench_memory (f->bench, DATA + 0xffff, 1) ^= 1;
  g_assert_cmphex (nvme_guest_run (&f->guest, IO, &command, NULL), ==, 0x285);
}

static void
put_range (Fixture *f, unsigned i, uint64_t sector, uint32_t n)
{
  uint8_t *p = bench_memory (f->bench, DATA + 16 * i, 16);

  store_le32 (p, 0);
  store_le32 (p + 4, n);
  store_le64 (p + 8, sector);
}

/* 6.7, 6.16. */
static void
test_discard_and_zeroes (Fixture *f, gconstpointer data)
{
  NvmeGuestCommand command = { .opcode = DATASET, .nsid = 1, .prp1 = DATA, .dw10 = 1, .dw11 = 4 };

  start (f);
  put_range (f, 0, 8, 16);
  put_range (f, 1, 64, 8);
  g_assert_cmphex (nvme_guest_run (&f->guest, IO, &command, NULL), ==, 0);
  assert_file_is (f->path, 8 * 512, 0, 16 * 512);
  assert_file_is (f->path, 64 * 512, 0, 8 * 512);
  g_assert_cmphex (run (f, WRITE_ZEROES, 101, 3, 0), ==, 0);
  assert_file_is (f->path, 101 * 512, 0, 3 * 512);
  put_range (f, 1, DISK_SIZE / 512 - 1, 2);
  put_range (f, 0, 200, 8); /* nothing is given up if one of them is wrong */
  g_assert_cmphex (nvme_guest_run (&f->guest, IO, &command, NULL), ==, 0x080);
  assert_file_is_pattern (f->path, 200 * 512, 8 * 512);
  command.dw11 = 1; /* a hint only */
  g_assert_cmphex (nvme_guest_run (&f->guest, IO, &command, NULL), ==, 0);
  assert_file_is_pattern (f->path, 200 * 512, 8 * 512);
}

static void
test_read_only (Fixture *f, gconstpointer data)
{
  NvmeGuestCommand command = { .opcode = DATASET, .nsid = 1, .prp1 = DATA, .dw11 = 4 };

  start (f);
  g_assert_cmphex (run (f, READ, 0, 1, DATA), ==, 0);
  g_assert_cmphex (run (f, WRITE, 0, 1, DATA), ==, 0x182);
  g_assert_cmphex (run (f, WRITE_ZEROES, 0, 1, 0), ==, 0x182);
  g_assert_cmphex (nvme_guest_run (&f->guest, IO, &command, NULL), ==, 0x182);
  g_assert_cmphex (run (f, FLUSH, 0, 1, 0), ==, 0);
  test_identify (f, data);
}

/* The owner wants neither a cache nor discards. */
static void
test_plain (Fixture *f, gconstpointer data)
{
  NvmeGuestCommand command = { .opcode = DATASET, .nsid = 1, .prp1 = DATA, .dw11 = 4 },
                   cache = { .opcode = SET_FEATURES, .dw10 = 6, .dw11 = 1 };

  test_identify (f, data);
  g_assert_cmphex (nvme_guest_run (&f->guest, IO, &command, NULL), ==, 0x001);
  g_assert_cmphex (admin (f, &cache), ==, 0x002);
  g_assert_cmphex (run (f, WRITE, 0, 1, DATA), ==, 0);
}

/* 5.21. */
static void
test_features (Fixture *f, gconstpointer data)
{
  NvmeGuestCommand set = { .opcode = SET_FEATURES, .dw10 = 6, .dw11 = 0 },
                   get = { .opcode = GET_FEATURES, .dw10 = 6 };
  uint32_t value;

  start (f);
  g_assert_cmphex (nvme_guest_run (&f->guest, 0, &get, &value), ==, 0);
  g_assert_cmphex (value, ==, 1);
  g_assert_cmphex (admin (f, &set), ==, 0);
  g_assert_cmphex (nvme_guest_run (&f->guest, 0, &get, &value), ==, 0);
  g_assert_cmphex (value, ==, 0);
  memset (bench_memory (f->bench, DATA, 512), 0x5a, 512);
  g_assert_cmphex (run (f, WRITE, 3, 1, DATA), ==, 0); /* flushed before it completes */
  assert_file_is (f->path, 3 * 512, 0x5a, 512);

  get.dw10 = 7;
  g_assert_cmphex (nvme_guest_run (&f->guest, 0, &get, &value), ==, 0);
  g_assert_cmphex (value, ==, (MAX (f->wanted->n_queues, 1) - 1) * 0x10001);
  set.dw10 = 7;
  set.dw11 = 0x30003;
  g_assert_cmphex (admin (f, &set), ==, 0x00c); /* there are queues */
  set.dw10 = UINT32_C (0x80000000) | 11;
  g_assert_cmphex (admin (f, &set), ==, 0x10d);
  set.dw10 = 0x7f;
  g_assert_cmphex (admin (f, &set), ==, 0x002);
  get.dw10 = 0x7f;
  g_assert_cmphex (admin (f, &get), ==, 0x002);
  get.dw10 = 4;
  g_assert_cmphex (nvme_guest_run (&f->guest, 0, &get, &value), ==, 0);
  g_assert_cmpuint (value, ==, 353);
  bench_round_trip_state (f->bench);
}

/* 5.14. */
static void
test_logs (Fixture *f, gconstpointer data)
{
  NvmeGuestCommand command = {
    .opcode = GET_LOG, .nsid = UINT32_MAX, .prp1 = NVME_GUEST_PAGE, .dw10 = 127 << 16 | 2
  };
  const uint8_t *p = page (f);

  start (f);
  for (unsigned i = 0; i < 3; i++)
    g_assert_cmphex (run (f, READ, 0, 8, DATA), ==, 0);
  g_assert_cmphex (admin (f, &command), ==, 0);
  g_assert_cmpuint (p[0], ==, 0);
  g_assert_cmpuint (p[3], ==, 100);
  g_assert_cmpuint (load_le64 (p + 64), ==, 3);
  command.dw12 = 64; /* from an offset on */
  command.dw10 = 1 << 16 | 2;
  g_assert_cmphex (admin (f, &command), ==, 0);
  g_assert_cmpuint (load_le64 (p), ==, 3);
  command.dw12 = 512;
  g_assert_cmphex (admin (f, &command), ==, 0x002);
  command.dw12 = 0;
  command.dw10 = 0x99;
  g_assert_cmphex (admin (f, &command), ==, 0x109);
  command.dw10 = 15 << 16 | 1;
  g_assert_cmphex (admin (f, &command), ==, 0);
  command.dw10 = 127 << 16 | 3;
  g_assert_cmphex (admin (f, &command), ==, 0);
  g_assert_cmpmem (p + 8, 8, "1       ", 8);
}

/* 5.2: one event of a type, until its log page is read; a disk that grew, and doorbells that aren't there. */
static void
test_events (Fixture *f, gconstpointer data)
{
  NvmeGuestCommand request = { .opcode = EVENT_REQUEST }, abort = { .opcode = ABORT },
                   log = { .opcode = GET_LOG, .prp1 = NVME_GUEST_PAGE, .dw10 = 1023 << 16 | 4 },
                   watch = { .opcode = SET_FEATURES, .dw10 = 11, .dw11 = 0x100 };
  NvmeGuestEntry entry;
  uint16_t ids[5];
  uint32_t result;

  start (f);
  g_assert_cmphex (admin (f, &watch), ==, 0);
  for (unsigned i = 0; i < 5; i++)
    ids[i] = nvme_guest_add (&f->guest, 0, &request);
  nvme_guest_ring (&f->guest, 0);
  entry = nvme_guest_wait (&f->guest, 0); /* the fifth is one too many */
  g_assert_cmpuint (entry.id, ==, ids[4]);
  g_assert_cmphex (entry.status & 0x7ff, ==, 0x105);

  g_assert_true (image_resize (f->image, 2 * DISK_SIZE, NULL));
  entry = nvme_guest_wait (&f->guest, 0);
  g_assert_cmphex (entry.result, ==, 0x040002);
  g_assert_cmphex (run (f, READ, DISK_SIZE / 512 + 8, 1, DATA), ==, 0);
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
test_interrupts (Fixture *f, gconstpointer data)
{
  NvmeGuestCommand command = transfer (READ, 0, 1, DATA);
  NvmeGuestEntry entry;

  start (f);
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

/* Many at a time on every queue, more than the completion queues hold: none is lost. */
static void
test_load (Fixture *f, gconstpointer data)
{
  unsigned given[5] = { 0 }, taken = 0;

  pci_bench_enable_msix (f->bench, 4, 5);
  nvme_guest_enable (&f->guest, f->bench);
  if (f->wanted->plain)
    nvme_guest_use_shadows (&f->guest);
  for (unsigned q = 1; q <= 4; q++)
    nvme_guest_add_queue (&f->guest, q, 8, q);
  while (taken < 400)
    {
      for (unsigned q = 1; q <= 4; q++)
        {
          NvmeGuestEntry entry;

          while (given[q] < 7)
            {
              NvmeGuestCommand command = transfer (READ, q, 1, DATA + 0x1000 * q);

              nvme_guest_add (&f->guest, q, &command);
              given[q]++;
            }
          nvme_guest_ring (&f->guest, q);
          entry = nvme_guest_wait (&f->guest, q);
          g_assert_cmphex (entry.status, ==, 0);
          given[q]--;
          taken++;
        }
    }
  for (unsigned q = 1; q <= 4; q++)
    {
      assert_memory_is_pattern (f->bench, DATA + 0x1000 * q, q * 512, 512);
      g_assert_cmpuint (pci_bench_messages (f->bench, q), >=, 1);
    }
}

/* A guest that takes no completions gets no further ones, and goes on when it does. */
static void
test_full_completion_queue (Fixture *f, gconstpointer data)
{
  NvmeGuestCommand cq = { .opcode = CREATE_CQ, .prp1 = DATA, .dw10 = 3 << 16 | 2, .dw11 = 3 },
                   sq = { .opcode = CREATE_SQ,
                          .prp1 = DATA + 0x1000,
                          .dw10 = 15 << 16 | 2,
                          .dw11 = 2 << 16 | 1 },
                   command = transfer (READ, 0, 1, DATA + 0x4000);
  NvmeGuestQueue *q = &f->guest.queues[2];
  const uint8_t *entries = bench_memory (f->bench, DATA, 64);

  start (f);
  memset (bench_memory (f->bench, DATA, 0x2000), 0, 0x2000);
  g_assert_cmphex (admin (f, &cq), ==, 0);
  g_assert_cmphex (admin (f, &sq), ==, 0);
  *q = (NvmeGuestQueue){ .index = 2, .size = 16, .sq = DATA + 0x1000, .cq = DATA, .phase = 1 };
  for (unsigned i = 0; i < 10; i++)
    nvme_guest_add (&f->guest, 2, &command);
  nvme_guest_ring (&f->guest, 2);
  bench_settle (f->bench);
  bench_wait_idle (f->bench);
  g_assert_cmphex (load_le16 (entries + 2 * 16 + 14), ==, 1);
  g_assert_cmphex (load_le16 (entries + 3 * 16 + 14), ==, 0);
  bench_round_trip_state (f->bench);
  bench_write32 (f->bench, PCI_BENCH_BAR (0) + 0x1000 + 2 * 8 + 4, 2); /* two are taken */
  bench_settle (f->bench);
  bench_wait_idle (f->bench);
  g_assert_cmphex (load_le16 (entries + 3 * 16 + 14), ==, 1);
  g_assert_cmphex (load_le16 (entries + 14), ==, 0); /* the next turn's phase */
  g_assert_cmphex (load_le16 (entries + 16 + 14), ==, 1);
}

/* 7.13: a busy controller looks at the shadow itself; an idle one asks for the register. */
static void
test_shadow_doorbells (Fixture *f, gconstpointer data)
{
  NvmeGuestCommand command = transfer (READ, 9, 1, DATA),
                   bad = { .opcode = 0x7c, .prp1 = DATA, .prp2 = DATA };

  nvme_guest_enable (&f->guest, f->bench);
  g_assert_cmphex (admin (f, &bad), ==, 0x002);
  bad.prp2 = UINT64_C (1) << 40;
  g_assert_cmphex (admin (f, &bad), ==, 0x002);
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

/* A limit holds requests back; a deletion of the queue and a reset wait for them, a machine that stops does
 * not. */
static void
test_in_flight (Fixture *f, gconstpointer data)
{
  NvmeGuestCommand command = transfer (READ, 0, 1, DATA), delete = { .opcode = DELETE_SQ, .dw10 = 1 };
  NvmeGuestEntry entry;

  start (f);
  image_set_limits (f->image, &(ImageLimits){ .bytes_per_second = 1, .bytes_burst = 1 });
  for (unsigned i = 0; i < 3; i++)
    nvme_guest_add (&f->guest, IO, &command);
  nvme_guest_ring (&f->guest, IO);
  nvme_guest_wait (&f->guest, IO);
  nvme_guest_add (&f->guest, 0, &delete);
  nvme_guest_ring (&f->guest, 0);
  bench_settle (f->bench);
  g_assert_false (nvme_guest_poll (&f->guest, 0, &entry));
  board_stopped (bench_board (f->bench));
  nvme_guest_wait (&f->guest, IO);
  nvme_guest_wait (&f->guest, IO);
  g_assert_cmphex (nvme_guest_wait (&f->guest, 0).status, ==, 0);
  board_started (bench_board (f->bench));

  nvme_guest_set_register (&f->guest, NVME_REG_CC, 0);
  image_set_limits (f->image, &(ImageLimits){ 0 });
  start (f);
  image_set_limits (f->image, &(ImageLimits){ .bytes_per_second = 1, .bytes_burst = 1 });
  for (unsigned i = 0; i < 3; i++)
    nvme_guest_add (&f->guest, IO, &command);
  nvme_guest_ring (&f->guest, IO);
  nvme_guest_wait (&f->guest, IO);
  nvme_guest_set_register (&f->guest, NVME_REG_CC, 0);
  g_assert_cmphex (nvme_guest_register (&f->guest, NVME_REG_CSTS), ==, RDY);
  image_set_limits (f->image, &(ImageLimits){ 0 });
  bench_wait_idle (f->bench);
  g_assert_cmphex (nvme_guest_register (&f->guest, NVME_REG_CSTS), ==, 0);
  g_assert_false (nvme_guest_poll (&f->guest, IO, &entry));
  start (f);
  g_assert_cmphex (run (f, READ, 0, 1, DATA), ==, 0);
}

/* The host's disk is full: the machine is asked to pause, and the write is done when it goes on. */
static void
test_full_disk (Fixture *f, gconstpointer data)
{
  char *disk = small_disk_new (1 << 20);
  NvmeGuestCommand command = transfer (WRITE, 8, 8, DATA);
  NvmeGuestEntry entry;

  bench_free (f->bench);
  g_free (f->path);
  f->path = g_build_filename (disk, "sparse.img", NULL);
  g_assert_true (image_create_raw (f->path, DISK_SIZE, NULL));
  f->bench = bench_new_with (furnish, f);
  start (f);
  small_disk_fill (disk);

  memset (bench_memory (f->bench, DATA, 4096), 0x42, 4096);
  nvme_guest_add (&f->guest, IO, &command);
  nvme_guest_ring (&f->guest, IO);
  bench_settle (f->bench);
  bench_wait_idle (f->bench);
  g_assert_false (nvme_guest_poll (&f->guest, IO, &entry));
  g_assert_cmpuint (bench_requests (f->bench, BOARD_REQUEST_PAUSE), ==, 1);
  g_assert_nonnull (strstr (bench_request_message (f->bench), f->path));

  board_stopped (bench_board (f->bench));
  bench_round_trip_state (f->bench);
  board_started (bench_board (f->bench));
  bench_wait_idle (f->bench);
  g_assert_cmpuint (bench_requests (f->bench, BOARD_REQUEST_PAUSE), ==, 2);

  board_stopped (bench_board (f->bench));
  small_disk_make_room (disk);
  board_started (bench_board (f->bench));
  g_assert_cmphex (nvme_guest_wait (&f->guest, IO).status, ==, 0);
  assert_file_is (f->path, 8 * 512, 0x42, 4096);
  small_disk_free (disk);
}

/* A file that was cut ends in errors for the guest, not in a crash. */
static void
test_truncated (Fixture *f, gconstpointer data)
{
  start (f);
  g_assert_cmpint (truncate (f->path, 4096), ==, 0);
  g_assert_cmphex (run (f, READ, 64, 1, DATA), ==, 0x281);
  g_assert_cmphex (run (f, READ, 0, 1, DATA), ==, 0);
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
test_fuzz (Fixture *f, gconstpointer data)
{
  bench_fuzz_with (f->bench, 42, 60000, fuzz_step, NULL);
}

static const Case usual = { .n_queues = 4 }, one_queue = { .n_queues = 0 }, read_only = { .read_only = true },
                  plain = { .plain = true, .n_queues = 4 };

static void
add (const char *path, const Case *wanted, void (*func) (Fixture *f, gconstpointer data))
{
  g_test_add (path, Fixture, wanted, setup, func, teardown);
}

int
main (int argc, char **argv)
{
  small_disk_enter ();
  g_test_init (&argc, &argv, NULL);
  add ("/nvme/registers", &usual, test_registers);
  add ("/nvme/life", &usual, test_life);
  add ("/nvme/identify", &usual, test_identify);
  add ("/nvme/queues", &usual, test_queues);
  add ("/nvme/queues/one", &one_queue, test_queues);
  add ("/nvme/reads-and-writes", &usual, test_reads_and_writes);
  add ("/nvme/prp-lists", &usual, test_prp_lists);
  add ("/nvme/compare", &usual, test_compare);
  add ("/nvme/discard-and-zeroes", &usual, test_discard_and_zeroes);
  add ("/nvme/read-only", &read_only, test_read_only);
  add ("/nvme/plain", &plain, test_plain);
  add ("/nvme/features", &usual, test_features);
  add ("/nvme/logs", &usual, test_logs);
  add ("/nvme/events", &usual, test_events);
  add ("/nvme/interrupts", &usual, test_interrupts);
  add ("/nvme/load", &usual, test_load);
  add ("/nvme/load/shadows", &plain, test_load);
  add ("/nvme/full-completion-queue", &usual, test_full_completion_queue);
  add ("/nvme/shadow-doorbells", &usual, test_shadow_doorbells);
  add ("/nvme/in-flight", &usual, test_in_flight);
  add ("/nvme/full-disk", &usual, test_full_disk);
  add ("/nvme/truncated", &usual, test_truncated);
  add ("/nvme/fuzz", &usual, test_fuzz);
  return g_test_run ();
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SCSI disks against SBC-3 and SPC-4, drives against MMC-6, behind a virtio controller. */
#include "tests/devices/scsi-fixture.h"
#include "vmm/base/bytes.h"

/* --- disks --- */

static void
test_inquiry (VirtioDisk *f, gconstpointer data)
{
  scsi_start (f, 0);
  g_assert_cmphex (RUN (f, DISK, 0, 36, 0x12, 0, 0, 0, 36), ==, 0);
  g_assert_cmphex (scsi_answer (f, 36)[0], ==, 0);
  g_assert_cmpmem (scsi_answer (f, 36) + 8, 12, "Bonsai  Disk", 12);
  g_assert_cmphex (RUN (f, DISK, 0, 36, 0x12, 1, 0, 0, 36), ==, 0);
  g_assert_cmpmem (scsi_answer (f, 10) + 4, 6, "\x00\x80\x83\xb0\xb1\xb2", 6);
  g_assert_cmphex (RUN (f, DISK, 0, 36, 0x12, 1, 0x80, 0, 36), ==, 0);
  g_assert_cmpmem (scsi_answer (f, 9) + 4, 5, "disk0", 5);
  g_assert_cmphex (RUN (f, DISK, 0, 64, 0x12, 1, 0x83, 0, 64), ==, 0);
  g_assert_cmpmem (scsi_answer (f, 24) + 8, 13, "Bonsai  disk0", 13);
  g_assert_cmphex (RUN (f, DISK, 0, 64, 0x12, 1, 0xb0, 0, 64), ==, 0);
  g_assert_cmpuint (load_be16 (scsi_answer (f, 64) + 2), ==, 60);
  g_assert_cmpuint (load_be32 (scsi_answer (f, 64) + 24), ==, 255);
  g_assert_cmphex (RUN (f, DISK, 0, 64, 0x12, 1, 0xb2, 0, 64), ==, 0);
  g_assert_cmphex (scsi_answer (f, 8)[5], ==, 0xe0);
  g_assert_cmphex (RUN (f, DISK, 0, 64, 0x12, 1, 0xc0, 0, 64), ==, 0x052400);
  g_assert_cmphex (RUN (f, DISK, 0, 0, 0xc1), ==, 0x052000);
  g_assert_cmphex (RUN (f, DISK, 0, 20, 0xa3, 0x0c, 1, 0x93, 0, 0, 0, 0, 0, 20), ==, 0);
  g_assert_cmphex (scsi_answer (f, 20)[1], ==, 3);
  g_assert_cmphex (RUN (f, DISK, 0, 20, 0xa3, 0x0c, 1, 0x04, 0, 0, 0, 0, 0, 20), ==, 0);
  g_assert_cmphex (scsi_answer (f, 20)[1], ==, 1);
  g_assert_cmphex (RUN (f, DISK, 0, 20, 0xa3, 0x0c, 1, 0x9e, 0, 0, 0, 0, 0, 20), ==, 0x052400);
  g_assert_cmphex (RUN (f, DISK, 0, 20, 0xa3, 0x0c, 2, 0x28, 0, 0, 0, 0, 0, 20), ==, 0x052400);
  g_assert_cmphex (RUN (f, DISK, 0, 20, 0xa3, 0x0c, 2, 0x9e, 0, 0x10, 0, 0, 0, 20), ==, 0);
  g_assert_cmphex (scsi_answer (f, 20)[1], ==, 3);
  g_assert_cmphex (RUN (f, DISK, 0, 20, 0xa3, 0x0c, 3, 0x9e, 0, 0x11, 0, 0, 0, 20), ==, 0);
  g_assert_cmphex (scsi_answer (f, 20)[1], ==, 1);
}

static void
test_capacity (VirtioDisk *f, gconstpointer data)
{
  scsi_start (f, 0);
  g_assert_cmphex (RUN (f, DISK, 0, 8, 0x25), ==, 0);
  g_assert_cmpuint (load_be32 (scsi_answer (f, 8)), ==, DISK_SIZE / 512 - 1);
  g_assert_cmpuint (load_be32 (scsi_answer (f, 8) + 4), ==, 512);
  g_assert_cmphex (RUN (f, DISK, 0, 32, 0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32), ==, 0);
  g_assert_cmpuint (load_be64 (scsi_answer (f, 32)), ==, DISK_SIZE / 512 - 1);
  g_assert_cmphex (scsi_answer (f, 32)[14], ==, 0x80);
}

static void
test_reads_and_writes (VirtioDisk *f, gconstpointer data)
{
  scsi_start (f, 0);
  g_assert_cmphex (RUN (f, DISK, 0, 1024, 0x08, 0, 0, 17, 2), ==, 0);
  assert_memory_is_pattern (f->bench, DATA, 17 * 512, 1024);
  g_assert_cmphex (RUN (f, DISK, 0, 4096, 0x28, 0, 0, 0, 0, 5, 0, 0, 8), ==, 0);
  assert_memory_is_pattern (f->bench, DATA, 5 * 512, 4096);
  g_assert_cmphex (RUN (f, DISK, 0, 512, 0xa8, 0, 0, 0, 0, 7, 0, 0, 0, 1), ==, 0);
  assert_memory_is_pattern (f->bench, DATA, 7 * 512, 512);
  g_assert_cmphex (RUN (f, DISK, 0, 512, 0x88, 0, 0, 0, 0, 0, 0, 0, 7, 255, 0, 0, 0, 1), ==, 0);
  assert_memory_is_pattern (f->bench, DATA, 2047 * 512, 512);
  g_assert_cmpuint (load_le32 (scsi_response (f) + 4), ==, 0);

  memset (scsi_answer (f, 1024), 0xa5, 1024);
  g_assert_cmphex (RUN (f, DISK, 1024, 0, 0x2a, 0, 0, 0, 0, 3, 0, 0, 2), ==, 0);
  assert_file_is (f->path, 3 * 512, 0xa5, 1024);
  g_assert_cmphex (RUN (f, DISK, 512, 0, 0x0a, 0, 0, 100, 1), ==, 0);
  g_assert_cmphex (RUN (f, DISK, 512, 0, 0xaa, 0x08, 0, 0, 0, 101, 0, 0, 0, 1), ==, 0); /* FUA */
  g_assert_cmphex (RUN (f, DISK, 512, 0, 0x8a, 0, 0, 0, 0, 0, 0, 0, 0, 102, 0, 0, 0, 1), ==, 0);
  g_assert_cmphex (RUN (f, DISK, 512, 0, 0x2e, 0, 0, 0, 0, 103, 0, 0, 1), ==, 0);
  assert_file_is (f->path, 100 * 512, 0xa5, 4 * 512);
  g_assert_cmphex (RUN (f, DISK, 0, 0, 0x35), ==, 0);
  g_assert_cmphex (RUN (f, DISK, 0, 0, 0x91), ==, 0);

  g_assert_cmphex (RUN (f, DISK, 0, 512, 0x28, 0, 0, 0, 8, 0, 0, 0, 1), ==, 0x052100);
  g_assert_cmphex (RUN (f, DISK, 0, 512, 0x28, 0x20, 0, 0, 0, 0, 0, 0, 1), ==, 0x052400);
  g_assert_cmphex (RUN (f, DISK, 0, 512, 0x28, 0, 0, 0, 0, 0, 0, 0, 2), ==, UINT32_MAX);
  g_assert_cmpuint (scsi_response (f)[11], ==, 1); /* OVERRUN */
}

static void
test_verify (VirtioDisk *f, gconstpointer data)
{
  scsi_start (f, 0);
  g_assert_cmphex (RUN (f, DISK, 0, 512, 0x28, 0, 0, 0, 0, 9, 0, 0, 1), ==, 0);
  g_assert_cmphex (RUN (f, DISK, 512, 0, 0x2f, 2, 0, 0, 0, 9, 0, 0, 1), ==, 0);
  scsi_answer (f, 512)[511] ^= 1;
  g_assert_cmphex (RUN (f, DISK, 512, 0, 0x2f, 2, 0, 0, 0, 9, 0, 0, 1), ==, 0x0e1d00);
  g_assert_cmphex (RUN (f, DISK, 0, 300 * 512, 0x28, 0, 0, 0, 0, 9, 0, 1, 0x2c), ==, 0); /* in steps */
  g_assert_cmphex (RUN (f, DISK, 300 * 512, 0, 0x2f, 2, 0, 0, 0, 9, 0, 1, 0x2c), ==, 0);
  scsi_answer (f, 300 * 512)[299 * 512] ^= 1;
  g_assert_cmphex (RUN (f, DISK, 300 * 512, 0, 0x2f, 2, 0, 0, 0, 9, 0, 1, 0x2c), ==, 0x0e1d00);
  g_assert_cmphex (RUN (f, DISK, 0, 0, 0x2f, 0, 0, 0, 0, 9, 0, 0, 1), ==, 0);
  g_assert_cmphex (RUN (f, DISK, 0, 0, 0x2f, 0, 0, 0, 8, 9, 0, 0, 1), ==, 0x052100);
  g_assert_cmphex (RUN (f, DISK, 0, 0, 0x2f, 4, 0, 0, 0, 9, 0, 0, 1), ==, 0x052400);
}

static void
put_unmap (VirtioDisk *f, unsigned i, uint64_t lba, uint32_t n)
{
  uint8_t *p = scsi_answer (f, 8 + 16 * 4);

  store_be16 (p, 6 + 16 * (i + 1));
  store_be16 (p + 2, 16 * (i + 1));
  store_be32 (p + 4, 0);
  store_be64 (p + 8 + 16 * i, lba);
  store_be32 (p + 16 + 16 * i, n);
  store_be32 (p + 20 + 16 * i, 0);
}

static void
test_unmap (VirtioDisk *f, gconstpointer data)
{
  scsi_start (f, 0);
  put_unmap (f, 0, 8, 16);
  put_unmap (f, 1, 64, 8);
  put_unmap (f, 2, 100, 0);
  g_assert_cmphex (RUN (f, DISK, 56, 0, 0x42, 0, 0, 0, 0, 0, 0, 0, 56), ==, 0);
  assert_file_is (f->path, 8 * 512, 0, 16 * 512);
  assert_file_is (f->path, 64 * 512, 0, 8 * 512);
  assert_file_is_pattern (f->path, 100 * 512, 512);

  /* Nothing is given back if one of the descriptors is wrong. */
  put_unmap (f, 0, 200, 8);
  put_unmap (f, 1, DISK_SIZE / 512 - 1, 2);
  g_assert_cmphex (RUN (f, DISK, 40, 0, 0x42, 0, 0, 0, 0, 0, 0, 0, 40), ==, 0x052100);
  assert_file_is_pattern (f->path, 200 * 512, 8 * 512);

  /* More than the block limits say. */
  memset (scsi_answer (f, 8 + 16 * 256), 0, 8 + 16 * 256);
  store_be16 (scsi_answer (f, 4) + 2, 16 * 256);
  g_assert_cmphex (RUN (f, DISK, 8 + 16 * 256, 0, 0x42, 0, 0, 0, 0, 0, 0, 0x10, 0x08), ==, 0x052600);

  put_unmap (f, 0, DISK_SIZE / 512 - 1, 2);
  g_assert_cmphex (RUN (f, DISK, 24, 0, 0x42, 0, 0, 0, 0, 0, 0, 0, 24), ==, 0x052100);
  g_assert_cmphex (RUN (f, DISK, 4, 0, 0x42, 0, 0, 0, 0, 0, 0, 0, 4), ==, 0x051a00);
  g_assert_cmphex (RUN (f, DISK, 0, 0, 0x42), ==, 0);
}

static void
test_write_same (VirtioDisk *f, gconstpointer data)
{
  scsi_start (f, 0);
  memset (scsi_answer (f, 512), 0, 512);
  g_assert_cmphex (RUN (f, DISK, 512, 0, 0x93, 8, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 8), ==, 0); /* UNMAP */
  assert_file_is (f->path, 16 * 512, 0, 8 * 512);
  g_assert_cmphex (RUN (f, DISK, 0, 0, 0x93, 1, 0, 0, 0, 0, 0, 0, 0, 33, 0, 0, 0, 3), ==, 0); /* NDOB */
  assert_file_is (f->path, 33 * 512, 0, 3 * 512);
  memset (scsi_answer (f, 512), 0x77, 512);
  g_assert_cmphex (RUN (f, DISK, 512, 0, 0x41, 0, 0, 0, 0, 48, 0, 0, 5), ==, 0);
  assert_file_is (f->path, 48 * 512, 0x77, 5 * 512);
  assert_file_is_pattern (f->path, 53 * 512, 512);

  /* In steps. */
  g_assert_cmphex (RUN (f, DISK, 512, 0, 0x41, 0, 0, 0, 4, 0, 0, 1, 0x2c), ==, 0);
  assert_file_is (f->path, 1024 * 512, 0x77, 300 * 512);
  assert_file_is_pattern (f->path, 1324 * 512, 512);
  g_assert_cmphex (RUN (f, DISK, 512, 0, 0x41, 0, 0, 0, 0, 48, 0, 0, 0), ==, 0x052400);
  g_assert_cmphex (RUN (f, DISK, 512, 0, 0x41, 0x10, 0, 0, 0, 48, 0, 0, 1), ==, 0x052400);
}

/* SPC-4: caching and control pages. */
static void
test_modes (VirtioDisk *f, gconstpointer data)
{
  uint8_t *p;

  scsi_start (f, 0);
  g_assert_cmphex (RUN (f, DISK, 0, 64, 0x1a, 0, 0x3f, 0, 64), ==, 0);
  g_assert_cmpuint (scsi_answer (f, 64)[0], ==, 4 + 8 + 12 + 20 + 12 - 1);
  g_assert_cmphex (scsi_answer (f, 64)[2], ==, 0x10);
  g_assert_cmphex (RUN (f, DISK, 0, 64, 0x5a, 8, 0x08, 0, 0, 0, 0, 0, 64), ==, 0);
  g_assert_cmpuint (load_be16 (scsi_answer (f, 64)), ==, 6 + 20);
  g_assert_cmphex (scsi_answer (f, 64)[8 + 2], ==, 0x04);
  g_assert_cmphex (RUN (f, DISK, 0, 64, 0x5a, 8, 0x48, 0, 0, 0, 0, 0, 64), ==, 0);
  g_assert_cmphex (scsi_answer (f, 64)[8 + 2], ==, 0x04); /* may be changed */
  g_assert_cmphex (RUN (f, DISK, 0, 64, 0x1a, 8, 0xc8, 0, 64), ==, 0x053900);
  g_assert_cmphex (RUN (f, DISK, 0, 64, 0x1a, 8, 0x1c, 0, 64), ==, 0x052400);

  /* The cache is switched off. */
  p = scsi_answer (f, 24);
  memset (p, 0, 24);
  p[4] = 0x08;
  p[5] = 18;
  g_assert_cmphex (RUN (f, DISK, 24, 0, 0x15, 0x10, 0, 0, 24), ==, 0);
  g_assert_cmphex (RUN (f, DISK, 0, 24, 0x1a, 8, 0x08, 0, 24), ==, 0);
  g_assert_cmphex (scsi_answer (f, 24)[4 + 2], ==, 0);
  memset (scsi_answer (f, 512), 0x11, 512);
  g_assert_cmphex (RUN (f, DISK, 512, 0, 0x2a, 0, 0, 0, 0, 3, 0, 0, 1), ==, 0);
  assert_file_is (f->path, 3 * 512, 0x11, 512);

  /* What can't be changed; a list that ends too early. */
  p = scsi_answer (f, 24);
  memset (p, 0, 24);
  p[4] = 0x08;
  p[5] = 18;
  p[7] = 9;
  g_assert_cmphex (RUN (f, DISK, 24, 0, 0x15, 0x10, 0, 0, 24), ==, 0x052600);
  g_assert_cmphex (RUN (f, DISK, 3, 0, 0x15, 0x10, 0, 0, 3), ==, 0x051a00);

  /* A block descriptor may say what is, and nothing else. */
  p = scsi_answer (f, 32);
  memset (p, 0, 32);
  p[3] = 8;
  store_be32 (p + 8, 512);
  p[12] = 0x08;
  p[13] = 18;
  p[14] = 0x04;
  g_assert_cmphex (RUN (f, DISK, 32, 0, 0x15, 0x10, 0, 0, 32), ==, 0);
  store_be32 (scsi_answer (f, 32) + 8, 4096);
  g_assert_cmphex (RUN (f, DISK, 32, 0, 0x15, 0x10, 0, 0, 32), ==, 0x052600);
  scsi_answer (f, 32)[3] = 40;
  g_assert_cmphex (RUN (f, DISK, 32, 0, 0x15, 0x10, 0, 0, 32), ==, 0x051a00);

  /* Sense data in descriptor format. */
  p = scsi_answer (f, 16);
  memset (p, 0, 16);
  memcpy (p + 4, "\x0a\x0a\x04\x10", 4);
  g_assert_cmphex (RUN (f, DISK, 16, 0, 0x15, 0x10, 0, 0, 16), ==, 0);
  scsi_issue (f, HEADER, RESPONSE, DISK, (const uint8_t[]){ 0xc1 }, 1, DATA, 0, 0);
  guest_queue_wait (&f->queue, NULL);
  g_assert_cmphex (load_be32 (scsi_response (f) + SENSE), ==, 0x72052000);
}

static void
test_read_only (VirtioDisk *f, gconstpointer data)
{
  scsi_start (f, 0);
  g_assert_cmphex (RUN (f, DISK, 0, 64, 0x1a, 0, 0x08, 0, 64), ==, 0);
  g_assert_cmphex (scsi_answer (f, 64)[2], ==, 0x90);
  g_assert_cmphex (RUN (f, DISK, 512, 0, 0x2a, 0, 0, 0, 0, 3, 0, 0, 1), ==, 0x072700);
  g_assert_cmphex (RUN (f, DISK, 512, 0, 0x41, 0, 0, 0, 0, 3, 0, 0, 1), ==, 0x072700);
  g_assert_cmphex (RUN (f, DISK, 0, 512, 0x28, 0, 0, 0, 0, 3, 0, 0, 1), ==, 0);
}

/* Neither a cache nor discards. */
static void
test_plain (VirtioDisk *f, gconstpointer data)
{
  scsi_start (f, 0);
  g_assert_cmphex (RUN (f, DISK, 0, 64, 0x5a, 8, 0x08, 0, 0, 0, 0, 0, 64), ==, 0);
  g_assert_cmphex (scsi_answer (f, 64)[8 + 2], ==, 0);
  g_assert_cmphex (RUN (f, DISK, 0, 32, 0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32), ==, 0);
  g_assert_cmphex (scsi_answer (f, 32)[14], ==, 0);
  g_assert_cmphex (RUN (f, DISK, 0, 64, 0x12, 1, 0xb2, 0, 64), ==, 0);
  g_assert_cmphex (load_be16 (scsi_answer (f, 8) + 5), ==, 0); /* no provisioning type without LBPME */
  g_assert_cmphex (RUN (f, DISK, 24, 0, 0x42, 0, 0, 0, 0, 0, 0, 0, 24), ==, 0x052000);
  g_assert_cmphex (RUN (f, DISK, 0, 20, 0xa3, 0x0c, 1, 0x42, 0, 0, 0, 0, 0, 20), ==, 0);
  g_assert_cmphex (scsi_answer (f, 20)[1], ==, 1);
}

/* --- attentions --- */

static void
test_attention (VirtioDisk *f, gconstpointer data)
{
  virtio_disk_negotiate (f, 0);
  scsi_lay_rings (f);
  virtio_guest_driver_ok (f->bench);
  g_assert_cmphex (RUN (f, DISK, 0, 36, 0x12, 0, 0, 0, 36), ==, 0);
  g_assert_cmphex (RUN (f, DISK, 0, 0, 0x00), ==, 0x062901);
  g_assert_cmphex (RUN (f, DISK, 0, 0, 0x00), ==, 0);
  g_assert_cmphex (RUN (f, CD, 0, 18, 0x03, 0, 0, 0, 18), ==, 0);
  g_assert_cmphex (scsi_answer (f, 18)[2], ==, 0x06);
  g_assert_cmphex (scsi_answer (f, 18)[12], ==, 0x29);
  g_assert_cmphex (RUN (f, CD, 0, 0, 0x00), ==, 0);
}

/* --- drives --- */

static void
test_drive (VirtioDisk *f, gconstpointer data)
{
  scsi_start (f, 0);
  g_assert_cmphex (RUN (f, CD, 0, 36, 0x12, 0, 0, 0, 36), ==, 0);
  g_assert_cmphex (load_be16 (scsi_answer (f, 36)), ==, 0x0580);
  g_assert_cmphex (RUN (f, CD, 0, 64, 0x12, 1, 0x83, 0, 64), ==, 0);
  g_assert_cmphex (RUN (f, CD, 0, 8, 0x25), ==, 0);
  g_assert_cmpuint (load_be32 (scsi_answer (f, 8)), ==, 99);
  g_assert_cmphex (RUN (f, CD, 0, 3 * 2048, 0x28, 0, 0, 0, 0, 16, 0, 0, 3), ==, 0);
  assert_memory_is_pattern (f->bench, DATA, 16 * 2048, 3 * 2048);
  g_assert_cmphex (RUN (f, CD, 0, 2048, 0x28, 0, 0, 0, 0, 16, 0, 0, 3), ==, UINT32_MAX);
  g_assert_cmpuint (scsi_response (f)[11], ==, 1); /* OVERRUN */
  g_assert_cmphex (RUN (f, CD, 0, 20, 0x43, 0, 0, 0, 0, 0, 0, 0, 20), ==, 0);
  g_assert_cmpuint (load_be16 (scsi_answer (f, 20)), ==, 18);
  g_assert_cmphex (RUN (f, CD, 0, 32, 0x1a, 0, 0x2a, 0, 32), ==, 0);
  g_assert_cmpuint (scsi_answer (f, 32)[0], ==, 4 + 20 - 1);
  g_assert_cmphex (RUN (f, CD, 0, 128, 0x46, 0, 0, 0, 0, 0, 0, 0, 128), ==, 0);
  g_assert_cmphex (RUN (f, CD, 2048, 0, 0x2a, 0, 0, 0, 0, 16, 0, 0, 1), ==, 0x052000);
}

static const VirtioDiskCase case_usual = { .furnish = scsi_furnish };
static const VirtioDiskCase case_read_only = { .furnish = scsi_furnish, .read_only = true };
static const VirtioDiskCase case_plain = { .furnish = scsi_furnish, .plain = true };

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, wanted, func)                                                                              \
  g_test_add ("/scsi/" path, VirtioDisk, wanted, virtio_disk_setup, func, virtio_disk_teardown)
  ADD ("disk/inquiry", &case_usual, test_inquiry);
  ADD ("disk/capacity", &case_usual, test_capacity);
  ADD ("disk/reads-and-writes", &case_usual, test_reads_and_writes);
  ADD ("disk/verify", &case_usual, test_verify);
  ADD ("disk/unmap", &case_usual, test_unmap);
  ADD ("disk/write-same", &case_usual, test_write_same);
  ADD ("disk/modes", &case_usual, test_modes);
  ADD ("disk/read-only", &case_read_only, test_read_only);
  ADD ("disk/plain", &case_plain, test_plain);
  ADD ("attention", &case_usual, test_attention);
  ADD ("drive", &case_usual, test_drive);
#undef ADD
  return g_test_run ();
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "tests/devices/disk-checks.h"
#include "tests/devices/nvme-guest.h"
#include "tests/image/small-disk.h"

G_BEGIN_DECLS

/* An NVMe controller with a disk on a bench, whose file's bytes are pattern_byte's. */
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

/* What a test wants, the data of g_test_add. @plain: neither a cache nor discards. */
typedef struct {
  bool read_only, plain;
  unsigned n_queues;
} NvmeCase;

typedef struct {
  const NvmeCase *wanted;
  char *folder, *path;
  Image *image; /* the controller's */
  Bench *bench;
  NvmeGuest guest;
} NvmeFixture;

/* Adds @func with a fixture of its own. */
void nvme_add_test (const char *path, const NvmeCase *wanted,
                    void (*func) (NvmeFixture *f, gconstpointer data));

/* A BenchSetup with the fixture: the controller, its image by @path. */
void nvme_furnish (Bench *bench, void *fixture);

/* Enables the controller and makes the queue IO. */
void nvme_start (NvmeFixture *f);

/* Runs a command to its end. Returns: its status. */
uint16_t nvme_admin (NvmeFixture *f, const NvmeGuestCommand *command);
uint16_t nvme_run (NvmeFixture *f, uint8_t opcode, uint64_t sector, unsigned n, uint64_t data);

/* A command for @n sectors at @sector, of pages in a row. */
NvmeGuestCommand nvme_transfer (uint8_t opcode, uint64_t sector, unsigned n, uint64_t data);

G_END_DECLS

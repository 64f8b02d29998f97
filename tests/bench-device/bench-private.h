/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "tests/bench-device/bench.h"

G_BEGIN_DECLS

#define N_GSIS 64u

typedef struct {
  uint64_t address;
  uint32_t data;
} BenchMsi;

/* Records what devices ask of the interrupt controllers. */
typedef struct {
  Hypervisor hypervisor; /* first */
  GMutex lock;
  bool levels[N_GSIS];
  unsigned edges[N_GSIS];
  GArray *messages; /* of BenchMsi */
  bool pit_muted;
} FakeHypervisor;

struct Bench {
  FakeHypervisor fake;
  EventLoop *loop;
  VmClock *clock;
  Board *board;
  MemoryBank *ram;
  Device *device;
  GPtrArray *owned; /* of Owned */

  BenchSetup setup;
  void *setup_data;
  const DeviceClass *klass; /* bench_new */
  const void *config;

  GMutex lock;
  unsigned requests[BOARD_REQUEST_EXIT + 1];
  int request_status;
  char *request_message;
};

extern const HypervisorOps fake_hypervisor_ops;

/* A second bench, furnished alike, with the same memory content and time. */
Bench *bench_twin (Bench *bench);

/* One access of a mad guest. */
void bench_fuzz_access (Bench *bench, GRand *rand);

G_END_DECLS

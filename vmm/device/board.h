/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/base/trace.h"
#include "vmm/bus/bus.h"
#include "vmm/irq/irq.h"
#include "vmm/kvm/hypervisor.h"
#include "vmm/loop/loop.h"
#include "vmm/memory/guest-memory.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef struct Device Device;
typedef struct DeviceClass DeviceClass;

#define BOARD_N_GSIS 24 /* pins of the IOAPIC; 0..15 are the ISA interrupts too */

/* What a device may ask of the machine. Requests are served later, on the machine's loop. */
typedef enum {
  BOARD_REQUEST_RESET,     /* guest or chip reset: everything starts anew */
  BOARD_REQUEST_POWER_OFF, /* the guest switched the machine off */
  BOARD_REQUEST_PAUSE,     /* a backend can't go on (disk full): stop until the user resumes */
  BOARD_REQUEST_CRASH,     /* the guest can't go on: panic */
  BOARD_REQUEST_PANIC,     /* the guest says that it panicked; status: what then, a BoardAction */
  BOARD_REQUEST_WATCHDOG,  /* the guest's watchdog ran out; status: as for PANIC */
  BOARD_REQUEST_EXIT,      /* debug-exit port: end with the status given */
} BoardRequest;

/* What becomes of a machine whose guest is in trouble, as its owner chose it. */
typedef enum {
  BOARD_ACTION_NOTIFY, /* it goes on; the trouble is told */
  BOARD_ACTION_PAUSE,
  BOARD_ACTION_RESET,
  BOARD_ACTION_POWER_OFF,
} BoardAction;

/*
 * Board: what the devices are soldered to. It needs no KVM: a machine puts a KVM hypervisor
 * under it, a bench a fake one.
 *
 * Threading: the members never change after board_new. board_request, board_io_*: any thread,
 * device locks may be held.
 */
typedef struct Board Board;

/* On the requesting thread, device locks may be held: it only queues the work. */
typedef void (*BoardRequestFunc) (Board *board, BoardRequest request, int status, const char *message,
                                  void *data);

struct Board {
  Hypervisor *hypervisor; /* NULL on a bench */
  GuestMemory *memory;
  Bus *ports;  /* 64 KiB of I/O ports */
  Bus *mmio;   /* guest-physical addresses that are no RAM */
  VmClock *clock;
  EventLoop *loop;
  Tracer *tracer; /* may be NULL */
  IrqLine *irq[BOARD_N_GSIS];
  unsigned n_cpus;

  /* private */
  GPtrArray *devices; /* in order of creation; changes on the loop's thread */
  BoardRequestFunc on_request;
  void *on_request_data;
  int in_flight; /* atomic */
  GMutex drain_lock;
  LoopFunc on_drained;
  void *on_drained_data;
};

/* Makes an empty board. @hypervisor and @tracer: (nullable), the caller's. */
Board *board_new (Hypervisor *hypervisor, EventLoop *loop, VmClock *clock, Tracer *tracer, unsigned n_cpus,
                  BoardRequestFunc on_request, void *data, GError **error);

/* Unrealizes the devices, last first, and frees everything that the board owns. vCPUs must be gone. */
void board_free (Board *board);

/**
 * board_add:
 * @name: (nullable): unique on the board, such as "ahci0"; NULL takes the class's id
 * @config: the class's own configuration struct; read during the call only
 *
 * Makes and realizes a device; of some classes also while the machine runs. One thread at a time, which holds no
 * device's lock. Returns: (transfer none): the device, or NULL with @error set.
 */
Device *board_add (Board *board, const DeviceClass *klass, const char *name, const void *config, GError **error);

/* Ends and frees a device that nobody else uses any more, while the machine runs. As board_add; not on the loop's
 * thread. */
void board_remove (Board *board, Device *device);

/* The device named @name, or NULL. */
Device *board_find (Board *board, const char *name);

/* Resets all devices in order of creation. vCPUs must be parked. */
void board_reset (Board *board);

/* Tells all devices that the machine has stopped or is about to go on. On the loop's thread. */
void board_stopped (Board *board);
void board_started (Board *board);

/* All devices' states, in order of creation: {name, table} records. vCPUs parked, nothing in flight. */
GBytes *board_save (Board *board);

/* Checks everything, then commits everything. On error nothing has changed. */
bool board_load (Board *board, const uint8_t *data, size_t size, GError **error);

/* @message: (nullable): for people, complete sentence; copied. @status: EXIT, PANIC and WATCHDOG only. */
void board_request (Board *board, BoardRequest request, int status, const char *message);

/* Brackets around asynchronous work on guest memory or disks; a stop waits for their balance. */
void board_io_begin (Board *board);
void board_io_end (Board *board);

/* Calls @func once on the loop's thread as soon as nothing is in flight. */
void board_when_drained (Board *board, LoopFunc func, void *data);

/* Whether nothing is in flight. It stays so for as long as the loop's thread, which asks, does nothing else. */
bool board_is_drained (Board *board);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Board, board_free)

G_END_DECLS

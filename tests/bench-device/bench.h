/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/device/device.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * Bench: a board without KVM, with 8 MiB of RAM at address 0, an event loop of its own, a
 * virtual clock that moves only when told, and a recording fake of the interrupt controllers.
 * A unit test puts one device on it and plays the guest.
 *
 * Threading: one test thread. Every failure of the bench itself is a failed test assertion.
 */
typedef struct Bench Bench;

#define BENCH_RAM_SIZE (8u << 20)

/* Puts what is tested on the bench's board with bench_add; may add helpers (a PCI bus) with bench_own. */
typedef void (*BenchSetup) (Bench *bench, void *data);

/* A bench with one device. @config must live as long as the bench. (transfer full) */
Bench *bench_new (const DeviceClass *klass, const void *config);

/* A bench that @setup furnishes. @setup may run again, for a twin that states are loaded into. @data must
 * live as long as the bench. (transfer full) */
Bench *bench_new_with (BenchSetup setup, void *data);
void bench_free (Bench *bench);

/* A further device on the board; realize must succeed. (transfer none) */
Device *bench_add (Bench *bench, const DeviceClass *klass, const char *name, const void *config);

/* Frees @data with @destroy after the board's end. Returns @data. */
void *bench_own (Bench *bench, void *data, GDestroyNotify destroy);

Board *bench_board (Bench *bench);
Device *bench_device (Bench *bench);                 /* the device added last, or chosen */
void bench_choose (Bench *bench, Device *device);    /* of those that were added */
Device *bench_find (Bench *bench, const char *name); /* must exist */
void bench_reset (Bench *bench);                     /* board_reset */

/* --- the guest's accesses --- */

uint8_t bench_in8 (Bench *bench, uint16_t port);
uint16_t bench_in16 (Bench *bench, uint16_t port);
uint32_t bench_in32 (Bench *bench, uint16_t port);
void bench_out8 (Bench *bench, uint16_t port, uint8_t value);
void bench_out16 (Bench *bench, uint16_t port, uint16_t value);
void bench_out32 (Bench *bench, uint16_t port, uint32_t value);

uint8_t bench_read8 (Bench *bench, uint64_t address);
uint16_t bench_read16 (Bench *bench, uint64_t address);
uint32_t bench_read32 (Bench *bench, uint64_t address);
uint64_t bench_read64 (Bench *bench, uint64_t address);
void bench_write8 (Bench *bench, uint64_t address, uint8_t value);
void bench_write16 (Bench *bench, uint64_t address, uint16_t value);
void bench_write32 (Bench *bench, uint64_t address, uint32_t value);
void bench_write64 (Bench *bench, uint64_t address, uint64_t value);

/* Host address of guest RAM [@address, @address + @size), which must be inside it. */
void *bench_memory (Bench *bench, uint64_t address, size_t size);

/* --- what the device did --- */

bool bench_irq (Bench *bench, unsigned gsi);           /* level now */
unsigned bench_irq_edges (Bench *bench, unsigned gsi); /* rises so far */
unsigned bench_msi_count (Bench *bench);               /* messages so far, by any way */
unsigned bench_msi_count_of (Bench *bench, uint64_t address, uint32_t data);
bool bench_msi_last (Bench *bench, uint64_t *address, uint32_t *data); /* false: none yet */

bool bench_pit_muted (Bench *bench); /* the interval timer's interrupt is cut off */

/* Board requests so far of one kind, and the latest's status and message (NULL: none). */
unsigned bench_requests (Bench *bench, BoardRequest request);
int bench_request_status (Bench *bench);
const char *bench_request_message (Bench *bench);

/* Lets the loop run until everything that is ready now was served. */
void bench_settle (Bench *bench);

/* Moves virtual time: every timer due on the way fires in order, seeing exactly its deadline. */
void bench_advance_clock (Bench *bench, int64_t ns);

/* Waits until @predicate holds; it is looked at on the loop's thread after each of the loop's
 * iterations. Returns: false if it did not hold within 20 s. */
typedef bool (*BenchPredicate) (Bench *bench, void *data);
bool bench_run_until (Bench *bench, BenchPredicate predicate, void *data);

/* The usual predicates, as waits that must succeed. */
void bench_wait_irq (Bench *bench, unsigned gsi, bool level);
void bench_wait_msi (Bench *bench, unsigned count); /* at least so many */
void bench_wait_idle (Bench *bench);                /* no board_io in flight */

/* --- checks for every device --- */

/* Saves, loads into a twin, saves that, compares. Then loads truncated and corrupted states: refusals must
 * leave the twin as it was. */
void bench_round_trip_state (Bench *bench);

/* Plays a mad guest: @n accesses of random place, size and value over every region of every device, over
 * random memory, with loop iterations, resets and passing time between. */
void bench_fuzz (Bench *bench, uint32_t seed, unsigned n);

/* One more thing that bench_fuzz does now and then, such as configuration accesses. */
typedef void (*BenchFuzzStep) (Bench *bench, GRand *rand, void *data);
void bench_fuzz_with (Bench *bench, uint32_t seed, unsigned n, BenchFuzzStep step, void *data);

/**
 * bench_play:
 * @data: @size bytes of anything
 * @step: (nullable): what the device's bus offers besides registers, such as configuration accesses
 *
 * Plays the guest that @data describes: accesses to the device's regions, writes to memory, passing time,
 * resets. The same bytes are always the same guest, so that a fuzzer can search for bad ones.
 */
typedef void (*BenchPlayStep) (Bench *bench, uint16_t offset, uint32_t value);
void bench_play (Bench *bench, const uint8_t *data, size_t size, BenchPlayStep step);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Bench, bench_free)

G_END_DECLS

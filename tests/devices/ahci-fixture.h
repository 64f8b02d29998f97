/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/storage/ahci.h"
#include "tests/devices/ahci-guest.h"
#include "tests/devices/disk-checks.h"
#include "tests/image/small-disk.h"

G_BEGIN_DECLS

/* A controller on a bench with a disk at port 0 and a CD-ROM drive at port 1, both started, on files whose
 * bytes are pattern_byte's. */
#define DISK  0u /* ports */
#define CD    1u
#define EMPTY 2u

#define DISK_SIZE (UINT64_C (1) << 20)
#define CD_BLOCKS 100u
#define CD_SIZE   (2048u * CD_BLOCKS - 1024) /* the last block is half in the file */

#define ERR 0x01

typedef struct {
  char *folder, *disk_path, *cd_path;
  bool read_only;
  Image *disk; /* the disk's, the controller's */
  Bench *bench;
} AhciFixture;

/* For g_test_add. Setting read_only before makes the disk write-protected. */
void ahci_setup (AhciFixture *f, gconstpointer data);
void ahci_setup_read_only (AhciFixture *f, gconstpointer data);
void ahci_teardown (AhciFixture *f, gconstpointer data);

/* Makes the bench anew, for files that changed. Nothing is started on it. */
void ahci_rebuild (AhciFixture *f);

void assert_all (AhciFixture *f, uint64_t address, uint8_t value, size_t size);
uint32_t port_read (AhciFixture *f, unsigned port, unsigned reg);
const uint8_t *answer (AhciFixture *f, size_t size); /* what arrived at GUEST_DATA */

/* A command of the disk with its data at GUEST_DATA. As ahci_guest_run. */
uint32_t ata_run (AhciFixture *f, uint8_t opcode, uint64_t lba, uint16_t count, uint32_t length);

/* Puts READ FPDMA QUEUED of @n sectors in @slot, its data at GUEST_DATA + 4 KiB per slot, without issuing it.
 */
void ata_put_queued (AhciFixture *f, unsigned slot, uint64_t lba, uint16_t n);

/* A packet for the CD-ROM drive: PACKET (f, bytes of data, CDB bytes...). As ahci_guest_packet. */
#define PACKET(f, length, ...) ahci_guest_packet ((f)->bench, CD, (const uint8_t[12]){ __VA_ARGS__ }, length)

G_END_DECLS

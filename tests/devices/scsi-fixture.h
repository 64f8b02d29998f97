/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/virtio/virtio-scsi.h"
#include "tests/devices/virtio-disk-fixture.h"

G_BEGIN_DECLS

/* A SCSI controller on a bench (virtio 1.2, section 5.6) with a disk and a CD-ROM drive, and a driver's side
 * of it. */
#define HEADER   UINT64_C (0x80000)
#define RESPONSE UINT64_C (0x80100)
#define DATA     UINT64_C (0x90000)

#define DISK 0 /* targets */
#define CD   3
#define FREE 5

#define SENSE 12u /* of a response */

/* For VirtioDiskCase. */
void scsi_furnish (Bench *bench, void *data);

void scsi_lay_rings (VirtioDisk *f);

/* Driver up, and what the power-on left behind fetched. */
void scsi_start (VirtioDisk *f, uint64_t features);

/* Sends a command, its tag being @header; the response comes later. */
void scsi_issue (VirtioDisk *f, uint64_t header, uint64_t response, unsigned target, const uint8_t *cdb,
                 size_t cdb_size, uint64_t data, uint32_t out, uint32_t in);

/* Runs a command with its data at DATA. Returns: sense key, code and qualifier as 0xkkaaqq; 0 if it was good;
 * all ones if it was not the unit that answered. */
uint32_t scsi_run (VirtioDisk *f, unsigned target, const uint8_t *cdb, size_t size, uint32_t out,
                   uint32_t in);

#define RUN(f, target, out, in, ...)                                                                         \
  scsi_run (f, target, (const uint8_t[]){ __VA_ARGS__ }, sizeof ((const uint8_t[]){ __VA_ARGS__ }), out, in)

uint8_t *scsi_response (VirtioDisk *f);            /* of scsi_run */
uint8_t *scsi_answer (VirtioDisk *f, size_t size); /* its data */

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * MachineSpec: everything that one PC is made of, as its owner chose it. Immutable once built;
 * shared between threads by reference. app/ makes it from vm.json or from a command line.
 */
typedef struct MachineSpec MachineSpec;

typedef enum { FIRMWARE_BIOS, FIRMWARE_NONE /* direct boot */ } FirmwareKind;
typedef enum { DISK_BUS_VIRTIO, DISK_BUS_AHCI } DiskBus;
typedef enum { DISK_KIND_DISK, DISK_KIND_CDROM } DiskKind;
typedef enum { SERIAL_NONE, SERIAL_STDIO, SERIAL_FILE } SerialKind;

typedef struct {
  char *id;   /* "disk0", "cd0": unique; stays when others are removed */
  DiskKind kind;
  DiskBus bus;      /* CD-ROMs: AHCI */
  char *path;       /* NULL: an empty CD-ROM drive */
  bool read_only;
} DiskSpec;

typedef struct {
  char *id;    /* "net0" */
  char *mac;   /* "52:54:00:xx:xx:xx" */
  char *network; /* "nat" or "none" */
} NicSpec;

typedef struct {
  SerialKind kind;
  char *path; /* FILE */
} SerialSpec;

struct MachineSpec {
  gatomicrefcount refs;
  char *name;
  char *uuid;       /* "xxxxxxxx-xxxx-..." */
  uint64_t memory;  /* bytes, a multiple of 1 MiB */
  unsigned n_cpus;
  FirmwareKind firmware;
  char *kernel, *initrd, *append; /* direct boot; NULL without. Kernel: bzImage, ELF with PVH note, Multiboot 1 */
  GPtrArray *disks; /* of DiskSpec, in boot order */
  GPtrArray *nics;  /* of NicSpec */
  SerialSpec serial[2];
  char *debugcon;   /* file that takes port 0x402's output, or NULL */
  bool debug_exit;  /* ISA debug-exit at port 0xf4 */
  unsigned video_memory; /* MiB, a power of two 1..256; 0: no display */
  char *trace, *trace_path;
};

/* Defaults: "bonsai" machine, new UUID, 512 MiB, 1 CPU, BIOS, no disks, one NAT network card, 16 MiB of video
 * memory. Mutable until first shared. (transfer full) */
MachineSpec *machine_spec_new (void);
MachineSpec *machine_spec_ref (MachineSpec *spec);
void machine_spec_unref (MachineSpec *spec);

/* Adds; strings are copied. The returned struct is the spec's. */
DiskSpec *machine_spec_add_disk (MachineSpec *spec, DiskKind kind, DiskBus bus, const char *path, bool read_only);
NicSpec *machine_spec_add_nic (MachineSpec *spec, const char *network, const char *mac);

/* A locally administered MAC address from the system's random source. (transfer full) */
char *machine_spec_random_mac (void);

/* Refuses contradictions, naming the member and the remedy. Does not look at files. */
bool machine_spec_check (const MachineSpec *spec, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MachineSpec, machine_spec_unref)

G_END_DECLS

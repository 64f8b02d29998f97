/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/image.h"
#include "devices/net/net-forward.h"
#include "vmm/device/board.h"
#include "vmm/kvm/cpu-topology.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * MachineSpec: everything that one PC is made of, as its owner chose it. Immutable once built;
 * shared between threads by reference. app/ makes it from vm.json or from a command line.
 */
typedef struct MachineSpec MachineSpec;

typedef enum {
  FIRMWARE_BIOS,
  FIRMWARE_UEFI,
  FIRMWARE_UEFI_SECURE, /* with Secure Boot: needs SMM */
  FIRMWARE_NONE         /* direct boot */
} FirmwareKind;
typedef enum { DISK_BUS_VIRTIO, DISK_BUS_AHCI, DISK_BUS_SCSI, DISK_BUS_NVME, DISK_BUS_USB } DiskBus;
typedef enum { DISK_KIND_DISK, DISK_KIND_CDROM, DISK_KIND_SCSI_HOST /* a SCSI device of the host */ } DiskKind;
typedef enum { DISK_CACHE_WRITEBACK, DISK_CACHE_WRITETHROUGH, DISK_CACHE_DIRECT, DISK_CACHE_UNSAFE } DiskCache;
typedef enum {
  GRAPHICS_VGA,    /* a plain VGA with a frame buffer */
  GRAPHICS_VIRTIO, /* the same, with a virtio-gpu in it */
} GraphicsKind;
typedef enum { DISK_DISCARD_UNMAP, DISK_DISCARD_IGNORE } DiskDiscard;
typedef enum {
  SERIAL_NONE,
  SERIAL_CONSOLE, /* who asks the running machine for it */
  SERIAL_FILE,
  SERIAL_PTY,
  SERIAL_SOCKET,
  SERIAL_STDIO,
} SerialKind;

typedef enum {
  NIC_MODEL_VIRTIO,
  NIC_MODEL_E1000E, /* an Intel 82574L, for guests without a driver for virtio's */
} NicModel;

/* How people write them, by number; NULL ends. */
extern const char *const firmware_names[] /* without NONE */, *const disk_bus_names[], *const disk_kind_names[], *const disk_cache_names[],
  *const disk_discard_names[], *const graphics_names[], *const board_action_names[],
  *const serial_kind_names[] /* without STDIO */, *const nic_model_names[];

/* How a disk is used. All zero: the defaults. */
typedef struct {
  char *format; /* NULL: not recorded. A guest that may write could make a raw disk look like anything: it is
                   raw, and refused if it looks otherwise */
  DiskCache cache;
  DiskDiscard discard;
  char *serial;      /* what the guest reads; NULL: the id */
  char *secret_file; /* the file that holds an encrypted image's passphrase, its owner's only; or NULL */
  GBytes *secret;    /* the passphrase itself, wiped with its last reference; or NULL. Goes before the file's */
  ImageKeys *keys;   /* what was derived from it already; or NULL */
  ImageLimits limits;
} DiskOptions;

void disk_options_copy (DiskOptions *to, const DiskOptions *from); /* @to is cleared first */
void disk_options_clear (DiskOptions *options);

typedef struct {
  char *id;   /* "disk0", "cd0": unique; stays when others are removed */
  DiskKind kind;
  DiskBus bus;      /* CD-ROMs: AHCI, SCSI, USB; SCSI_HOST: SCSI */
  char *path;       /* or nbd:// URI; SCSI_HOST: /dev/sgN or a block device. NULL: an empty CD-ROM drive */
  bool read_only;
  DiskOptions options;
} DiskSpec;

DiskSpec *disk_spec_copy (const DiskSpec *disk); /* (transfer full) */
void disk_spec_free (DiskSpec *disk);

typedef struct {
  char *id;    /* "net0" */
  char *mac;   /* "52:54:00:xx:xx:xx" */
  char *network; /* "nat" or "none" */
  NicModel model;
  bool link_down; /* the cable is out at first */
  GArray *forwards; /* of NetForward: for who runs it to add (pc_add_forward); never NULL */
} NicSpec;

typedef struct {
  SerialKind kind;
  char *path; /* FILE; PTY: a link to the terminal; SOCKET */
} SerialSpec;

/* Which way the clipboard goes. */
typedef enum {
  CLIPBOARD_BOTH,
  CLIPBOARD_TO_GUEST,
  CLIPBOARD_TO_HOST,
  CLIPBOARD_OFF,
} ClipboardPolicy;

extern const char *const clipboard_policy_names[]; /* NULL ends */

/* Programs in the guest that this host talks to if they are there. */
typedef struct {
  bool guest;    /* qemu-guest-agent */
  bool set_time; /* ... sets the guest's clock after a pause */
  bool desktop;  /* spice-vdagent */
  ClipboardPolicy clipboard;
} AgentsSpec;

struct MachineSpec {
  gatomicrefcount refs;
  char *name;
  char *uuid;       /* "xxxxxxxx-xxxx-..." */
  char *generation; /* another such whenever it was set back or copied (platform/vm-generation.h); NULL: the uuid */
  uint64_t memory;  /* bytes, a multiple of 1 MiB */
  unsigned n_cpus;
  char *cpu_model;      /* NULL: the host's; or a name of vmm/kvm/cpu-model.h */
  CpuTopology topology; /* sockets 0: one, with a core of one thread for each CPU */
  FirmwareKind firmware;
  char *nvram;      /* UEFI: the file with the variables, made at the first start; NULL: forgotten at the end */
  GStrv boot_order; /* ids of disks and network cards to boot from first, in this order; NULL: disks in theirs */
  bool boot_menu;   /* the firmware waits for the key that opens its menu */
  char *kernel, *initrd, *append; /* direct boot; NULL without. Kernel: bzImage, ELF with PVH note, Multiboot 1 */
  GPtrArray *disks; /* of DiskSpec, in boot order */
  GPtrArray *nics;  /* of NicSpec */
  SerialSpec serial[4];
  char *debugcon;   /* file that takes port 0x402's output, or NULL */
  bool debug_exit;  /* ISA debug-exit at port 0xf4 */
  bool ends_at_reset; /* when the guest resets it, for who runs it to start it anew */
  AgentsSpec agents;
  bool hpet;
  bool balloon;      /* a virtio memory balloon */
  bool merge_memory; /* equal pages of several machines may be one (KSM) */
  bool usb;          /* a USB controller (xHCI) with a tablet; USB disks bring the controller anyway */
  bool usb_keyboard; /* a keyboard there as well */
  bool virtio_input; /* a virtio keyboard and tablet, beside the PS/2 ones */
  bool sound;        /* an ICH9 HD Audio card; heard where there is a window */
  char *sound_record, *sound_microphone; /* WAV files: what it plays; what it hears. Or NULL */
  BoardAction on_panic;        /* what becomes of it when the guest's kernel panics */
  bool watchdog;               /* an i6300esb */
  BoardAction watchdog_action; /* ... and what it does */
  unsigned video_memory; /* MiB, a power of two 1..256; 0: no display */
  GraphicsKind graphics;
  unsigned heads; /* screens, 1..4; more than one with GRAPHICS_VIRTIO only */
  char *trace, *trace_path;
};

/* Defaults: "bonsai" machine, new UUID, 512 MiB, 1 CPU, BIOS, no disks, one NAT network card, 16 MiB of video
 * memory, an HPET, a balloon, virtio keyboard and tablet, consoles on all serial ports, all agents. Mutable until
 * first shared. (transfer full) */
MachineSpec *machine_spec_new (void);
MachineSpec *machine_spec_ref (MachineSpec *spec);
void machine_spec_unref (MachineSpec *spec);

/* Whether any disk is on @bus. */
bool machine_spec_has_bus (const MachineSpec *spec, DiskBus bus);

/* Where the CPUs sit: what was chosen, or the default. */
CpuTopology machine_spec_topology (const MachineSpec *spec);

/* Adds; strings are copied. The returned struct is the spec's. */
DiskSpec *machine_spec_add_disk (MachineSpec *spec, DiskKind kind, DiskBus bus, const char *path, bool read_only);
NicSpec *machine_spec_add_nic (MachineSpec *spec, const char *network, const char *mac);

/* A locally administered MAC address from the system's random source. (transfer full) */
char *machine_spec_random_mac (void);

/* Refuses contradictions, naming the member and the remedy. Does not look at files. */
bool machine_spec_check (const MachineSpec *spec, GError **error);
/* The same for one disk, whatever else there is. */
bool disk_spec_check (const DiskSpec *disk, GError **error);

/* Lets go of all passphrases, once the disks are open. While nobody else reads them. */
void machine_spec_forget_secrets (MachineSpec *spec);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DiskSpec, disk_spec_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (MachineSpec, machine_spec_unref)

G_END_DECLS

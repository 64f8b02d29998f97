/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/pci/pci.h"
#include "devices/platform/pc.h"
#include "devices/storage/scsi.h"
#include "devices/usb/usb.h"
#include "display/sound/sound-file.h"

G_BEGIN_DECLS

/* Where the PC's devices are plugged in. Numbers never change: guests name devices by them. */
enum {
  PC_SLOT_HOST = 0,
  PC_SLOT_SVGA = 1,
  PC_SLOT_RNG = 2,
  PC_SLOT_FIRST_NIC = 3,  /* 4 of them; "net2" is at slot 5 */
  PC_SLOT_FIRST_DISK = 8, /* 16 virtio and NVMe disks; "disk3" is at slot 11 */
  PC_SLOT_SCSI = 24,      /* if there are SCSI disks; "disk3" is at target 3 */
  PC_SLOT_BALLOON = 25,
  PC_SLOT_CONSOLE = 26,
  PC_SLOT_INPUT = 28, /* keyboard, tablet */
  PC_SLOT_SOUND = 27,
  PC_SLOT_WATCHDOG = 29, /* if there is one */
  PC_SLOT_USB = 30,      /* if there is USB, or a disk on it */
  PC_SLOT_CHIPS = 31,

  PC_N_NICS = 4,
  PC_N_DISKS = 16,
  PC_N_TARGETS = 16,
  PC_N_SERIAL_PORTS = 4,

  PC_USB_TABLET = 1, /* sockets of the USB controller */
  PC_USB_KEYBOARD = 2,
  PC_USB_FIRST_DRIVE = 3, /* in their fast ports; "disk3" is at socket 6 */
  PC_N_USB_DRIVES = 7,
  PC_N_USB_HOSTS = 6, /* USB devices of the host's: at the sockets from the last one down */
  PC_FUNCTION_LPC = 0,
  PC_FUNCTION_AHCI = 2,
};

typedef struct BootKernel BootKernel;

/* A disk or CD-ROM drive that is plugged in. */
typedef struct {
  char *id;
  DiskKind kind;
  DiskBus bus;
  unsigned place; /* AHCI port, SCSI target, slot of virtio and NVMe disks, of USB drives the number */
  Device *device; /* a USB drive; else NULL */
  Image *image;   /* the device's; NULL for CD-ROM drives and what is passed through */
} PcDrive;

struct Pc {
  MachineSpec *spec;
  Machine *machine;
  Board *board;
  PciBus *bus;
  Screen *screens[4]; /* one for each head */
  unsigned n_screens;
  InputHub *input;
  SoundHub *sound;
  SoundFile *recorder, *microphone; /* or NULL */
  BootKernel *kernel;               /* direct boot, or NULL */
  Pc *predecessor;                  /* while it is built: whose place it takes, or NULL */

  MemoryBank *ram_low, *ram_high, *bios;
  Device *pci_config, *host, *lpc, *fw_cfg, *svga, *ahci, *scsi, *xhci; /* @scsi, @xhci: or NULL */
  Device *balloon;                                               /* or NULL */
  Device *usb_hosts[PC_N_USB_HOSTS]; /* or NULL: there is no USB */
  GMutex usb_lock;                   /* who plugs in and pulls out */
  Device *serial[PC_N_SERIAL_PORTS];
  Device *console;
  GRWLock drives_lock; /* writers: what plugs in and pulls out; readers: other threads that use a drive */
  GPtrArray *drives;   /* of PcDrive, in the order they came */
  ImageCounters gone;  /* drives_lock: what those transferred that were pulled out */
  uint64_t acpi_ecam;  /* what the ACPI tables say */
  GPtrArray *boot_ids, *boot_paths; /* what can be booted: ids, and paths of Open Firmware */
};

static inline PciPlace
pc_place (Pc *pc, unsigned slot, unsigned function)
{
  return (PciPlace){ pc->bus, PCI_DEVFN (slot, function) };
}

/* A Pc without a machine; pc_build (board, pc, error) solders it onto a board. pc_free after the board. */
Pc *pc_alloc (MachineSpec *spec);
bool pc_build (Board *board, void *data, GError **error);

/* First address above all RAM. */
uint64_t pc_ram_end (const MachineSpec *spec);

/* The place that @id's number asks for ("disk3": 3), or the first free one; marks it in @taken. -1: none. */
int pc_take_place (const char *id, bool *taken, unsigned n);

/* pc-firmware.c: remembers that @id can be booted from, by the path of Open Firmware that @format gives. */
void pc_add_boot_path (Pc *pc, const char *id, const char *format, ...) G_GNUC_PRINTF (3, 4);

/* pc-serial.c: COM1 to COM4. */
bool pc_add_serial_ports (Pc *pc, GError **error);
/* Whether a serial port's other end comes from pc->predecessor's. */
bool pc_inherits_serial (const Pc *pc, const Pc *predecessor, unsigned port);
/* pc-console.c: the virtio console, with a channel for each agent. */
bool pc_add_console (Pc *pc, GError **error);
/* A file for the guest's output, emptied. Returns -1 with @error set. */
int pc_open_output (const char *path, GError **error);

/* pc-input.c: keyboard and tablet that guests' drivers know. */
bool pc_add_input (Pc *pc, GError **error);
/* pc-usb-host.c: places for USB devices of the host's; and those that @predecessor has. */
bool pc_add_usb_hosts (Pc *pc, UsbBus *bus, GError **error);
void pc_take_usb (Pc *pc, Pc *predecessor);
/* pc-usb.c: the controller, if something is to be plugged in; a tablet and a keyboard, and places for the host's. */
bool pc_add_usb_controller (Pc *pc, GError **error);
bool pc_add_usb (Pc *pc, GError **error);
/* A disk or CD-ROM drive, the @place'th; takes @image if it succeeds. Also while the machine runs. */
Device *pc_add_usb_drive (Pc *pc, const DiskSpec *disk, const ScsiUnitConfig *unit, unsigned place, GError **error);

/* pc-counters.c: a disk was pulled out: what it transferred stays counted. With drives_lock, to write. */
void pc_keep_counters (Pc *pc, const ImageCounters *counters);

/* pc-balloon.c */
bool pc_add_balloon (Pc *pc, GError **error);

/* pc-display.c: the graphics card, and a screen for each of its heads. */
bool pc_add_display (Pc *pc, GError **error);

/* pc-nics.c: network cards; fills boot paths. */
bool pc_add_nics (Pc *pc, GError **error);

/* pc-drives.c: disks on virtio, AHCI and SCSI; fills drives and boot paths. Later: pc-hotplug.c. */
bool pc_add_drives (Pc *pc, GError **error);
/* What unlocks @pc's disks unlocks those of @spec. */
void pc_lend_keys (Pc *pc, MachineSpec *spec);
void pc_drive_free (gpointer drive);

/* pc-nvme.c: an NVMe controller with the disk, in @slot; takes @image if it succeeds. */
Device *pc_add_nvme_disk (Pc *pc, const DiskSpec *disk, const char *serial, unsigned slot, Image *image,
                          GError **error);

/* pc-sound.c: the sound card, and the files that it plays to and hears. */
bool pc_add_sound (Pc *pc, GError **error);
void pc_take_sound (Pc *pc, Pc *predecessor);
void pc_free_sound (Pc *pc);

/* pc-disk-image.c: opens a disk's image as its options say. *@image stays NULL for a drive without a disc. */
bool pc_open_image (EventLoop *loop, const DiskSpec *disk, Image **image, GError **error);

/* pc-firmware.c: the BIOS bank, and what fw_cfg tells the firmware. */
bool pc_load_bios (Pc *pc, GError **error);
void pc_describe_to_firmware (Pc *pc);

/* pc-uefi.c: UEFI instead of the BIOS, and its variables. */
bool pc_load_uefi (Pc *pc, GError **error);

/* pc-start.c: what firmware would have done, for a kernel that is booted directly. */
void pc_set_up_pci (Pc *pc); /* chip set, BARs, interrupt lines */
void pc_prepare (Board *board, CpuStart *start, void *data);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/image.h"
#include "devices/net/net.h"
#include "devices/platform/machine-spec.h"
#include "devices/virtio/channel.h"
#include "devices/virtio/virtio-balloon.h"
#include "display/input/input.h"
#include "display/screen/screen.h"
#include "display/sound/sound.h"
#include "vmm/machine/machine.h"

#include <glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * Pc: the Q35-class machine that a MachineSpec describes.
 *
 * Threading: any thread but the machine's loop. Files named by the spec are opened by pc_new.
 */
typedef struct Pc Pc;

/* Opens files, checks the firmware, builds the machine. @on_event as for machine_new. Lets go of @spec's
 * passphrases.
 * Returns: (transfer full): a machine that is ready to run, or NULL with @error naming what is missing. */
Pc *pc_new (MachineSpec *spec, MachineEventFunc on_event, void *data, GError **error);
void pc_free (Pc *pc);

/* As pc_new, for a machine that is to take the place of @predecessor, which may run on meanwhile: what both
 * lead to outside (serial ports' terminals, sockets and files, sound files) stays @predecessor's until
 * pc_take_over. Disks that @predecessor has unlocked need no passphrase. */
Pc *pc_new_successor (MachineSpec *spec, Pc *predecessor, MachineEventFunc on_event, void *data,
                      GError **error);

/* Takes that from @predecessor: whoever has a serial port open keeps it. Once, before @pc runs; @predecessor
 * is the one that it was made for. */
void pc_take_over (Pc *pc, Pc *predecessor);

Machine *pc_machine (Pc *pc);
MachineSpec *pc_spec (Pc *pc);
Screen *pc_screen (Pc *pc, unsigned head); /* NULL: it has no such head. (transfer none) */
InputHub *pc_input (Pc *pc);
SoundHub *pc_sound (Pc *pc);

/* Presses the ACPI power button. */
void pc_press_power_button (Pc *pc);

#define PC_VIRTIO_CONSOLE 4u

/**
 * pc_open_serial_console:
 * @port: 0 for COM1, ..., 3; PC_VIRTIO_CONSOLE for the virtio console's terminal
 * @force: whoever has it open loses it
 *
 * Returns: a socket that is the other end of the port's cable, to be closed by the caller: what is read is the guest's
 * output, the last of it first. -1 with VMM_ERROR_BUSY if it is in use, VMM_ERROR_INVALID if the port goes elsewhere.
 */
int pc_open_serial_console (Pc *pc, unsigned port, bool force, GError **error);

/* The channel @name (devices/virtio/channel.h), or NULL if the machine is to have none of that name. (transfer none) */
Channel *pc_channel (Pc *pc, const char *name);

/* The virtio console's terminal has that many characters; 0: that is unknown. */
void pc_resize_console (Pc *pc, uint16_t columns, uint16_t rows);

/* What there is of a guest's memory, in bytes. */
typedef struct {
  uint64_t size;     /* the machine's */
  uint64_t resident; /* what of it the host has given */
  bool has_balloon;
  BalloonStatus balloon; /* if there is one */
} PcMemory;

/* Any thread but the machine's loop; may take a second, if the guest does not answer. */
void pc_get_memory (Pc *pc, PcMemory *memory);

/* What a machine has used since it was built; all only grow. */
typedef struct {
  uint64_t cpu_time;  /* ns: its vCPUs' */
  uint64_t loop_time; /* ns: its event loop's: devices, timers, completions */
  ImageCounters disks; /* all of them, also those that were pulled out since; but CD-ROM drives, and what is passed
                          through */
  NetCounters networks;
} PcCounters;

/* Any thread but the machine's loop. Waits while a disk is being pulled out. */
void pc_get_counters (Pc *pc, PcCounters *counters);

/* Asks the guest to make do with @size bytes. False with VMM_ERROR_INVALID if that is more than there are or less than
 * a guest can live with, VMM_ERROR_UNSUPPORTED without a balloon. Any thread but the machine's loop. */
bool pc_set_memory (Pc *pc, uint64_t size, GError **error);

/* Plugs the cable of a network card ("net0") in, or pulls it out. False with VMM_ERROR_INVALID if there is no such
 * card. */
bool pc_set_link (Pc *pc, const char *nic, bool up, GError **error);

/* Who connects to @fd (net_forward_listen; the caller's, who may close it at once) reaches the guest behind network card
 * @nic. Any thread. False with VMM_ERROR_INVALID if there is no such card, or it has no NAT. */
bool pc_add_forward (Pc *pc, const char *nic, const NetForward *forward, int fd, GError **error);
/* The end of that: @forward with the port at which the host listens. */
void pc_remove_forward (Pc *pc, const char *nic, const NetForward *forward);

/**
 * pc_change_medium:
 * @drive: (nullable): a CD-ROM's id ("cd0"); NULL: the first one
 * @path: (nullable): the new medium; NULL ejects
 * @force: even if the guest locked the tray
 *
 * Returns: false with @error set if there is no such drive, the file can't be opened, or the tray is locked.
 */
bool pc_change_medium (Pc *pc, const char *drive, const char *path, bool force, GError **error);

/* The id of the first CD-ROM drive that is plugged in, or NULL. (transfer full) */
char *pc_first_cdrom (Pc *pc);

/* The functions below: any thread but the machine's loop; @disk: an id ("disk0"). False with @error set if there
 * is no such disk, or it is passed through. */

/* Makes a disk larger while the guest runs, which is told if its bus has a way. Blocks for as long as the image
 * takes. */
bool pc_grow_disk (Pc *pc, const char *disk, uint64_t size, GError **error);

/* What the disk lies in; for work on its layers (image_work_run), which must end before the machine goes. (transfer
 * none) */
Image *pc_disk_image (Pc *pc, const char *disk, GError **error);

/* Everything that the guest wrote to its disks, and was told to be written, is stable. */
bool pc_flush_disks (Pc *pc, GError **error);

/* From now on; all zero: none. */
bool pc_limit_disk (Pc *pc, const char *disk, const ImageLimits *limits, GError **error);

/**
 * pc_attach_disk:
 * @disk: a disk or CD-ROM drive; its id and bus are filled in
 * @any_bus: whether the bus is chosen here, among those where disks come and go
 *
 * Plugs a drive in while the machine runs or stands still; blocks while its image is opened and locked. An id
 * that is NULL becomes the first free one. Returns: false with VMM_ERROR_UNSUPPORTED if the bus can't do that
 * or the machine lacks its controller, VMM_ERROR_BUSY if the id is taken or the controller full; else what is
 * wrong with the image.
 */
bool pc_attach_disk (Pc *pc, DiskSpec *disk, bool any_bus, GError **error);

/**
 * pc_detach_disk:
 * @force: even if what the guest wrote can't be made stable, or the guest locked the tray
 *
 * Flushes a drive, pulls it out and closes its image. No work on its layers may be under way.
 * Returns: false with VMM_ERROR_INVALID if there is no such drive, VMM_ERROR_UNSUPPORTED if its bus can't do
 * that, VMM_ERROR_BUSY if the tray is locked, VMM_ERROR_RESOURCE or VMM_ERROR_FAILED if flushing failed.
 */
bool pc_detach_disk (Pc *pc, const char *disk, bool force, GError **error);

/* A USB device of the host's that is the guest's, or is to be. */
typedef struct {
  char *key;    /* where it is plugged in at the host ("1-2.3"), 1 to 31 characters */
  char *id;     /* which one it is, wherever it is plugged in: by that a saved state knows it; "": unknown */
  char *name;   /* for people */
  bool is_here; /* false: it is waited for */
} PcUsb;

void pc_usb_free (PcUsb *device);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PcUsb, pc_usb_free)

/**
 * pc_attach_usb:
 * @fd: its node in /dev/bus/usb, opened for reading and writing; the caller's
 * @device: what it is; the caller's
 * @guard: the program bonsai-usb-guard
 *
 * Takes a USB device from the host's drivers, and plugs it in: while the machine runs, or before it does and after its state
 * was restored. Blocks while the host does that. Any thread but the machine's loop. Returns: false with
 * VMM_ERROR_UNSUPPORTED if the machine has no USB, VMM_ERROR_BUSY if all ports are taken, the key is, or another program
 * has the device; VMM_ERROR_INVALID if it is no USB device.
 */
bool pc_attach_usb (Pc *pc, int fd, const PcUsb *device, const char *guard, GError **error);

/* Pulls it out and gives it back to the host, or waits for it no more. Blocks until the host has it. Any thread but the
 * machine's loop. False with VMM_ERROR_INVALID if there is none of that key. */
bool pc_detach_usb (Pc *pc, const char *key, GError **error);

/* What isn't here isn't waited for any more: another machine has it. */
void pc_forget_usb (Pc *pc);

/* (element-type PcUsb) (transfer full): those that are plugged in, and those that were when the state was saved that was
 * restored, or are to be. Any thread. */
GPtrArray *pc_list_usb (Pc *pc);

/* One was pulled out of the host. On a thread of its own, under locks: it must not come back here. */
typedef void (*PcUsbLostFunc) (const char *key, const char *name, void *data);
void pc_watch_usb (Pc *pc, PcUsbLostFunc lost, void *data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Pc, pc_free)

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/platform/machine-spec.h"
#include "display/input/input.h"
#include "display/screen/screen.h"
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

/* Opens files, checks the firmware, builds the machine. @on_event as for machine_new.
 * Returns: (transfer full): a machine that is ready to run, or NULL with @error naming what is missing. */
Pc *pc_new (MachineSpec *spec, MachineEventFunc on_event, void *data, GError **error);
void pc_free (Pc *pc);

Machine *pc_machine (Pc *pc);
MachineSpec *pc_spec (Pc *pc);
Screen *pc_screen (Pc *pc); /* NULL without a display. (transfer none) */
InputHub *pc_input (Pc *pc);

/* Presses the ACPI power button. */
void pc_press_power_button (Pc *pc);

/**
 * pc_change_medium:
 * @drive: a CD-ROM's id ("cd0")
 * @path: (nullable): the new medium; NULL ejects
 * @force: even if the guest locked the tray
 *
 * Returns: false with @error set if there is no such drive, the file can't be opened, or the tray is locked.
 */
bool pc_change_medium (Pc *pc, const char *drive, const char *path, bool force, GError **error);

/* The functions below: any thread but the machine's loop; @disk: an id ("disk0"). False with @error set if there
 * is no such disk, or it is passed through. */

/* Makes a disk larger while the guest runs, which is told if its bus has a way. Blocks for as long as the image
 * takes. */
bool pc_grow_disk (Pc *pc, const char *disk, uint64_t size, GError **error);

/* What the disk lies in; for work on its layers (image_work_run), which must end before the machine goes. (transfer
 * none) */
Image *pc_disk_image (Pc *pc, const char *disk, GError **error);

/* From now on; all zero: none. */
bool pc_limit_disk (Pc *pc, const char *disk, const ImageLimits *limits, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Pc, pc_free)

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/vm-config.h"
#include "app/usb/host-usb.h"

G_BEGIN_DECLS

/* Which ports of the host may be forwarded to a machine. */
typedef enum {
  FORWARDS_ANY,
  FORWARDS_LOCAL, /* those that only programs on this host reach: 127.0.0.0/8 */
  FORWARDS_NONE,
} ForwardPolicy;

/*
 * What may be done with a workspace.
 *
 * Threading: none; a plain value.
 */
typedef struct {
  GStrv networks;            /* what its cards may be plugged into; (nullable): anything */
  ForwardPolicy forwards;    /* which ports of the host may lead into it */
  GStrv usb;                 /* classes of the host's USB devices that it may get; (nullable): any */
  ClipboardPolicy clipboard; /* the most that it may be */
  bool shared_folders, screenshots, export, snapshots;
  bool encryption;       /* all its disks have to be encrypted */
  GStrv days;            /* (nullable): any; else those of "mon", "tue", … on which it may be used */
  unsigned from, until;  /* when, in minutes after local midnight; equal: all day */
  unsigned idle_suspend; /* minutes without its user after which it is suspended; 0: never */
} Permissions;

/* Everything is allowed. */
void permissions_init (Permissions *permissions);
void permissions_clear (Permissions *permissions);

/* Members that are absent leave everything allowed. False with @section's error set. */
bool permissions_read (const JsonSection *section, Permissions *permissions);
/* All of them, by name. (transfer full) */
JsonObject *permissions_write (const Permissions *permissions);

/* Refuses (BONSAI_ERROR_REFUSED) a machine that is described otherwise than it may be. Whether its disks are
 * encrypted is the caller's to look at. */
bool permissions_check_config (const Permissions *permissions, const VmConfig *config, GError **error);

/* Refuses (BONSAI_ERROR_REFUSED) a USB device of the host's of which any function is of a class that isn't allowed. @machine:
 * its name, for people. */
bool permissions_check_usb (const Permissions *permissions, const HostUsb *usb, const char *machine, GError **error);

/* Describes a machine that is being made as it may be: the clipboard no wider, networks that are allowed. */
void permissions_fit_config (const Permissions *permissions, VmConfig *config);

/* Refuses times of the week at which it may not be used. @now: local time. */
bool permissions_check_time (const Permissions *permissions, GDateTime *now, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Permissions, permissions_clear)

G_END_DECLS

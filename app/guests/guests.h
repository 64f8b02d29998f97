/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/vm-config.h"
#include "vmm/kvm/host-check.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/* A guest that this host's Debian packages hold ready. */
typedef struct {
  char *id;      /* "linux", "invaders", "grub", "memtest": stable */
  char *name;    /* "GRUB Invaders" */
  char *summary; /* what one will see */
  char *package; /* the Debian package it comes from */
  uint64_t memory; /* bytes: what it does well with */
  bool installed;
  bool runs_here; /* on this kind of KVM */
} ReadyGuest;

/* All guests known, best first for this host. (transfer full): of ReadyGuest */
GPtrArray *ready_guests_list (const HostReport *report);

/* The best that is installed and runs here, or NULL. (transfer none) */
const ReadyGuest *ready_guests_best (GPtrArray *guests);

/* A description to create a machine from. Builds what is needed in the user's data folder (an initrd).
 * (transfer full), or NULL with @error naming the package to install. */
VmConfig *ready_guest_config (const ReadyGuest *guest, GError **error);

void ready_guest_free (ReadyGuest *guest);

G_END_DECLS

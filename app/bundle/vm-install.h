/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/json-section.h"

#include <stdbool.h>

G_BEGIN_DECLS

/* Files of an unattended installation, in the bundle: they go when it is done. */
#define VM_INSTALL_FOLDER "install"

/* An unattended installation that is to come or under way: "install" in vm.json. */
typedef struct {
  char *system;      /* NULL: none. What is installed, for people: "Debian 12" */
  unsigned restarts; /* of the guest, until it is done: 1 or more */
} VmInstall;

#define VM_INSTALL_MAX_RESTARTS 16

bool vm_install_read (const JsonSection *section, VmInstall *install);
void vm_install_write (JsonObject *machine, const VmInstall *install);
void vm_install_copy (VmInstall *to, const VmInstall *from); /* @to: cleared, or new */
void vm_install_clear (VmInstall *install);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/json-section.h"

#include <glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * Which other users of this computer may do what with a machine while its owner runs it: "sharing" in
 * vm.json. Refuses members that it doesn't know, as a policy does.
 *
 * Immutable. Threading: any thread.
 */
typedef enum {
  VM_ROLE_NONE,
  VM_ROLE_VIEWER,   /* sees it, and how it is */
  VM_ROLE_OPERATOR, /* works with it as well: keyboard, mouse, pause, reset, power */
  VM_N_ROLES,
} VmRole;
extern const char *const vm_role_names[]; /* "none", "viewer", "operator"; NULL ends */

typedef struct {
  GStrv users[VM_N_ROLES]; /* (nullable): names, or "@GROUP"; VM_ROLE_NONE's is NULL */
} VmSharing;

#define VM_SHARING_MAX 64 /* entries of one role */

/* Nobody. (transfer full) */
VmSharing *vm_sharing_new (void);
VmSharing *vm_sharing_ref (VmSharing *sharing);
void vm_sharing_unref (VmSharing *sharing);

bool vm_sharing_is_empty (const VmSharing *sharing);
bool vm_sharing_equal (const VmSharing *a, const VmSharing *b);

/* A copy in which @user has @role, and no other. (transfer full), or NULL with @error set: @user is no name
 * of a user or group, or there are too many. */
VmSharing *vm_sharing_with (const VmSharing *sharing, const char *user, VmRole role, GError **error);

/* The most that @user may, who is in @groups (NULL ends). */
VmRole vm_sharing_find (const VmSharing *sharing, const char *user, const char *const *groups);

/* --- vm.json --- */

/* "sharing" of the machine @section takes the place of *@sharing, if it is there. */
bool vm_sharing_read (const JsonSection *section, VmSharing **sharing);
/* The same into @machine. */
void vm_sharing_write (JsonObject *machine, const VmSharing *sharing);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmSharing, vm_sharing_unref)

G_END_DECLS

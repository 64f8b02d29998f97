/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/json-text.h"
#include "app/bundle/vm-config.h"

G_BEGIN_DECLS

/* The schema's version: "bonsai" in vm.json. SCHEMA.md says when it changes. */
#define VM_CONFIG_SCHEMA 1

/* How a network card's cable is written, by LINK_*. */
enum { LINK_UP, LINK_DOWN };
extern const char *const vm_config_link_names[];

/* Without name, UUID, network card. */
VmConfig *vm_config_new_empty (void);

/* What vm_config_check found: the member's JSON pointer, and what is wrong. */
typedef struct {
  char *pointer;
  char *message;
} VmComplaint;

void vm_complaint_clear (VmComplaint *complaint);
bool vm_config_check_at (const VmConfig *config, VmComplaint *complaint);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (VmComplaint, vm_complaint_clear)

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/json-section.h"

G_BEGIN_DECLS

/*
 * "usb-rules" in vm.json: which of the host's USB devices a machine gets by itself. Threading: none.
 */

#define VM_USB_RULES_MAX 32u

/* A device that is all that it says. */
typedef struct {
  char *id;     /* "usb0": unique, stays when others are removed */
  char *device; /* (nullable): vendor and product, "046d:c52b", in lower case */
  char *serial; /* (nullable) */
  char *port;   /* (nullable): where it is plugged in, "1-2.3" */
  char *name;   /* (nullable): what it was called when the rule was made, for people */
} VmUsbRule;

/* (element-type VmUsbRule) (transfer full) */
GPtrArray *vm_usb_rules_new (void);
GPtrArray *vm_usb_rules_copy (const GPtrArray *rules);

/* Adds one that says nothing yet, with an id of its own; it is the list's. */
VmUsbRule *vm_usb_rules_add (GPtrArray *rules);
VmUsbRule *vm_usb_rules_find (const GPtrArray *rules, const char *id);

/* Reads one of the list; @data: the rules. */
bool vm_usb_rule_read (const JsonSection *section, void *data);
/* Sets the member of @root, or removes it if there are none. */
void vm_usb_rules_write (JsonObject *root, const GPtrArray *rules);

/* Whether they make sense. @pointer: (out) (transfer full): of what doesn't; @why: (out) (transfer full) */
bool vm_usb_rules_check (const GPtrArray *rules, char **pointer, char **why);

G_END_DECLS

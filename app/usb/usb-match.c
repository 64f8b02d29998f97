/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/usb/usb-match.h"

#include <string.h>

bool
usb_rule_matches (const VmUsbRule *rule, const HostUsb *usb)
{
  g_autofree char *id = host_usb_id (usb);

  return (rule->device != NULL || rule->port != NULL)
         && (rule->device == NULL || g_ascii_strcasecmp (rule->device, id) == 0)
         && (rule->serial == NULL || g_strcmp0 (rule->serial, usb->serial) == 0)
         && (rule->port == NULL || g_str_equal (rule->port, usb->port));
}

const VmUsbRule *
usb_rules_find_match (const GPtrArray *rules, const HostUsb *usb)
{
  for (guint i = 0; i < rules->len; i++)
    if (usb_rule_matches (g_ptr_array_index (rules, i), usb))
      return g_ptr_array_index (rules, i);
  return NULL;
}

VmUsbRule *
usb_rules_add_for (GPtrArray *rules, const HostUsb *usb, bool at_port)
{
  VmUsbRule *rule = vm_usb_rules_add (rules);

  rule->device = host_usb_id (usb);
  rule->serial = g_strdup (usb->serial);
  rule->port = at_port ? g_strdup (usb->port) : NULL;
  rule->name = host_usb_label (usb);
  if (g_utf8_strlen (rule->name, -1) > USB_TEXT_MAX)
    *g_utf8_offset_to_pointer (rule->name, USB_TEXT_MAX) = '\0';
  return rule;
}

char *
usb_rule_describe (const VmUsbRule *rule)
{
  g_autoptr (GPtrArray) parts = g_ptr_array_new_with_free_func (g_free);

  if (rule->device != NULL)
    g_ptr_array_add (parts, g_strdup (rule->device));
  if (rule->serial != NULL)
    g_ptr_array_add (parts, g_strdup_printf ("serial number %s", rule->serial));
  if (rule->port != NULL)
    g_ptr_array_add (parts, g_strdup_printf ("at port %s", rule->port));
  g_ptr_array_add (parts, NULL);
  return g_strjoinv (", ", (char **)parts->pdata);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/bundle/vm-usb-rules.h"

#include "app/usb/host-usb.h"

#include <glib/gi18n.h>
#include <string.h>

/* --- the list --- */

static void
rule_free (gpointer data)
{
  VmUsbRule *rule = data;

  g_free (rule->id);
  g_free (rule->device);
  g_free (rule->serial);
  g_free (rule->port);
  g_free (rule->name);
  g_free (rule);
}

GPtrArray *
vm_usb_rules_new (void)
{
  return g_ptr_array_new_with_free_func (rule_free);
}

GPtrArray *
vm_usb_rules_copy (const GPtrArray *rules)
{
  GPtrArray *copy = vm_usb_rules_new ();

  for (guint i = 0; i < rules->len; i++)
    {
      const VmUsbRule *from = g_ptr_array_index (rules, i);
      VmUsbRule *to = g_new (VmUsbRule, 1);

      *to = (VmUsbRule){ g_strdup (from->id), g_strdup (from->device), g_strdup (from->serial),
                         g_strdup (from->port), g_strdup (from->name) };
      g_ptr_array_add (copy, to);
    }
  return copy;
}

VmUsbRule *
vm_usb_rules_find (const GPtrArray *rules, const char *id)
{
  for (guint i = 0; i < rules->len; i++)
    {
      VmUsbRule *rule = g_ptr_array_index (rules, i);

      if (g_strcmp0 (rule->id, id) == 0)
        return rule;
    }
  return NULL;
}

VmUsbRule *
vm_usb_rules_add (GPtrArray *rules)
{
  VmUsbRule *rule = g_new0 (VmUsbRule, 1);

  for (unsigned i = 0; rule->id == NULL; i++)
    {
      g_autofree char *id = g_strdup_printf ("usb%u", i);

      if (vm_usb_rules_find (rules, id) == NULL)
        rule->id = g_steal_pointer (&id);
    }
  g_ptr_array_add (rules, rule);
  return rule;
}

/* --- vm.json --- */

bool
vm_usb_rule_read (const JsonSection *section, void *data)
{
  static const char *const known[] = { "id", "device", "serial", "port", "name", NULL };
  VmUsbRule *rule = vm_usb_rules_add (data);

  /* One that is understood in part would take another device than its owner meant. */
  if (!json_section_refuse_others (section, known) || !json_read_string (section, "id", &rule->id)
      || !json_read_string (section, "device", &rule->device)
      || !json_read_string (section, "serial", &rule->serial)
      || !json_read_string (section, "port", &rule->port) || !json_read_string (section, "name", &rule->name))
    return false;
  for (char *at = rule->device; at != NULL && *at != '\0'; at++)
    *at = g_ascii_tolower (*at);
  return true;
}

static void
add_string (JsonObject *object, const char *name, const char *value)
{
  if (value != NULL)
    json_object_set_string_member (object, name, value);
}

void
vm_usb_rules_write (JsonObject *root, const GPtrArray *rules)
{
  JsonArray *array;

  json_object_remove_member (root, "usb-rules");
  if (rules->len == 0)
    return;
  array = json_array_new ();
  for (guint i = 0; i < rules->len; i++)
    {
      const VmUsbRule *rule = g_ptr_array_index (rules, i);
      JsonObject *object = json_object_new ();

      add_string (object, "id", rule->id);
      add_string (object, "device", rule->device);
      add_string (object, "serial", rule->serial);
      add_string (object, "port", rule->port);
      add_string (object, "name", rule->name);
      json_array_add_object_element (array, object);
    }
  json_object_set_array_member (root, "usb-rules", array);
}

/* --- sense --- */

static bool
id_is_valid (const char *id)
{
  return id != NULL && id[0] != '\0' && strlen (id) <= 32
         && strspn (id, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen (id);
}

/* As long as what a device can say of itself. */
static bool
text_is_valid (const char *text)
{
  return text == NULL || (text[0] != '\0' && g_utf8_strlen (text, -1) <= USB_TEXT_MAX);
}

/* (transfer none): the member at fault, or NULL. */
static const char *
find_fault (const GPtrArray *rules, const VmUsbRule *rule, char **why)
{
  uint16_t vendor, product;

  if (!id_is_valid (rule->id))
    *why = g_strdup (_ ("must be 1 to 32 of a-z, 0-9 and “-”"));
  else if (vm_usb_rules_find (rules, rule->id) != rule)
    *why = g_strdup_printf (_ ("“%s” is there twice"), rule->id);
  if (*why != NULL)
    return "/id";
  if (rule->device == NULL && rule->port == NULL)
    {
      *why = g_strdup (_ ("missing; a rule says which device it is about, or the port"));
      return "/device";
    }
  if (rule->device != NULL && !host_usb_parse_id (rule->device, &vendor, &product))
    {
      *why = g_strdup (_ ("must be a vendor's and a product's number, such as 046d:c52b"));
      return "/device";
    }
  if (rule->port != NULL && !host_usb_is_port (rule->port))
    {
      *why = g_strdup (_ ("must be a port as “bonsai usb list” prints it, such as 1-2.3"));
      return "/port";
    }
  if (text_is_valid (rule->serial) && text_is_valid (rule->name))
    return NULL;
  *why = g_strdup_printf (_ ("must be 1 to %u characters"), USB_TEXT_MAX);
  return text_is_valid (rule->serial) ? "/name" : "/serial";
}

bool
vm_usb_rules_check (const GPtrArray *rules, char **pointer, char **why)
{
  *pointer = *why = NULL;
  for (guint i = 0; i < rules->len; i++)
    {
      const char *member = find_fault (rules, g_ptr_array_index (rules, i), why);

      if (member == NULL)
        continue;
      *pointer = g_strdup_printf ("/usb-rules/%u%s", i, member);
      return false;
    }
  if (rules->len <= VM_USB_RULES_MAX)
    return true;
  *pointer = g_strdup ("/usb-rules");
  *why = g_strdup_printf (_ ("more than %u"), VM_USB_RULES_MAX);
  return false;
}

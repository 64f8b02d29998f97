/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which USB devices of this computer a machine gets by itself. */
#include "app/cli/usb.h"

#include "app/base/error.h"
#include "app/usb/usb-match.h"

/* --- what was meant --- */

/* An id and a port need not be plugged in; anything else is looked for, and known by its serial number then.
 */
static bool
fill_in (VmUsbRule *rule, const char *text, GError **error)
{
  g_autoptr (HostUsb) usb = NULL;
  uint16_t vendor, product;

  if (host_usb_is_port (text))
    rule->port = g_strdup (text);
  else if (host_usb_parse_id (text, &vendor, &product))
    rule->device = g_ascii_strdown (text, -1);
  else if ((usb = cli_find_usb (text, error)) == NULL)
    return false;
  else
    {
      rule->device = host_usb_id (usb);
      rule->serial = g_strdup (usb->serial);
      rule->name = host_usb_label (usb);
    }
  return true;
}

static bool
is_equal (const VmUsbRule *a, const VmUsbRule *b)
{
  return g_strcmp0 (a->device, b->device) == 0 && g_strcmp0 (a->serial, b->serial) == 0
         && g_strcmp0 (a->port, b->port) == 0;
}

static bool
add (VmConfig *config, const char *text, GError **error)
{
  VmUsbRule *rule = vm_usb_rules_add (config->usb_rules);

  if (!fill_in (rule, text, error))
    return false;
  for (guint i = 0; i + 1 < config->usb_rules->len; i++)
    {
      const VmUsbRule *other = g_ptr_array_index (config->usb_rules, i);

      if (!is_equal (other, rule))
        continue;
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_EXISTS, "“%s” has that rule already: %s", config->name,
                   other->id);
      return false;
    }
  if (!config->usb)
    g_printerr ("bonsai: “%s” has a USB controller from its next start on\n", config->name);
  config->usb = true;
  g_print ("%s\n", rule->id);
  return true;
}

static bool
take_out (VmConfig *config, const char *id, GError **error)
{
  VmUsbRule *rule = vm_usb_rules_find (config->usb_rules, id);

  if (rule != NULL)
    return g_ptr_array_remove (config->usb_rules, rule);
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND,
               "“%s” has no rule “%s”; see “bonsai usb rule list”", config->name, id);
  return false;
}

/* --- list --- */

static void
add_json (JsonBuilder *builder, const VmUsbRule *rule)
{
  json_builder_begin_object (builder);
  json_add_string (builder, "id", rule->id);
  json_add_string (builder, "device", rule->device);
  json_add_string (builder, "serial", rule->serial);
  json_add_string (builder, "port", rule->port);
  json_add_string (builder, "name", rule->name);
  json_builder_end_object (builder);
}

static int
list (const VmConfig *config, bool json)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_array (builder);
  for (guint i = 0; i < config->usb_rules->len; i++)
    {
      const VmUsbRule *rule = g_ptr_array_index (config->usb_rules, i);
      g_autofree char *text = usb_rule_describe (rule);

      if (json)
        add_json (builder, rule);
      else
        g_print ("%-6s %s%s%s\n", rule->id, text, rule->name != NULL ? "  " : "",
                 rule->name != NULL ? rule->name : "");
    }
  json_builder_end_array (builder);
  if (json)
    cli_print_json (builder);
  return EXIT_STATUS_OK;
}

/* --- the verb --- */

static int
run_rule (const Verb *verb, int argc, char **argv)
{
  gboolean json = false;
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (BonsaiLibrary) library = NULL;
  g_autoptr (VmConfig) config = NULL;
  GError *error = NULL;
  BonsaiVm *vm;
  int status;
  bool adds, lists;

  if (!cli_parse (verb, entries, &argc, &argv, 2, 3, &status))
    return status;
  adds = g_str_equal (argv[1], "add");
  lists = g_str_equal (argv[1], "list");
  if (!adds && !lists && !g_str_equal (argv[1], "remove"))
    return cli_usage (verb, "“%s” is none of “list”, “add” and “remove”", argv[1]);
  if (lists ? argc != 3 : argc != 4)
    return cli_usage (verb, "%s",
                      lists ? "“list” takes a machine" : "say which machine, and which device or rule");
  if ((library = cli_open_library (&error)) == NULL || (vm = cli_find_vm (library, argv[2], &error)) == NULL
      || (config = cli_copy_config (vm, &error)) == NULL)
    return cli_fail (error);
  if (lists)
    return list (config, json);
  if (!(adds ? add (config, argv[3], &error) : take_out (config, argv[3], &error))
      || !bonsai_vm_save_config (vm, config, &error))
    return cli_fail (error);
  return EXIT_STATUS_OK;
}

const Verb verb_usb_rule = { "usb rule", "list MACHINE | add MACHINE DEVICE | remove MACHINE RULE",
                             "Say which devices a machine gets by itself", run_rule };

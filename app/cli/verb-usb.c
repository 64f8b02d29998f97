/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/usb.h"

#include "app/base/error.h"
#include "app/usb/usb-claim.h"
#include "app/usb/usb-json.h"

#include <stdio.h>

static const Verb *const verbs[] = {
  &verb_usb_list,
  &verb_usb_attach,
  &verb_usb_detach,
  &verb_usb_rule,
};

/* --- which is meant --- */

static bool
is_meant (const HostUsb *usb, const char *text)
{
  unsigned bus, number;
  uint16_t vendor, product;
  char end;

  if (host_usb_is_port (text))
    return g_str_equal (usb->port, text);
  if (host_usb_parse_id (text, &vendor, &product))
    return usb->vendor == vendor && usb->product == product;
  if (sscanf (text, "%3u.%3u%c", &bus, &number, &end) == 2 && usb->bus == bus && usb->number == number)
    return true;
  return g_strcmp0 (usb->serial, text) == 0;
}

static void
append_candidate (GString *list, const HostUsb *usb)
{
  g_autofree char *label = host_usb_label (usb), *id = host_usb_id (usb);

  g_string_append_printf (list, "\n  %-8s %s  %s%s%s", usb->port, id, label,
                          usb->serial != NULL ? ", serial number " : "",
                          usb->serial != NULL ? usb->serial : "");
}

HostUsb *
cli_find_usb (const char *text, GError **error)
{
  g_autoptr (GPtrArray) devices = host_usb_list (host_usb_root ());
  g_autoptr (GString) candidates = g_string_new (NULL);
  const HostUsb *found = NULL;
  unsigned n = 0;

  for (guint i = 0; i < devices->len; i++)
    if (is_meant (g_ptr_array_index (devices, i), text))
      {
        found = g_ptr_array_index (devices, i);
        append_candidate (candidates, found);
        n++;
      }
  if (n == 1)
    return host_usb_copy (found);
  if (n == 0)
    g_set_error (
      error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND,
      "No USB device “%s” is plugged in: give its id (vvvv:pppp), port (1-2.3), bus.device or serial number "
      "(bonsai usb list)",
      text);
  else
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
                 "“%s” can mean %u devices; give the port of one of them:%s", text, n, candidates->str);
  return NULL;
}

char *
cli_describe_usb_loss (const HostUsb *usb)
{
  g_autofree char *label = host_usb_label (usb);

  if (usb->sole == USB_SOLE_NONE)
    return NULL;
  return g_strdup_printf ("“%s” is the only %s of this computer, which it would lose", label,
                          usb->sole == USB_SOLE_KEYBOARD ? "keyboard" : "mouse");
}

/* --- list --- */

static void
print_device (const HostUsb *usb)
{
  g_autofree char *machine = usb_claim_holder (usb->port, NULL);
  g_autofree char *label = host_usb_label (usb), *id = host_usb_id (usb);

  g_print ("%-9s %s  %-14s %s%s%s%s%s%s%s\n", usb->port, id, host_usb_kind (usb), label,
           usb->serial != NULL ? ", " : "", usb->serial != NULL ? usb->serial : "",
           usb->accessible ? "" : "  (needs permission)",
           usb->sole == USB_SOLE_NONE       ? ""
           : usb->sole == USB_SOLE_KEYBOARD ? "  (the only keyboard)"
                                            : "  (the only mouse)",
           machine != NULL ? "  → " : "", machine != NULL ? machine : "");
}

static int
run_list (const Verb *verb, int argc, char **argv)
{
  gboolean json = false;
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (GPtrArray) devices = NULL;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 0, 0, &status))
    return status;
  devices = host_usb_list (host_usb_root ());
  json_builder_begin_array (builder);
  for (guint i = 0; i < devices->len; i++)
    if (json)
      usb_add_json (builder, g_ptr_array_index (devices, i));
    else
      print_device (g_ptr_array_index (devices, i));
  json_builder_end_array (builder);
  if (json)
    cli_print_json (builder);
  return EXIT_STATUS_OK;
}

const Verb verb_usb_list = { "usb list", "",
                             "List the USB devices of this computer, and which machine has them", run_list };

/* --- the verb --- */

static void
print_help (const Verb *verb)
{
  g_print ("Usage: bonsai usb VERB [OPTION…] …\n\n%s\n\n", verb->summary);
  for (unsigned i = 0; i < G_N_ELEMENTS (verbs); i++)
    g_print ("  %-11s %s\n", verbs[i]->name + sizeof "usb", verbs[i]->summary);
  g_print ("\n“bonsai usb VERB --help” has the options, bonsai(1) the rest.\n");
}

static int
run_usb (const Verb *verb, int argc, char **argv)
{
  if (argc < 2)
    return cli_usage (verb, "it needs a verb; see “bonsai usb --help”");
  if (g_str_equal (argv[1], "--help") || g_str_equal (argv[1], "-h") || g_str_equal (argv[1], "help"))
    {
      print_help (verb);
      return EXIT_STATUS_OK;
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (verbs); i++)
    if (g_str_equal (verbs[i]->name + sizeof "usb", argv[1]))
      return verbs[i]->run (verbs[i], argc - 1, argv + 1);
  return cli_usage (verb, "“%s” is no verb of it; see “bonsai usb --help”", argv[1]);
}

const Verb verb_usb = { "usb", "VERB …", "Lend USB devices of this computer to machines", run_usb };

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/disk.h"
#include "app/cli/forward.h"

#include "app/base/error.h"

#include <string.h>

/* What is forwarded to one card, or (without one) to all. */
typedef struct {
  CliMachine machine;
  char *name;
  char *nic;       /* (nullable) */
  GVariant *alive; /* (nullable): a(sss), of a machine that runs */
} Target;

static void
target_clear (Target *target)
{
  cli_machine_clear (&target->machine);
  g_free (target->name);
  g_free (target->nic);
  g_clear_pointer (&target->alive, g_variant_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Target, target_clear)

/* "MACHINE", or "MACHINE:NIC": names may have colons. */
static bool
find (Target *target, const char *argument, GError **error)
{
  const char *colon = strrchr (argument, ':');
  bool found = cli_find_machine (argument, &target->machine, colon == NULL ? error : NULL);

  target->name = g_strdup (argument);
  if (!found && colon != NULL && colon[1] != '\0')
    {
      cli_machine_clear (&target->machine);
      target->machine = (CliMachine){ 0 };
      g_free (target->name);
      target->name = g_strndup (argument, (gsize)(colon - argument));
      target->nic = g_strdup (colon + 1);
      found = cli_find_machine (target->name, &target->machine, error);
    }
  if (found)
    target->alive = cli_get_forwards (target->machine.session);
  return found;
}

/* --- what there is --- */

typedef void (*ForwardFunc) (const char *nic, const NetForward *forward, bool open, void *data);

static void
visit_alive (const Target *target, ForwardFunc visit, void *data)
{
  const char *nic, *asked, *what;
  GVariantIter iter;

  g_variant_iter_init (&iter, target->alive);
  while (g_variant_iter_next (&iter, "(&s&s&s)", &nic, &asked, &what))
    {
      NetForward forward;

      if ((target->nic == NULL || g_str_equal (nic, target->nic)) && net_forward_parse (&forward, what, NULL))
        visit (nic, &forward, true, data);
    }
}

static void
visit_described (const Target *target, ForwardFunc visit, void *data)
{
  const VmConfig *config = target->machine.vm != NULL ? bonsai_vm_get_config (target->machine.vm) : NULL;

  for (guint i = 0; config != NULL && i < config->nics->len; i++)
    {
      const VmNic *nic = g_ptr_array_index (config->nics, i);

      for (guint j = 0; j < nic->forwards->len && (target->nic == NULL || g_str_equal (nic->id, target->nic));
           j++)
        visit (nic->id, &g_array_index (nic->forwards, NetForward, j), false, data);
    }
}

static void
visit_all (const Target *target, ForwardFunc visit, void *data)
{
  if (target->alive != NULL)
    visit_alive (target, visit, data);
  else
    visit_described (target, visit, data);
}

static void
print_one (const char *nic, const NetForward *forward, bool open, void *data)
{
  g_autofree char *text = net_forward_format (forward);

  g_print ("%-8s %s%s\n", nic, text, open ? "" : "  (not running)");
}

static void
build_one (const char *nic, const NetForward *forward, bool open, void *data)
{
  JsonBuilder *builder = data;
  g_autofree char *host = net_address_format (forward->host), *guest = net_address_format (forward->guest);

  json_builder_begin_object (builder);
  json_add_string (builder, "nic", nic);
  json_add_string (builder, "protocol", net_protocol_names[forward->protocol]);
  json_add_string (builder, "host", host);
  json_add_int (builder, "host-port", forward->host_port);
  json_add_string (builder, "guest", guest);
  json_add_int (builder, "guest-port", forward->guest_port);
  json_add_bool (builder, "open", open);
  json_builder_end_object (builder);
}

static int
list (const Target *target, bool json)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_array (builder);
  visit_all (target, json ? build_one : print_one, builder);
  json_builder_end_array (builder);
  if (json)
    cli_print_json (builder);
  return EXIT_STATUS_OK;
}

/* --- changes --- */

typedef struct {
  const char *nic;
  GArray *asked; /* as they are described: “any port” stays that */
  GArray *what;  /* the same with the ports that they are */
} Present;

static void
note_present (const char *nic, const NetForward *forward, bool open, void *data)
{
  const Present *present = data;

  if (!g_str_equal (nic, present->nic))
    return;
  g_array_append_val (present->asked, *forward);
  g_array_append_val (present->what, *forward);
}

static void
read_present (const Target *target, Present *present)
{
  const char *nic, *asked, *what;
  GVariantIter iter;

  if (target->alive == NULL)
    {
      visit_described (target, note_present, present);
      return;
    }
  g_variant_iter_init (&iter, target->alive);
  while (g_variant_iter_next (&iter, "(&s&s&s)", &nic, &asked, &what))
    {
      NetForward first, second;

      if (!g_str_equal (nic, present->nic) || !net_forward_parse (&first, asked, NULL)
          || !net_forward_parse (&second, what, NULL))
        continue;
      g_array_append_val (present->asked, first);
      g_array_append_val (present->what, second);
    }
}

/* "[tcp:|udp:][ADDRESS:]PORT", or all of it. */
static bool
take_out (const Target *target, Present *present, const char *text, GError **error)
{
  g_autofree char *completed = g_strconcat (text, ":1", NULL);
  NetForward wanted;

  if (net_forward_parse (&wanted, text, NULL) || net_forward_parse (&wanted, completed, NULL))
    for (guint i = 0; i < present->what->len; i++)
      {
        const NetForward *what = &g_array_index (present->what, NetForward, i);

        if (what->protocol != wanted.protocol || what->host != wanted.host
            || what->host_port != wanted.host_port)
          continue;
        g_array_remove_index (present->asked, i);
        return true;
      }
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND,
               "No port “%s” is forwarded to %s of “%s”; “bonsai forward %s” lists those that are", text,
               present->nic, target->name, target->name);
  return false;
}

static bool
put_in (Present *present, const char *text, GError **error)
{
  NetForward forward;

  if (!net_forward_parse (&forward, text, error))
    return false;
  g_array_append_val (present->asked, forward);
  return net_forwards_check (present->asked, NULL, error);
}

static bool
apply (const Target *target, const Present *present, GError **error)
{
  g_auto (CliWait) wait = { 0 };

  if (target->machine.vm == NULL)
    {
      bonsai_session_set_forwards_async (target->machine.session, present->nic, present->asked, NULL,
                                         cli_wait_ready, &wait);
      return bonsai_session_set_forwards_finish (target->machine.session, cli_wait (&wait), error);
    }
  bonsai_vm_set_forwards_async (target->machine.vm, present->nic, present->asked, NULL, cli_wait_ready,
                                &wait);
  return bonsai_vm_set_forwards_finish (target->machine.vm, cli_wait (&wait), error);
}

/* What “any port” has become is what its owner wants to know. */
static void
tell_new (const Target *target)
{
  g_autoptr (GVariant) now = cli_get_forwards (target->machine.session);
  const char *nic, *asked, *what;
  gsize n = now != NULL ? g_variant_n_children (now) : 0;

  if (n == 0)
    return;
  g_variant_get_child (now, n - 1, "(&s&s&s)", &nic, &asked, &what);
  g_print ("%-8s %s\n", nic, what);
}

static int
change (const Target *target, bool add, const char *text)
{
  const VmConfig *config = target->machine.vm != NULL ? bonsai_vm_get_config (target->machine.vm) : NULL;
  g_autoptr (GArray) asked = net_forwards_new (), what = net_forwards_new ();
  g_autofree char *nic =
    g_strdup (target->nic != NULL                       ? target->nic
              : config != NULL && config->nics->len > 0 ? ((const VmNic *)config->nics->pdata[0])->id
                                                        : "net0");
  Present present = { nic, asked, what };
  GError *error = NULL;

  read_present (target, &present);
  if (!(add ? put_in (&present, text, &error) : take_out (target, &present, text, &error))
      || !apply (target, &present, &error))
    return cli_fail (error);
  if (add)
    tell_new (target);
  return EXIT_STATUS_OK;
}

static int
run_forward (const Verb *verb, int argc, char **argv)
{
  gboolean json = FALSE;
  const GOptionEntry entries[] = { { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
                                   G_OPTION_ENTRY_NULL };
  g_auto (Target) target = { 0 };
  GError *error = NULL;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 3, &status))
    return status;
  if (argc == 3 || (argc == 4 && !g_str_equal (argv[2], "add") && !g_str_equal (argv[2], "remove")))
    return cli_usage (verb, "say “add” and a forward such as “8080:80”, or “remove” and a port");
  if (!find (&target, argv[1], &error))
    return cli_fail (error);
  return argc == 2 ? list (&target, json) : change (&target, g_str_equal (argv[2], "add"), argv[3]);
}

const Verb verb_forward = { "forward", "MACHINE[:NIC] [add FORWARD | remove PORT]",
                            "List the ports of this computer that lead to a guest's, add or remove one",
                            run_forward };

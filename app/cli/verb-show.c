/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/forward.h"

#include "app/bundle/vm-labels.h"

/* With the ports that they are: "tcp:127.0.0.1:8080:80". */
static void
build_forwards (JsonBuilder *builder, GVariant *forwards)
{
  const char *nic, *asked, *what;
  GVariantIter iter;

  if (forwards == NULL)
    return;
  json_builder_set_member_name (builder, "forwards");
  json_builder_begin_array (builder);
  g_variant_iter_init (&iter, forwards);
  while (g_variant_iter_next (&iter, "(&s&s&s)", &nic, &asked, &what))
    json_builder_add_string_value (builder, what);
  json_builder_end_array (builder);
}

/* Who hosts the machine is asked first: while that takes its time it may end, and all else be others. */
static void
print_json (BonsaiVm *vm)
{
  g_autoptr (GVariant) forwards = cli_get_forwards (bonsai_vm_get_session (vm));
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  const VmConfig *config = bonsai_vm_get_config (vm);
  BonsaiSession *session = bonsai_vm_get_session (vm);

  json_builder_begin_object (builder);
  json_add_string (builder, "name", bonsai_vm_get_name (vm));
  json_add_string (builder, "uuid", bonsai_vm_get_uuid (vm));
  json_add_string (builder, "path", bonsai_vm_get_path (vm));
  json_add_string (builder, "state", bonsai_state_name (bonsai_vm_get_state (vm)));
  json_add_string (builder, "reason", bonsai_reason_name (bonsai_vm_get_reason (vm)));
  json_add_string (builder, "message", bonsai_vm_get_state_text (vm));
  json_add_int (builder, "exit-status", bonsai_vm_get_exit_status (vm));
  if (session != NULL)
    {
      json_add_int (builder, "pid", bonsai_session_get_pid (session));
      json_add_bool (builder, "console-open", bonsai_session_get_console_open (session));
      build_forwards (builder, forwards);
    }
  if (config != NULL)
    {
      g_autofree char *text = vm_config_to_json (config);

      json_builder_set_member_name (builder, "config");
      json_builder_add_value (builder, json_from_string (text, NULL));
    }
  json_builder_end_object (builder);
  cli_print_json (builder);
}

/* Of a machine that runs, with the ports that they are. */
static void
print_forwards (const VmNic *nic, GVariant *alive)
{
  const char *of, *asked, *what;
  GVariantIter iter;

  for (guint i = 0; alive == NULL && i < nic->forwards->len; i++)
    {
      g_autofree char *text = net_forward_format (&g_array_index (nic->forwards, NetForward, i));

      g_print ("                   %s\n", text);
    }
  if (alive == NULL)
    return;
  g_variant_iter_init (&iter, alive);
  while (g_variant_iter_next (&iter, "(&s&s&s)", &of, &asked, &what))
    if (g_str_equal (of, nic->id))
      g_print ("                   %s (open)\n", what);
}

static void
print_config (const VmConfig *config, GVariant *alive)
{
  g_autofree char *memory = vm_format_size (config->memory);

  g_print ("Memory:   %s\nCPUs:     %u\n", memory, config->cpus);
  if (config->kernel == NULL)
    g_print ("Firmware: %s\n", firmware_names[config->firmware]);
  else
    g_print ("Kernel:   %s\n", config->kernel);
  if (config->initrd != NULL)
    g_print ("Initrd:   %s\n", config->initrd);
  if (config->append != NULL)
    g_print ("Append:   %s\n", config->append);
  if (config->boot_order != NULL && config->boot_order[0] != NULL)
    {
      g_autofree char *order = g_strjoinv (", ", config->boot_order);

      g_print ("Boots:    %s\n", order);
    }
  for (guint i = 0; i < config->disks->len; i++)
    {
      const VmDisk *disk = g_ptr_array_index (config->disks, i);

      g_print ("%s    %-8s %s%s\n", i == 0 ? "Disks:" : "      ", disk->id,
               disk->path != NULL ? disk->path : "(empty)",
               disk->read_only && disk->kind == DISK_KIND_DISK ? " (read-only)" : "");
    }
  for (guint i = 0; i < config->nics->len; i++)
    {
      const VmNic *nic = g_ptr_array_index (config->nics, i);

      g_print ("%s  %-8s %s, %s%s%s%s\n", i == 0 ? "Network:" : "        ", nic->id, nic->network, nic->mac,
               nic->model != NIC_MODEL_VIRTIO ? ", " : "",
               nic->model != NIC_MODEL_VIRTIO ? nic_model_names[nic->model] : "",
               nic->link_down ? ", down" : "");
      print_forwards (nic, alive);
    }
  for (guint i = 0; i < config->serials->len; i++)
    {
      const VmSerial *serial = g_ptr_array_index (config->serials, i);

      g_print ("%s   %-8u %s%s%s\n", i == 0 ? "Serial:" : "       ", i + 1, serial_kind_names[serial->kind],
               serial->path != NULL ? " " : "", serial->path != NULL ? serial->path : "");
    }
  if (config->at_host_shutdown != VM_AT_SHUTDOWN_SUSPEND)
    g_print ("At the host's shutdown: %s\n", vm_at_shutdown_names[config->at_host_shutdown]);
  if (config->on_panic != BOARD_ACTION_NOTIFY)
    g_print ("On panic: %s\n", board_action_names[config->on_panic]);
  if (config->watchdog)
    g_print ("Watchdog: %s\n", board_action_names[config->watchdog_action]);
  if (config->group != NULL)
    g_print ("Group:    %s\n", config->group);
  if (config->tags != NULL && config->tags[0] != NULL)
    {
      g_autofree char *tags = vm_tags_format ((const char *const *)config->tags);

      g_print ("Tags:     %s\n", tags);
    }
  if (config->notes != NULL && config->notes[0] != '\0')
    g_print ("Notes:    %s\n", config->notes);
}

static void
print_text (BonsaiVm *vm)
{
  g_autoptr (GVariant) forwards = cli_get_forwards (bonsai_vm_get_session (vm));
  const char *why = bonsai_vm_get_state_text (vm);
  BonsaiSession *session = bonsai_vm_get_session (vm);

  g_print ("Name:     %s\n", bonsai_vm_get_name (vm));
  g_print ("State:    %s%s%s\n", bonsai_state_name (bonsai_vm_get_state (vm)), why[0] != '\0' ? ": " : "",
           why);
  if (session != NULL)
    g_print ("Process:  %d\n", bonsai_session_get_pid (session));
  if (bonsai_vm_get_uuid (vm) != NULL)
    g_print ("UUID:     %s\n", bonsai_vm_get_uuid (vm));
  g_print ("Bundle:   %s\n", bonsai_vm_get_path (vm));
  if (bonsai_vm_get_config (vm) != NULL)
    print_config (bonsai_vm_get_config (vm), forwards);
}

static int
run_show (const Verb *verb, int argc, char **argv)
{
  gboolean json = false;
  int status;
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (BonsaiLibrary) library = NULL;
  GError *error = NULL;
  BonsaiVm *vm;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 1, &status))
    return status;
  library = cli_open_library (&error);
  vm = library != NULL ? cli_find_vm (library, argv[1], &error) : NULL;
  if (vm == NULL)
    return cli_fail (error);
  if (json)
    print_json (vm);
  else
    print_text (vm);
  return EXIT_STATUS_OK;
}

const Verb verb_show = { "show", "NAME", "Show a machine: what it is made of, what it does and why",
                         run_show };

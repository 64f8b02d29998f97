/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/service/api-machine.h"

#include "app/base/error.h"
#include "app/service/api-answer.h"

char *
api_machine_path (const char *uuid)
{
  g_autofree char *name = g_strdelimit (g_strdup (uuid), "-", '_');

  return g_strconcat (API_LIBRARY_PATH "/", name, NULL);
}

void
api_connect (gpointer skeleton, const ApiMethod *methods, guint n_methods, gpointer data)
{
  for (guint i = 0; i < n_methods; i++)
    g_signal_connect (skeleton, methods[i].signal, methods[i].handler, data);
}

/* --- properties --- */

static void
update_state (ApiMachine *machine)
{
  BonsaiVm *vm = machine->vm;

  g_object_set (machine->machine, "state", bonsai_state_name (bonsai_vm_get_state (vm)), "reason",
                bonsai_reason_name (bonsai_vm_get_reason (vm)), "message", bonsai_vm_get_state_text (vm),
                "console-open", bonsai_vm_get_console_open (vm), NULL);
}

static void
update_description (ApiMachine *machine)
{
  static const char *const none[] = { NULL };
  BonsaiVm *vm = machine->vm;
  const VmConfig *config = bonsai_vm_get_config (vm);
  g_autofree char *text = config != NULL ? vm_config_to_json (config) : g_strdup ("");
  g_autofree char *policy = config != NULL ? vm_policy_to_json (config->policy) : g_strdup ("");
  bool has_group = config != NULL && config->group != NULL, has_tags = config != NULL && config->tags != NULL;

  g_object_set (machine->machine, "name", bonsai_vm_get_name (vm), "path", bonsai_vm_get_path (vm), "group",
                has_group ? config->group : "", "tags", has_tags ? (const char *const *)config->tags : none,
                "description", text, NULL);
  g_object_set (machine->policy, "policy", policy, NULL);
}

/* --- its object --- */

static void
add (ApiMachine *machine, gpointer skeleton)
{
  g_dbus_object_skeleton_add_interface (machine->object, skeleton);
  g_object_unref (skeleton);
}

ApiMachine *
api_machine_new (BonsaiLibrary *library, BonsaiVm *vm)
{
  ApiMachine *machine = g_new0 (ApiMachine, 1);
  g_autofree char *path = api_machine_path (bonsai_vm_get_uuid (vm));

  machine->library = library;
  machine->vm = g_object_ref (vm);
  machine->object = g_dbus_object_skeleton_new (path);
  machine->machine = bonsai_api_machine1_skeleton_new ();
  machine->policy = bonsai_api_policy1_skeleton_new ();
  bonsai_api_machine1_set_uuid (machine->machine, bonsai_vm_get_uuid (vm));
  api_machine_connect_life (machine);
  api_machine_connect_snapshots (machine);
  api_machine_connect_policy (machine);
  update_state (machine);
  update_description (machine);
  for (guint i = 0; i < 3; i++)
    g_signal_connect_swapped (
      vm, ((const char *const[]){ "notify::state", "notify::state-text", "notify::console-open" })[i],
      G_CALLBACK (update_state), machine);
  for (guint i = 0; i < 3; i++)
    g_signal_connect_swapped (vm,
                              ((const char *const[]){ "notify::config", "notify::name", "notify::path" })[i],
                              G_CALLBACK (update_description), machine);
  g_dbus_object_skeleton_add_interface (machine->object, G_DBUS_INTERFACE_SKELETON (machine->machine));
  g_dbus_object_skeleton_add_interface (machine->object, G_DBUS_INTERFACE_SKELETON (machine->policy));
  add (machine, api_machine_make_stats (machine));
  add (machine, api_machine_make_workspace (machine));
  return machine;
}

void
api_machine_free (ApiMachine *machine)
{
  GList *interfaces = g_dbus_object_get_interfaces (G_DBUS_OBJECT (machine->object));

  for (GList *item = interfaces; item != NULL; item = item->next)
    g_signal_handlers_disconnect_by_data (item->data, machine);
  g_list_free_full (interfaces, g_object_unref);
  g_signal_handlers_disconnect_by_data (machine->vm, machine);
  g_object_unref (machine->machine);
  g_object_unref (machine->policy);
  g_object_unref (machine->object);
  g_object_unref (machine->vm);
  g_free (machine);
}

void
api_answer_vm (GDBusMethodInvocation *invocation, BonsaiVm *vm, GError *error)
{
  const char *uuid = vm != NULL ? bonsai_vm_get_uuid (vm) : NULL;
  g_autofree char *path = uuid != NULL ? api_machine_path (uuid) : NULL;

  if (vm == NULL)
    api_answer_error (invocation, error);
  else if (path == NULL)
    g_dbus_method_invocation_return_error (invocation, BONSAI_ERROR, BONSAI_ERROR_INVALID,
                                           "“%s” is broken: %s", bonsai_vm_get_name (vm),
                                           bonsai_vm_get_state_text (vm));
  else
    g_dbus_method_invocation_return_value (invocation, g_variant_new ("(o)", path));
}

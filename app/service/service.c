/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/service/service.h"

#include "app/service/api-clients.h"
#include "app/service/api-library.h"
#include "app/service/api-machine.h"

struct BonsaiService {
  BonsaiLibrary *library;
  GDBusObjectManagerServer *manager;
  GHashTable *machines; /* BonsaiVm → ApiMachine */
  ApiLibrary *api;
  ApiClients *clients; /* (nullable) */
  guint name;
  void (*ended) (gpointer data);
  gpointer data;
};

/* --- machines come and go --- */

static void
remove_machine (BonsaiService *service, ApiMachine *machine)
{
  g_autofree char *path = g_strdup (g_dbus_object_get_object_path (G_DBUS_OBJECT (machine->object)));

  g_dbus_object_manager_server_unexport (service->manager, path);
  api_machine_free (machine);
}

static void
add_machine (BonsaiService *service, BonsaiVm *vm)
{
  ApiMachine *machine = api_machine_new (service->library, vm);

  g_hash_table_insert (service->machines, vm, machine);
  g_dbus_object_manager_server_export (service->manager, machine->object);
}

/* What can't be read has no UUID, and so no object; what was mended gets one. */
static void
follow_library (BonsaiService *service)
{
  GListModel *list = G_LIST_MODEL (service->library);
  g_autoptr (GHashTable) there = g_hash_table_new (NULL, NULL);
  GHashTableIter iter;
  gpointer vm, machine;

  for (guint i = 0; i < g_list_model_get_n_items (list); i++)
    {
      g_autoptr (BonsaiVm) item = g_list_model_get_item (list, i);

      if (bonsai_vm_get_uuid (item) != NULL)
        g_hash_table_add (there, item);
    }
  g_hash_table_iter_init (&iter, service->machines);
  while (g_hash_table_iter_next (&iter, &vm, &machine))
    if (!g_hash_table_contains (there, vm))
      {
        g_hash_table_iter_steal (&iter);
        remove_machine (service, machine);
      }
  g_hash_table_iter_init (&iter, there);
  while (g_hash_table_iter_next (&iter, &vm, NULL))
    if (!g_hash_table_contains (service->machines, vm))
      add_machine (service, vm);
}

/* --- the bus --- */

static void
on_name_lost (GDBusConnection *bus, const char *name, gpointer data)
{
  BonsaiService *service = data;

  service->ended (service->data);
}

static void export(BonsaiService *service, GDBusConnection *bus)
{
  service->manager = g_dbus_object_manager_server_new (API_LIBRARY_PATH);
  g_dbus_interface_skeleton_export (api_library_get_skeleton (service->api), bus, API_LIBRARY_PATH, NULL);
  follow_library (service);
  g_signal_connect_swapped (service->library, "items-changed", G_CALLBACK (follow_library), service);
  g_dbus_object_manager_server_set_connection (service->manager, bus);
}

BonsaiService *
bonsai_service_new (BonsaiLibrary *library, GDBusConnection *bus, guint rest_ms,
                    void (*ended) (gpointer data), gpointer data, GError **error)
{
  g_autoptr (ApiLibrary) api = api_library_new (library, error);
  BonsaiService *service;

  if (api == NULL)
    return NULL;
  service = g_new0 (BonsaiService, 1);
  service->library = library;
  service->api = g_steal_pointer (&api);
  service->machines = g_hash_table_new (NULL, NULL);
  service->ended = ended;
  service->data = data;
  export(service, bus);
  if (rest_ms > 0)
    service->clients = api_clients_new (bus, rest_ms, ended, data);
  /* Whoever had it started calls once it has the name. */
  service->name = g_bus_own_name_on_connection (bus, SERVICE_BUS_NAME, G_BUS_NAME_OWNER_FLAGS_NONE, NULL,
                                                on_name_lost, service, NULL);
  return service;
}

void
bonsai_service_free (BonsaiService *service)
{
  GHashTableIter iter;
  gpointer machine;

  g_bus_unown_name (service->name);
  g_clear_pointer (&service->clients, api_clients_free);
  g_signal_handlers_disconnect_by_data (service->library, service);
  g_hash_table_iter_init (&iter, service->machines);
  while (g_hash_table_iter_next (&iter, NULL, &machine))
    remove_machine (service, machine);
  g_hash_table_unref (service->machines);
  g_dbus_interface_skeleton_unexport (api_library_get_skeleton (service->api));
  g_object_unref (service->manager);
  api_library_free (service->api);
  g_free (service);
}

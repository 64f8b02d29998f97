/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/demand/demand.h"

#include "app/demand/demand-machine.h"

#include <unistd.h>

#define MAX_PEERS 256u /* who has connected, and not asked yet */

struct Demand {
  BonsaiLibrary *library;
  GPtrArray *machines; /* of DemandMachine, in the library's order */
  GSocket *socket;
  GSource *source;
  GPtrArray *peers; /* of GSource */
  int lock;
};

static void
source_drop (gpointer source)
{
  g_source_destroy (source);
  g_source_unref (source);
}

/* --- who asks --- */

static DemandMachine *
find (Demand *demand, const char *uuid)
{
  for (guint i = 0; uuid != NULL && i < demand->machines->len; i++)
    {
      DemandMachine *machine = g_ptr_array_index (demand->machines, i);

      if (g_strcmp0 (bonsai_vm_get_uuid (demand_machine_get_vm (machine)), uuid) == 0)
        return machine;
    }
  return NULL;
}

static gboolean
on_asked (GSocket *peer, GIOCondition condition, gpointer data)
{
  Demand *demand = data;
  g_autofree char *uuid = demand_peer_read (peer);
  DemandMachine *machine = find (demand, uuid);
  g_autoptr (GSocket) kept = g_object_ref (peer);

  if (machine != NULL)
    demand_machine_lend (machine, kept);
  g_ptr_array_remove_fast (demand->peers, g_main_current_source ());
  return G_SOURCE_REMOVE;
}

static gboolean
on_peer (GSocket *socket, GIOCondition condition, gpointer data)
{
  Demand *demand = data;
  g_autoptr (GSocket) peer = g_socket_accept (socket, NULL, NULL);
  GSource *source;

  if (peer == NULL || demand->peers->len >= MAX_PEERS)
    return G_SOURCE_CONTINUE;
  source = g_socket_create_source (peer, G_IO_IN | G_IO_HUP, NULL);
  g_source_set_callback (source, G_SOURCE_FUNC (on_asked), demand, NULL);
  g_source_attach (source, g_main_context_get_thread_default ());
  g_ptr_array_add (demand->peers, source);
  return G_SOURCE_CONTINUE;
}

/* --- the library --- */

static void
on_items_changed (GListModel *library, guint position, guint removed, guint added, Demand *demand)
{
  g_ptr_array_remove_range (demand->machines, position, removed);
  for (guint i = 0; i < added; i++)
    {
      g_autoptr (BonsaiVm) vm = g_list_model_get_item (library, position + i);

      g_ptr_array_insert (demand->machines, (int)(position + i), demand_machine_new (vm));
    }
}

/* --- life --- */

Demand *
demand_new (BonsaiLibrary *library, GError **error)
{
  int lock;
  GSocket *socket = demand_peer_listen (&lock, error);
  Demand *demand;

  if (socket == NULL)
    return NULL;
  demand = g_new0 (Demand, 1);
  demand->lock = lock;
  demand->socket = socket;
  demand->library = g_object_ref (library);
  demand->machines = g_ptr_array_new_with_free_func ((GDestroyNotify)demand_machine_free);
  demand->peers = g_ptr_array_new_with_free_func (source_drop);
  demand->source = g_socket_create_source (socket, G_IO_IN, NULL);
  g_source_set_callback (demand->source, G_SOURCE_FUNC (on_peer), demand, NULL);
  g_source_attach (demand->source, g_main_context_get_thread_default ());
  g_signal_connect (library, "items-changed", G_CALLBACK (on_items_changed), demand);
  on_items_changed (G_LIST_MODEL (library), 0, 0, g_list_model_get_n_items (G_LIST_MODEL (library)), demand);
  return demand;
}

void
demand_free (Demand *demand)
{
  g_autofree char *path = demand_peer_path ();

  g_signal_handlers_disconnect_by_data (demand->library, demand);
  unlink (path);
  source_drop (demand->source);
  g_ptr_array_unref (demand->peers);
  g_ptr_array_unref (demand->machines);
  g_object_unref (demand->socket);
  g_object_unref (demand->library);
  close (demand->lock);
  g_free (demand);
}

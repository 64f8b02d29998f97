/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/dashboard/machine-tally.h"

struct _MachineTally {
  GObject parent;
  BonsaiLibrary *library;
  MachineCounts counts;
  GPtrArray *running;
  guint idle; /* a source, or 0 */
};

G_DEFINE_FINAL_TYPE (MachineTally, machine_tally, G_TYPE_OBJECT)

enum { CHANGED, N_SIGNALS };
static guint signals[N_SIGNALS];

static void
count_one (MachineTally *self, BonsaiVm *vm)
{
  const VmConfig *config = bonsai_vm_get_config (vm);
  BonsaiState state = bonsai_vm_get_state (vm);

  if (config && config->template_state != VM_TEMPLATE_NONE)
    {
      self->counts.templates++;
      return;
    }
  self->counts.machines++;
  self->counts.suspended += state == BONSAI_STATE_SUSPENDED;
  if (!bonsai_state_is_alive (state))
    return;
  self->counts.running++;
  g_ptr_array_add (self->running, g_object_ref (vm));
}

static void
count (MachineTally *self)
{
  GListModel *machines = G_LIST_MODEL (self->library);

  self->counts = (MachineCounts){ 0 };
  g_ptr_array_set_size (self->running, 0);
  for (guint i = 0; i < g_list_model_get_n_items (machines); i++)
    {
      g_autoptr (BonsaiVm) vm = g_list_model_get_item (machines, i);

      count_one (self, vm);
    }
}

static gboolean
on_idle (gpointer data)
{
  MachineTally *self = data;

  self->idle = 0;
  count (self);
  g_signal_emit (self, signals[CHANGED], 0);
  return G_SOURCE_REMOVE;
}

static void
count_soon (MachineTally *self)
{
  if (self->idle == 0)
    self->idle = g_idle_add (on_idle, self);
}

static void
on_items_changed (GListModel *machines, guint position, guint removed, guint added, MachineTally *self)
{
  for (guint i = position; i < position + added; i++)
    {
      g_autoptr (BonsaiVm) vm = g_list_model_get_item (machines, i);

      g_signal_connect_object (vm, "notify::state", G_CALLBACK (count_soon), self, G_CONNECT_SWAPPED);
      g_signal_connect_object (vm, "notify::config", G_CALLBACK (count_soon), self, G_CONNECT_SWAPPED);
    }
  count_soon (self);
}

const MachineCounts *
machine_tally_get_counts (MachineTally *self)
{
  return &self->counts;
}

GPtrArray *
machine_tally_get_running (MachineTally *self)
{
  return self->running;
}

static void
machine_tally_dispose (GObject *object)
{
  MachineTally *self = MACHINE_TALLY (object);

  g_clear_handle_id (&self->idle, g_source_remove);
  g_clear_pointer (&self->running, g_ptr_array_unref);
  g_clear_object (&self->library);
  G_OBJECT_CLASS (machine_tally_parent_class)->dispose (object);
}

static void
machine_tally_class_init (MachineTallyClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = machine_tally_dispose;
  signals[CHANGED] =
    g_signal_new ("changed", MACHINE_TYPE_TALLY, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
machine_tally_init (MachineTally *self)
{
  self->running = g_ptr_array_new_with_free_func (g_object_unref);
}

MachineTally *
machine_tally_new (BonsaiLibrary *library)
{
  MachineTally *self = g_object_new (MACHINE_TYPE_TALLY, NULL);
  GListModel *machines = G_LIST_MODEL (library);

  self->library = g_object_ref (library);
  g_signal_connect_object (machines, "items-changed", G_CALLBACK (on_items_changed), self, 0);
  on_items_changed (machines, 0, 0, g_list_model_get_n_items (machines), self);
  count (self);
  return self;
}

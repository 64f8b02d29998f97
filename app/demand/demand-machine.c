/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/demand/demand-machine.h"

#include "app/base/error.h"
#include "app/policy/back-off.h"
#include "app/vm/vm-note.h"

#include <glib-unix.h>
#include <sys/socket.h>
#include <unistd.h>

#define RETRY_SECONDS 2

/* Starts that fail: the first pause, and as long as pauses get. */
static const VmRestart pauses = { .enabled = true, .first = 2, .longest = 300, .settled = 600 };

struct DemandMachine {
  BonsaiVm *vm;
  GPtrArray *ports;       /* of DemandPort */
  GPtrArray *watches;     /* of GSource: while it is looked at them */
  GPtrArray *runs;        /* of GSource: who runs it */
  GCancellable *starting; /* NULL: it isn't */
  unsigned failures;
  guint retry;        /* a first start that failed is tried again: its last run may just have been ending */
  gint64 rests_until; /* monotonic, in µs: who connects before is turned away */
};

static void update (DemandMachine *self);

static void
source_drop (gpointer source)
{
  g_source_destroy (source);
  g_source_unref (source);
}

/* --- starting --- */

/* Whoever waits there is told by the end of his connection. */
static void
turn_away (DemandMachine *self)
{
  for (guint i = 0; i < self->ports->len; i++)
    {
      const DemandPort *port = g_ptr_array_index (self->ports, i);
      char datagram;
      int fd;

      if (port->forward.protocol == NET_PROTOCOL_UDP)
        while (recv (port->fd, &datagram, 1, MSG_DONTWAIT | MSG_TRUNC) >= 0)
          ;
      else
        while ((fd = accept4 (port->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0)
          close (fd);
    }
}

static gboolean
on_retry (gpointer data)
{
  DemandMachine *self = data;

  self->retry = 0;
  update (self);
  return G_SOURCE_REMOVE;
}

static void
on_started (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  bool started = bonsai_vm_start_finish (BONSAI_VM (source), result, &error);
  DemandMachine *self = data;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return; /* and @self is gone */
  g_clear_object (&self->starting);
  if (started)
    self->failures = 0;
  else if (self->failures++ == 0)
    self->retry = g_timeout_add_seconds (RETRY_SECONDS, on_retry, self);
  else
    {
      self->rests_until =
        g_get_monotonic_time () + back_off_delay (&pauses, self->failures) * G_TIME_SPAN_SECOND;
      bonsai_vm_note (self->vm, "demand", NULL, "connection", error);
      turn_away (self);
    }
  update (self);
}

static void
start (DemandMachine *self, const DemandPort *port)
{
  g_autofree char *text = net_forward_format (&port->forward);

  bonsai_vm_note (self->vm, "demand", text, "connection", NULL);
  self->starting = g_cancellable_new ();
  bonsai_vm_start_async (self->vm, BONSAI_START_HEADLESS | BONSAI_START_OWN_PROCESS, self->starting,
                         on_started, self);
}

/* --- looking --- */

static gboolean
on_somebody (gint fd, GIOCondition condition, gpointer data)
{
  DemandMachine *self = data;

  if (g_get_monotonic_time () < self->rests_until)
    {
      turn_away (self);
      return G_SOURCE_CONTINUE;
    }
  for (guint i = 0; i < self->ports->len; i++)
    if (((const DemandPort *)g_ptr_array_index (self->ports, i))->fd == fd)
      {
        g_ptr_array_set_size (self->watches, 0);
        start (self, g_ptr_array_index (self->ports, i));
        break;
      }
  return G_SOURCE_REMOVE;
}

static void
look (DemandMachine *self)
{
  for (guint i = 0; i < self->ports->len; i++)
    {
      const DemandPort *port = g_ptr_array_index (self->ports, i);
      GSource *source = g_unix_fd_source_new (port->fd, G_IO_IN);

      g_source_set_callback (source, G_SOURCE_FUNC (on_somebody), self, NULL);
      g_source_attach (source, g_main_context_get_thread_default ());
      g_ptr_array_add (self->watches, source);
    }
}

/* --- which ports --- */

static DemandPort *
find_port (DemandMachine *self, const char *nic, const NetForward *forward)
{
  for (guint i = 0; i < self->ports->len; i++)
    {
      DemandPort *port = g_ptr_array_index (self->ports, i);

      if (g_str_equal (port->nic, nic) && net_forward_equal (&port->forward, forward))
        return port;
    }
  return NULL;
}

/* The port, which it may have already; NULL: it can't be had now. (transfer full) */
static DemandPort *
have_port (DemandMachine *self, const char *nic, const NetForward *forward, bool alive)
{
  DemandPort *port = find_port (self, nic, forward);
  g_autoptr (GError) error = NULL;
  int fd;

  if (port != NULL)
    {
      fd = port->fd;
      port->fd = -1;
      return demand_port_new (nic, forward, fd);
    }
  if (forward->host_port == 0)
    return NULL; /* nobody could know it */
  fd = net_forward_listen (forward, &error);
  if (fd >= 0)
    return demand_port_new (nic, forward, fd);
  if (!alive) /* else it is the machine itself that has it */
    bonsai_vm_note (self->vm, "demand", NULL, NULL, error);
  return NULL;
}

static GPtrArray *
choose_ports (DemandMachine *self, bool alive)
{
  const VmConfig *config = bonsai_vm_get_config (self->vm);
  GPtrArray *ports = g_ptr_array_new_with_free_func ((GDestroyNotify)demand_port_free);

  if (config == NULL || !config->policy->on_demand || config->template_state != VM_TEMPLATE_NONE)
    return ports;
  for (guint i = 0; i < config->nics->len; i++)
    {
      const VmNic *nic = g_ptr_array_index (config->nics, i);

      for (guint j = 0; j < nic->forwards->len && ports->len < DEMAND_MAX_PORTS; j++)
        {
          DemandPort *port = have_port (self, nic->id, &g_array_index (nic->forwards, NetForward, j), alive);

          if (port != NULL)
            g_ptr_array_add (ports, port);
        }
    }
  return ports;
}

static void
update (DemandMachine *self)
{
  bool alive = bonsai_state_is_alive (bonsai_vm_get_state (self->vm));
  GPtrArray *ports = choose_ports (self, alive);

  g_ptr_array_set_size (self->watches, 0);
  g_ptr_array_unref (self->ports);
  self->ports = ports;
  if (!alive && self->starting == NULL && self->retry == 0 && self->runs->len == 0)
    look (self);
}

/* --- who runs it --- */

/* Whom it has not served until its end doesn't start it anew; whoever came as it was being suspended does. */
static void
run_is_over (DemandMachine *self)
{
  const VmConfig *config = bonsai_vm_get_config (self->vm);

  if (self->runs->len == 0 && self->starting == NULL && self->retry == 0
      && (config == NULL || config->resume == NULL))
    turn_away (self);
}

static gboolean
on_run_over (GSocket *peer, GIOCondition condition, gpointer data)
{
  DemandMachine *self = data;

  g_ptr_array_remove_fast (self->runs, g_main_current_source ());
  run_is_over (self);
  update (self);
  return G_SOURCE_REMOVE;
}

void
demand_machine_lend (DemandMachine *self, GSocket *peer)
{
  GSource *source = g_socket_create_source (peer, G_IO_IN | G_IO_HUP, NULL);

  g_source_set_callback (source, G_SOURCE_FUNC (on_run_over), self, NULL);
  g_source_attach (source, g_main_context_get_thread_default ());
  g_ptr_array_add (self->runs, source);
  g_ptr_array_set_size (self->watches, 0);
  demand_peer_answer (peer, self->ports);
}

/* --- life --- */

BonsaiVm *
demand_machine_get_vm (DemandMachine *self)
{
  return self->vm;
}

DemandMachine *
demand_machine_new (BonsaiVm *vm)
{
  DemandMachine *self = g_new0 (DemandMachine, 1);

  self->vm = g_object_ref (vm);
  self->ports = g_ptr_array_new_with_free_func ((GDestroyNotify)demand_port_free);
  self->watches = g_ptr_array_new_with_free_func (source_drop);
  self->runs = g_ptr_array_new_with_free_func (source_drop);
  g_signal_connect_swapped (vm, "notify::state", G_CALLBACK (update), self);
  g_signal_connect_swapped (vm, "notify::config", G_CALLBACK (update), self);
  update (self);
  return self;
}

void
demand_machine_free (DemandMachine *self)
{
  g_signal_handlers_disconnect_by_data (self->vm, self);
  if (self->starting != NULL)
    g_cancellable_cancel (self->starting);
  g_clear_object (&self->starting);
  g_clear_handle_id (&self->retry, g_source_remove);
  g_ptr_array_unref (self->watches);
  g_ptr_array_unref (self->runs);
  g_ptr_array_unref (self->ports);
  g_object_unref (self->vm);
  g_free (self);
}

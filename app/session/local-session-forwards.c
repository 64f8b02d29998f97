/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Forwarded ports of a machine that runs. The sockets at which the host listens are the session's, from
 * before the machine is built, so that a port that is in use stops the start before anything is lost, until
 * its end: another machine that takes this one's place, going back to a snapshot, is given the same ones.
 */
#include "app/base/error.h"
#include "app/session/local-session-private.h"

#include <unistd.h>

typedef struct {
  char *nic;
  NetForward asked; /* as it is described */
  NetForward what;  /* with the port that it is */
  int fd;
} Listener;

static void
listener_free (gpointer data)
{
  Listener *listener = data;

  close (listener->fd);
  g_free (listener->nic);
  g_free (listener);
}

static GPtrArray *
listeners_new (void)
{
  return g_ptr_array_new_with_free_func (listener_free);
}

static Listener *
listener_new (const char *nic, const NetForward *asked, int fd)
{
  Listener *listener = g_new (Listener, 1);

  *listener = (Listener){ g_strdup (nic), *asked, *asked, fd };
  listener->what.host_port = net_socket_port (fd);
  return listener;
}

static Listener *
find_listener (GPtrArray *listeners, const char *nic, const NetForward *asked)
{
  for (guint i = 0; listeners != NULL && i < listeners->len; i++)
    {
      Listener *listener = g_ptr_array_index (listeners, i);

      if (g_str_equal (listener->nic, nic) && net_forward_equal (&listener->asked, asked))
        return listener;
    }
  return NULL;
}

/* --- the start --- */

void
local_session_adopt_forward (LocalSession *self, const char *nic, const NetForward *forward, int fd)
{
  if (self->listeners == NULL)
    self->listeners = listeners_new ();
  g_ptr_array_add (self->listeners, listener_new (nic, forward, fd));
}

static bool
open_missing (LocalSession *self, const NicSpec *nic, GError **error)
{
  for (guint i = 0; i < nic->forwards->len; i++)
    {
      const NetForward *forward = &g_array_index (nic->forwards, NetForward, i);
      int fd;

      if (find_listener (self->listeners, nic->id, forward) != NULL)
        continue;
      fd = net_forward_listen (forward, error);
      if (fd < 0)
        return false;
      local_session_adopt_forward (self, nic->id, forward, fd);
    }
  return true;
}

bool
local_session_open_forwards (LocalSession *self, GError **error)
{
  for (guint i = 0; i < self->spec->nics->len; i++)
    if (!open_missing (self, g_ptr_array_index (self->spec->nics, i), error))
      return false;
  return true;
}

bool
local_session_serve_forwards (LocalSession *self, Pc *pc, GError **error)
{
  for (guint i = 0; self->listeners != NULL && i < self->listeners->len; i++)
    {
      const Listener *listener = g_ptr_array_index (self->listeners, i);

      if (!pc_add_forward (pc, listener->nic, &listener->asked, listener->fd, error))
        return false;
    }
  return true;
}

static void
stop_serving (LocalSession *self, Pc *pc)
{
  for (guint i = 0; pc != NULL && self->listeners != NULL && i < self->listeners->len; i++)
    {
      const Listener *listener = g_ptr_array_index (self->listeners, i);

      pc_remove_forward (pc, listener->nic, &listener->what);
    }
}

void
local_session_close_forwards (LocalSession *self)
{
  stop_serving (self, self->pc);
  g_clear_pointer (&self->listeners, g_ptr_array_unref);
}

/* --- another machine in its place --- */

static const NicSpec *
find_nic (const MachineSpec *spec, const char *id)
{
  for (guint i = 0; i < spec->nics->len; i++)
    if (g_str_equal (((const NicSpec *)g_ptr_array_index (spec->nics, i))->id, id))
      return g_ptr_array_index (spec->nics, i);
  return NULL;
}

static bool
is_described (const MachineSpec *spec, const Listener *listener)
{
  const NicSpec *nic = find_nic (spec, listener->nic);

  for (guint i = 0; nic != NULL && i < nic->forwards->len; i++)
    if (net_forward_equal (&g_array_index (nic->forwards, NetForward, i), &listener->asked))
      return true;
  return false;
}

void
local_session_renew_forwards (LocalSession *self, Pc *before)
{
  g_autoptr (GError) error = NULL;

  stop_serving (self, before);
  for (guint i = self->listeners != NULL ? self->listeners->len : 0; i-- > 0;)
    if (!is_described (self->spec, g_ptr_array_index (self->listeners, i)))
      g_ptr_array_remove_index (self->listeners, i);
  if (!local_session_open_forwards (self, &error))
    g_warning ("%s: %s", self->name, error->message);
  g_clear_error (&error);
  if (!local_session_serve_forwards (self, self->pc, &error))
    g_warning ("%s: %s", self->name, error->message);
}

/* --- while it runs --- */

/* Opens what isn't open yet of @wanted into @added. */
static bool
open_new (LocalSession *self, const char *nic, const GArray *wanted, GPtrArray *added, GError **error)
{
  for (guint i = 0; i < wanted->len; i++)
    {
      const NetForward *forward = &g_array_index (wanted, NetForward, i);
      int fd;

      if (find_listener (self->listeners, nic, forward) != NULL)
        continue;
      fd = net_forward_listen (forward, error);
      if (fd < 0)
        return false;
      g_ptr_array_add (added, listener_new (nic, forward, fd));
    }
  return true;
}

static bool
is_wanted (const GArray *wanted, const NetForward *forward)
{
  for (guint i = 0; i < wanted->len; i++)
    if (net_forward_equal (&g_array_index (wanted, NetForward, i), forward))
      return true;
  return false;
}

static void
close_unwanted (LocalSession *self, Pc *pc, const char *nic, const GArray *wanted)
{
  for (guint i = self->listeners != NULL ? self->listeners->len : 0; i-- > 0;)
    {
      const Listener *listener = g_ptr_array_index (self->listeners, i);

      if (!g_str_equal (listener->nic, nic) || is_wanted (wanted, &listener->asked))
        continue;
      pc_remove_forward (pc, nic, &listener->what);
      g_ptr_array_remove_index (self->listeners, i);
    }
}

static bool
serve_new (LocalSession *self, Pc *pc, GPtrArray *added, GError **error)
{
  while (added->len > 0)
    {
      Listener *listener = g_ptr_array_steal_index (added, 0);

      if (!pc_add_forward (pc, listener->nic, &listener->asked, listener->fd, error))
        {
          listener_free (listener);
          return false;
        }
      if (self->listeners == NULL)
        self->listeners = listeners_new ();
      g_ptr_array_add (self->listeners, listener);
    }
  return true;
}

/* It is recorded before a door opens: what its terms don't allow never does. */
static bool
keep (LocalSession *self, const char *nic, const GArray *wanted, GError **error)
{
  bool kept = true;

  if (local_session_begin_keeping (self))
    {
      kept = self->keeper->forwards_changed (nic, wanted, self->keeper_data, error);
      local_session_end_keeping (self);
    }
  return kept;
}

static bool
check (LocalSession *self, const char *id, const GArray *wanted, GError **error)
{
  const NicSpec *nic = find_nic (self->spec, id);

  if (nic == NULL)
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND,
                 "%s has no network card “%s”; see “bonsai show”", self->name, id);
  else if (g_strcmp0 (nic->network, "nat") != 0)
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
                 "Ports can be forwarded only to a card that is plugged into the network “nat”; %s isn't",
                 id);
  else
    return net_forwards_check (wanted, NULL, error);
  return false;
}

static bool
set_forwards (LocalSession *self, const char *nic, const GArray *wanted, GError **error)
{
  g_autoptr (GPtrArray) added = listeners_new ();
  Pc *pc = local_session_live_pc (self);

  if (pc == NULL)
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_RUNNING, "%s is not running", self->name);
      return false;
    }
  if (!check (self, nic, wanted, error) || !open_new (self, nic, wanted, added, error)
      || !keep (self, nic, wanted, error))
    return false;
  close_unwanted (self, pc, nic, wanted);
  return serve_new (self, pc, added, error);
}

void
local_session_set_forwards (BonsaiSession *session, const char *nic, const GArray *forwards, GTask *task)
{
  GError *error = NULL;

  if (set_forwards (LOCAL_SESSION (session), nic, forwards, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
  g_object_unref (task);
}

void
local_session_get_forwards (BonsaiSession *session, GTask *task)
{
  LocalSession *self = LOCAL_SESSION (session);
  GVariantBuilder list;

  g_variant_builder_init (&list, G_VARIANT_TYPE ("a(sss)"));
  for (guint i = 0; self->listeners != NULL && i < self->listeners->len; i++)
    {
      const Listener *listener = g_ptr_array_index (self->listeners, i);
      g_autofree char *asked = net_forward_format (&listener->asked);
      g_autofree char *what = net_forward_format (&listener->what);

      g_variant_builder_add (&list, "(sss)", listener->nic, asked, what);
    }
  g_task_return_pointer (task, g_variant_ref_sink (g_variant_builder_end (&list)),
                         (GDestroyNotify)g_variant_unref);
  g_object_unref (task);
}

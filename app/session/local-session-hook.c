/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The guest of an instant clone hears that it is another machine, as soon as its agent answers. */
#include "app/session/local-session-private.h"

#include "app/base/error.h"
#include "app/bundle/bundle.h"
#include "app/snapshot/clone-hook.h"

/* It was told, or won't ever understand; else it is told when its agent is back. */
static bool
is_final (const GError *error)
{
  return error == NULL || g_error_matches (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED)
         || g_error_matches (error, BONSAI_ERROR, BONSAI_ERROR_TIMED_OUT);
}

static void
set_done (LocalSession *self)
{
  g_autoptr (GError) error = NULL;

  if (!local_session_begin_keeping (self))
    return;
  if (!clone_hook_set_done (self->keeper->get_bundle (self->keeper_data), &error))
    g_warning ("%s: %s", self->name, error->message);
  local_session_end_keeping (self);
  self->keeper->description_changed (self->keeper_data);
}

static void
told (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (LocalSession) self = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer = guest_service_ask_finish (result, &error);
  g_autoptr (GVariant) errors = NULL;
  gint32 status = 0;

  self->tells_guest = false;
  if (error != NULL)
    g_warning ("%s: the guest could not be told that it is a clone: %s", self->name, error->message);
  else if (g_variant_lookup (answer, "exit-status", "i", &status) && status != 0)
    {
      errors = g_variant_lookup_value (answer, "errors", G_VARIANT_TYPE_BYTESTRING);
      g_warning ("%s: the clone's hook ended with status %d: %.*s", self->name, status,
                 errors != NULL ? (int)g_variant_get_size (errors) : 0,
                 errors != NULL ? (const char *)g_variant_get_data (errors) : "");
    }
  if (is_final (error))
    set_done (self);
}

void
local_session_tell_clone (LocalSession *self)
{
  g_autoptr (VmConfig) config = NULL;
  GVariant *arguments;

  if (self->tells_guest || self->keeper == NULL || self->keeper->get_bundle == NULL)
    return;
  config = bundle_load (self->keeper->get_bundle (self->keeper_data), NULL);
  arguments = config != NULL ? clone_hook_arguments (config) : NULL;
  if (arguments == NULL)
    return;
  self->tells_guest = true;
  guest_service_ask_async (self->guest, "exec", arguments, NULL, told, g_object_ref (self));
}

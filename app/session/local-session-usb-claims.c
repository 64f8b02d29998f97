/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a guest may have of the host's USB devices: the one place through which each comes, whoever gives it.
 */
#include "app/base/error.h"
#include "app/session/local-session-private.h"
#include "app/usb/usb-claim.h"

#include <glib/gi18n.h>

/* The descriptor is that of the device of which is said what it is. */
static HostUsb *
identify (int fd, const char *port, GError **error)
{
  g_autoptr (HostUsb) usb = host_usb_is_port (port) ? host_usb_read (host_usb_root (), port) : NULL;

  if (usb != NULL && host_usb_is_open_as (usb, fd))
    return g_steal_pointer (&usb);
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND,
               _ ("The USB device that was at port %s isn't there any more; plug it in again"), port);
  return NULL;
}

static bool
is_allowed (LocalSession *self, const HostUsb *usb, GError **error)
{
  return self->keeper == NULL || self->keeper->usb_attaching == NULL
         || self->keeper->usb_attaching (usb, self->keeper_data, error);
}

static void
release (gpointer claim)
{
  usb_claim_release (claim);
}

char *
local_session_claim_usb (LocalSession *self, int fd, const char *port, GError **error)
{
  g_autoptr (HostUsb) usb = identify (fd, port, error);
  UsbClaim *claim;

  if (usb == NULL || !is_allowed (self, usb, error))
    return NULL;
  if (self->usb_claims == NULL)
    self->usb_claims = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, release);
  if (g_hash_table_contains (self->usb_claims, port))
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_BUSY, _ ("“%s” has the USB device at port %s already"),
                   self->name, port);
      return NULL;
    }
  claim = usb_claim_take (usb, self->uuid, self->name, error);
  if (claim == NULL)
    return NULL;
  g_hash_table_insert (self->usb_claims, g_strdup (port), claim);
  return host_usb_identity (usb);
}

void
local_session_release_usb (LocalSession *self, const char *port)
{
  if (self->usb_claims != NULL)
    g_hash_table_remove (self->usb_claims, port);
}

void
local_session_release_all_usb (LocalSession *self)
{
  g_clear_pointer (&self->usb_claims, g_hash_table_unref);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Other users of this computer, with whom a machine is shared that runs here. */
#include "app/vm/vm-private.h"

#include "app/session/session-server.h"
#include "app/workspace/workspace.h"

static bool
share (BonsaiVm *self, GError **error)
{
  VmSharing *sharing = self->config->sharing;

  /* They see its screen. */
  return (vm_sharing_is_empty (sharing) || workspace_check_use (self->path, WORKSPACE_SCREENSHOTS, error))
         && session_server_share (self->server, sharing, error);
}

void
bonsai_vm_follow_sharing (BonsaiVm *self)
{
  g_autoptr (VmSharing) nobody = vm_sharing_new ();
  g_autoptr (GError) error = NULL;

  if (self->server == NULL || self->config == NULL
      || vm_sharing_equal (self->shared != NULL ? self->shared : nobody, self->config->sharing))
    return;
  g_clear_pointer (&self->shared, vm_sharing_unref);
  self->shared = vm_sharing_ref (self->config->sharing);
  if (share (self, &error))
    return;
  session_server_share (self->server, nobody, NULL);
  g_message ("“%s” isn't shared: %s", bonsai_vm_get_name (self), error->message);
  bonsai_vm_note (self, "share", NULL, NULL, error);
}

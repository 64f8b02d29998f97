/* SPDX-License-Identifier: GPL-3.0-or-later */
/* USB devices of the host's that the guest has. */
#include "app/base/error.h"
#include "app/session/local-session-private.h"
#include "app/vm/program-path.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <unistd.h>

typedef struct {
  int fd;
  char *key, *id, *name;
} UsbGift;

/* @id: (nullable): host_usb_identity */
static UsbGift *
gift_new (int fd, const char *key, const char *id, const char *name)
{
  UsbGift *gift = g_new (UsbGift, 1);

  *gift = (UsbGift){ fd, g_strdup (key), g_strdup (id), g_strdup (name) };
  return gift;
}

static void
gift_free (gpointer data)
{
  UsbGift *gift = data;

  if (gift->fd >= 0)
    close (gift->fd);
  g_free (gift->key);
  g_free (gift->id);
  g_free (gift->name);
  g_free (gift);
}

/* --- telling --- */

static void
tell (LocalSession *self, const char *key, const char *name, const char *state)
{
  if (g_str_equal (state, "detached") || g_str_equal (state, "lost") || g_str_equal (state, "missing"))
    local_session_release_usb (self, key);
  local_session_update_menu (self);
  g_signal_emit_by_name (self, "usb-changed", key, name, state);
}

/* It has come, or gone: a line of the machine's story. */
static void
note (LocalSession *self, const char *name, const char *state)
{
  if (self->keeper != NULL && self->keeper->usb_changed != NULL)
    self->keeper->usb_changed (name, state, NULL, self->keeper_data);
}

static void
handle_lost (gpointer object, gconstpointer content)
{
  const UsbGift *lost = content;

  note (object, lost->name, "lost");
  tell (object, lost->key, lost->name, "lost");
}

/* A thread of the machine's. */
static void
on_lost (const char *key, const char *name, void *data)
{
  relay_post (data, handle_lost, gift_new (-1, key, NULL, name), gift_free);
}

void
local_session_tell_usb (LocalSession *self)
{
  g_autoptr (GPtrArray) devices = pc_list_usb (self->pc);

  for (guint i = 0; i < devices->len; i++)
    {
      const PcUsb *device = g_ptr_array_index (devices, i);

      tell (self, device->key, device->name, device->is_here ? "attached" : "missing");
    }
}

/* --- the start --- */

bool
local_session_give_usb (LocalSession *self, int fd, const char *key, const char *name, GError **error)
{
  g_autofree char *id = local_session_claim_usb (self, fd, key, error);

  if (id == NULL)
    {
      close (fd);
      return false;
    }
  if (self->usb_given == NULL)
    self->usb_given = g_ptr_array_new_with_free_func (gift_free);
  g_ptr_array_add (self->usb_given, gift_new (fd, key, id, name));
  return true;
}

static void
handle_given (gpointer object, gconstpointer content)
{
  note (object, ((const UsbGift *)content)->name, "attached");
}

static void
handle_refused (gpointer object, gconstpointer content)
{
  local_session_release_usb (object, ((const UsbGift *)content)->key);
}

static bool
attach (Pc *pc, const UsbGift *asked, GError **error)
{
  g_autofree char *guard = program_path ("bonsai-usb-guard", error);
  const PcUsb device = { asked->key, asked->id, asked->name, true };

  return guard != NULL && pc_attach_usb (pc, asked->fd, &device, guard, error);
}

void
local_session_plug_usb (LocalSession *self, Pc *pc)
{
  pc_watch_usb (pc, on_lost, self->relay);
  for (guint i = 0; self->usb_given != NULL && i < self->usb_given->len; i++)
    {
      const UsbGift *gift = g_ptr_array_index (self->usb_given, i);
      g_autoptr (GError) error = NULL;
      bool done = attach (pc, gift, &error);

      if (!done)
        g_info ("%s begins without it: %s", self->name, error->message);
      relay_post (self->relay, done ? handle_given : handle_refused,
                  gift_new (-1, gift->key, NULL, gift->name), gift_free);
    }
  g_clear_pointer (&self->usb_given, g_ptr_array_unref);
}

/* --- while it runs --- */

typedef bool (*UsbFunc) (Pc *pc, const UsbGift *asked, GError **error);

typedef struct {
  UsbGift *asked;
  UsbFunc func;
  const char *state; /* of the device then */
  GTask *waits;
} UsbChange;

static void
change_free (gpointer data)
{
  UsbChange *change = data;

  gift_free (change->asked);
  g_object_unref (change->waits);
  g_free (change);
}

static void
change_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  LocalSession *self = source;
  const UsbChange *change = data;
  GError *error = NULL;
  bool done = false;

  g_rw_lock_reader_lock (&self->pc_lock);
  if (self->pc != NULL)
    done = change->func (self->pc, change->asked, &error);
  else
    g_set_error (&error, BONSAI_ERROR, BONSAI_ERROR_NOT_RUNNING, "%s is not running", self->name);
  g_rw_lock_reader_unlock (&self->pc_lock);
  if (done)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
changed (GObject *source, GAsyncResult *result, gpointer data)
{
  const UsbChange *change = g_task_get_task_data (G_TASK (result));
  GError *error = NULL;

  if (g_task_propagate_boolean (G_TASK (result), &error))
    {
      note (LOCAL_SESSION (source), change->asked->name, change->state);
      tell (LOCAL_SESSION (source), change->asked->key, change->asked->name, change->state);
      g_task_return_boolean (change->waits, TRUE);
    }
  else
    {
      if (change->func == attach)
        local_session_release_usb (LOCAL_SESSION (source), change->asked->key);
      g_task_return_error (change->waits, error);
    }
}

static void
run_change (LocalSession *self, UsbGift *asked, UsbFunc func, const char *state, GTask *waits)
{
  UsbChange *change = g_new (UsbChange, 1);
  g_autoptr (GTask) task = g_task_new (self, NULL, changed, NULL);

  *change = (UsbChange){ asked, func, state, waits };
  g_task_set_task_data (task, change, change_free);
  g_task_run_in_thread (task, change_in_thread);
}

static bool
detach (Pc *pc, const UsbGift *asked, GError **error)
{
  return pc_detach_usb (pc, asked->key, error);
}

void
local_session_attach_usb (BonsaiSession *session, int fd, const char *key, const char *name, GTask *task)
{
  GError *error = NULL;
  g_autofree char *id = local_session_claim_usb (LOCAL_SESSION (session), fd, key, &error);
  int copy, saved_errno;

  if (id == NULL)
    {
      g_task_return_error (task, error);
      g_object_unref (task);
      return;
    }
  copy = fcntl (fd, F_DUPFD_CLOEXEC, 0);
  saved_errno = errno;
  if (copy >= 0)
    {
      run_change (LOCAL_SESSION (session), gift_new (copy, key, id, name), attach, "attached", task);
      return;
    }
  local_session_release_usb (LOCAL_SESSION (session), key);
  g_task_return_new_error (task, BONSAI_ERROR, BONSAI_ERROR_FAILED,
                           _ ("“%s” (port %s) can't be attached: %s"), name, key, g_strerror (saved_errno));
  g_object_unref (task);
}

/* Its name is the one that it was attached by. */
static char *
find_name (Pc *pc, const char *key)
{
  g_autoptr (GPtrArray) devices = pc_list_usb (pc);

  for (guint i = 0; i < devices->len; i++)
    {
      const PcUsb *device = g_ptr_array_index (devices, i);

      if (g_str_equal (device->key, key))
        return g_strdup (device->name);
    }
  return g_strdup (key);
}

void
local_session_detach_usb (BonsaiSession *session, const char *key, GTask *task)
{
  LocalSession *self = LOCAL_SESSION (session);
  Pc *pc = local_session_live_pc (self);
  g_autofree char *name = pc != NULL ? find_name (pc, key) : NULL;

  run_change (self, gift_new (-1, key, NULL, name), detach, "detached", task);
}

void
local_session_list_usb (BonsaiSession *session, GTask *task)
{
  Pc *pc = local_session_live_pc (LOCAL_SESSION (session));
  g_autoptr (GPtrArray) devices = pc != NULL ? pc_list_usb (pc) : g_ptr_array_new ();
  GVariantBuilder list;

  g_variant_builder_init (&list, G_VARIANT_TYPE ("a(ssss)"));
  for (guint i = 0; i < devices->len; i++)
    {
      const PcUsb *device = g_ptr_array_index (devices, i);

      g_variant_builder_add (&list, "(ssss)", device->key, device->id, device->name,
                             device->is_here ? "attached" : "missing");
    }
  g_task_return_pointer (task, g_variant_ref_sink (g_variant_builder_end (&list)),
                         (GDestroyNotify)g_variant_unref);
  g_object_unref (task);
}

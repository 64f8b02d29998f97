/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/app/fake-session.h"

#include "app/base/error.h"

#include <sys/stat.h>
#include <unistd.h>

static void fake_session_iface_init (BonsaiSessionInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (FakeSession, fake_session, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (BONSAI_TYPE_SESSION, fake_session_iface_init))

void
fake_session_set_state (FakeSession *self, BonsaiState state, BonsaiReason reason, const char *message)
{
  self->state = state;
  self->reason = reason;
  g_free (self->message);
  self->message = g_strdup (message);
  g_signal_emit_by_name (self, "changed");
}

static const char *
get_uuid (BonsaiSession *session)
{
  return FAKE_SESSION (session)->uuid;
}

static const char *
get_name (BonsaiSession *session)
{
  return "Fake “one”";
}

static BonsaiState
get_state (BonsaiSession *session)
{
  return FAKE_SESSION (session)->state;
}

static BonsaiReason
get_reason (BonsaiSession *session)
{
  return FAKE_SESSION (session)->reason;
}

static const char *
get_message (BonsaiSession *session)
{
  return FAKE_SESSION (session)->message;
}

static int
get_exit_status (BonsaiSession *session)
{
  return FAKE_SESSION (session)->exit_status;
}

static int
get_pid (BonsaiSession *session)
{
  return getpid ();
}

static bool
get_console_open (BonsaiSession *session)
{
  return FAKE_SESSION (session)->console_open;
}

static void
control (BonsaiSession *session, BonsaiControl what, unsigned timeout_ms, GTask *task)
{
  FakeSession *self = FAKE_SESSION (session);

  g_string_append_printf (self->log, "control %d %u\n", what, timeout_ms);
  if (what == BONSAI_CONTROL_SHUTDOWN)
    g_task_return_new_error (task, BONSAI_ERROR, BONSAI_ERROR_TIMED_OUT, "It sleeps “on”");
  else
    {
      fake_session_set_state (self, what == BONSAI_CONTROL_PAUSE ? BONSAI_STATE_PAUSED : BONSAI_STATE_RUNNING,
                              BONSAI_REASON_USER, "asked");
      g_task_return_boolean (task, TRUE);
    }
  g_object_unref (task);
}

static void
input (BonsaiSession *session, const BonsaiInput *event)
{
  g_string_append_printf (FAKE_SESSION (session)->log, "input %d %u %d %d %d\n", event->kind, event->code,
                          event->down, event->x, event->y);
}

/* A picture whose pixels tell their places. */
static void
grab (BonsaiSession *session, unsigned head, int max_width, int max_height, GTask *task)
{
  int width = max_width != 0 ? max_width : 1023;
  Surface *surface = surface_new (width, 300);

  for (int y = 0; y < surface->height; y++)
    for (int x = 0; x < surface->width; x++)
      ((uint32_t *)((char *)surface->pixels + (gsize)y * surface->stride))[x] = (uint32_t)(y << 12 | x);
  g_task_return_pointer (task, surface, (GDestroyNotify)surface_unref);
  g_object_unref (task);
}

static void
watch (BonsaiSession *session, bool active)
{
  FAKE_SESSION (session)->n_watchers += active ? 1 : -1;
}

static void
change_medium (BonsaiSession *session, const char *drive, const char *path, bool force, GTask *task)
{
  g_string_append_printf (FAKE_SESSION (session)->log, "medium %s %s %d\n", drive, path, force);
  g_task_return_boolean (task, TRUE);
  g_object_unref (task);
}

static void
set_link (BonsaiSession *session, const char *nic, bool up, GTask *task)
{
  g_string_append_printf (FAKE_SESSION (session)->log, "link %s %s\n", nic, up ? "up" : "down");
  if (up)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_new_error (task, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND, "There is none");
  g_object_unref (task);
}

/* What comes is to be the descriptor that was sent: its file's number is told. */
static void
attach_usb (BonsaiSession *session, int fd, const char *key, const char *name, GTask *task)
{
  struct stat info;

  g_assert_cmpint (fstat (fd, &info), ==, 0);
  g_string_append_printf (FAKE_SESSION (session)->log, "attach %lu %s %s\n", (unsigned long)info.st_ino, key, name);
  g_signal_emit_by_name (session, "usb-changed", key, name, "attached");
  g_task_return_boolean (task, TRUE);
  g_object_unref (task);
}

static void
detach_usb (BonsaiSession *session, const char *key, GTask *task)
{
  g_task_return_new_error (task, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND, "There is no %s", key);
  g_object_unref (task);
}

static void
list_usb (BonsaiSession *session, GTask *task)
{
  const FakeSession *fake = FAKE_SESSION (session);

  g_task_return_pointer (task, g_variant_ref_sink (g_variant_new_parsed (fake->usb != NULL ? fake->usb : "[('1-2', '1111:2222@1-2', 'Stick', 'missing')]")),
                         (GDestroyNotify)g_variant_unref);
  g_object_unref (task);
}

static void
change_disk (BonsaiSession *session, const char *disk, uint64_t size, const ImageLimits *limits, GTask *task)
{
  g_string_append_printf (FAKE_SESSION (session)->log, "disk %s %" G_GUINT64_FORMAT, disk, size);
  if (limits != NULL)
    g_string_append_printf (FAKE_SESSION (session)->log, " %d %d %d %d", (int)limits->iops,
                            (int)limits->iops_burst, (int)limits->bytes_per_second, (int)limits->bytes_burst);
  g_string_append_c (FAKE_SESSION (session)->log, '\n');
  g_task_return_boolean (task, TRUE);
  g_object_unref (task);
}

static void
attach_disk (BonsaiSession *session, const DiskSpec *disk, bool any_bus, GTask *task)
{
  const DiskOptions *options = &disk->options;
  DiskSpec *became = disk_spec_copy (disk);

  g_string_append_printf (
    FAKE_SESSION (session)->log, "attach %s %d %s%d %s %d %s %d %d %s %s %.*s %d\n", disk->id, disk->kind,
    any_bus ? "any " : "", disk->bus, disk->path, disk->read_only, options->format, options->cache,
    options->discard, options->serial, options->secret_file,
    options->secret != NULL ? (int)g_bytes_get_size (options->secret) : 4,
    options->secret != NULL ? (const char *)g_bytes_get_data (options->secret, NULL) : "none",
    (int)options->limits.bytes_burst);
  g_free (became->id);
  became->id = g_strdup ("disk9");
  became->bus = DISK_BUS_SCSI;
  if (became->options.format == NULL)
    became->options.format = g_strdup ("vdi");
  g_task_return_pointer (task, became, (GDestroyNotify)disk_spec_free);
  g_object_unref (task);
}

static void
detach_disk (BonsaiSession *session, const char *disk, bool force, GTask *task)
{
  g_string_append_printf (FAKE_SESSION (session)->log, "detach %s %d\n", disk, force);
  if (force)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_new_error (task, BONSAI_ERROR, BONSAI_ERROR_BUSY, "It is worked on");
  g_object_unref (task);
}

static void
show_console (BonsaiSession *session, bool show, GTask *task)
{
  FAKE_SESSION (session)->console_open = show;
  g_signal_emit_by_name (session, "changed");
  g_task_return_boolean (task, TRUE);
  g_object_unref (task);
}

/* It can be frozen, thawed, and refuses all else. */
static void
ask_guest (BonsaiSession *session, const char *operation, GVariant *arguments, GTask *task)
{
  FakeSession *self = FAKE_SESSION (session);
  g_autoptr (GVariant) taken = g_variant_ref_sink (arguments);
  g_autofree char *text = g_variant_print (taken, FALSE);

  g_string_append_printf (self->log, "ask %s %s\n", operation, text);
  if (g_str_equal (operation, "freeze"))
    g_task_return_pointer (
      task, g_variant_ref_sink (g_variant_new_parsed ("{'count': <uint32 2>, 'id': <uint32 7>}")),
      (GDestroyNotify)g_variant_unref);
  else if (g_str_equal (operation, "thaw"))
    g_task_return_pointer (task, g_variant_ref_sink (g_variant_new_parsed ("{'count': <uint32 2>}")),
                           (GDestroyNotify)g_variant_unref);
  else
    g_task_return_new_error (task, BONSAI_ERROR, BONSAI_ERROR_REFUSED, "The agent said “no”");
  g_object_unref (task);
}

/* Each look finds one more of everything. */
static void
get_counters (BonsaiSession *session, GTask *task)
{
  FakeSession *self = FAKE_SESSION (session);
  Counters *counters = g_new (Counters, 1);

  self->n_looks++;
  for (unsigned i = 0; i < N_COUNTERS; i++)
    counters->values[i] = 1000 * i + self->n_looks;
  g_task_return_pointer (task, counters, g_free);
  g_object_unref (task);
}

static void
fake_session_iface_init (BonsaiSessionInterface *iface)
{
  iface->get_counters = get_counters;
  iface->get_uuid = get_uuid;
  iface->get_name = get_name;
  iface->get_state = get_state;
  iface->get_reason = get_reason;
  iface->get_message = get_message;
  iface->get_exit_status = get_exit_status;
  iface->get_pid = get_pid;
  iface->get_console_open = get_console_open;
  iface->control = control;
  iface->input = input;
  iface->grab = grab;
  iface->watch = watch;
  iface->change_medium = change_medium;
  iface->set_link = set_link;
  iface->change_disk = change_disk;
  iface->attach_disk = attach_disk;
  iface->detach_disk = detach_disk;
  iface->ask_guest = ask_guest;
  iface->show_console = show_console;
  iface->attach_usb = attach_usb;
  iface->detach_usb = detach_usb;
  iface->list_usb = list_usb;
}

static void
fake_session_finalize (GObject *object)
{
  FakeSession *self = FAKE_SESSION (object);

  g_free (self->uuid);
  g_free (self->message);
  g_string_free (self->log, TRUE);
  G_OBJECT_CLASS (fake_session_parent_class)->finalize (object);
}

static void
fake_session_class_init (FakeSessionClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = fake_session_finalize;
}

static void
fake_session_init (FakeSession *self)
{
  self->uuid = g_uuid_string_random ();
  self->state = BONSAI_STATE_RUNNING;
  self->log = g_string_new (NULL);
}

FakeSession *
fake_session_new (void)
{
  return g_object_new (FAKE_TYPE_SESSION, NULL);
}

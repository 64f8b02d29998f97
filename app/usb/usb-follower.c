/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/usb/usb-follower.h"

#include "app/usb/usb-claim.h"
#include "app/usb/usb-open.h"
#include "app/usb/usb-own.h"
#include "app/usb/usb-watch.h"

#include <unistd.h>

struct UsbFollower {
  gatomicrefcount count;  /* itself, and what is under way */
  BonsaiSession *session; /* NULL: it is over */
  char *root;
  GPtrArray *rules;
  UsbFollowerFunc tell;
  void *data;
  UsbWatch *watch;
  GPtrArray *own;      /* of UsbOwn */
  GHashTable *settled; /* of "bus.number": not to be tried again while they are plugged in */
  bool looking, look_again, asking;
};

/* What goes through threads and answers. */
typedef struct {
  UsbFollower *follower;
  HostUsb *usb;
} Attempt;

static void look (UsbFollower *follower);

static UsbFollower *
ref (UsbFollower *follower)
{
  g_atomic_ref_count_inc (&follower->count);
  return follower;
}

static void
unref (UsbFollower *follower)
{
  if (!g_atomic_ref_count_dec (&follower->count))
    return;
  g_ptr_array_unref (follower->rules);
  g_ptr_array_unref (follower->own);
  g_hash_table_unref (follower->settled);
  g_free (follower->root);
  g_free (follower);
}

static void
attempt_free (Attempt *attempt)
{
  unref (attempt->follower);
  host_usb_free (attempt->usb);
  g_free (attempt);
}

static char *
instance_of (const HostUsb *usb)
{
  return g_strdup_printf ("%u.%u", usb->bus, usb->number);
}

static void
settle (UsbFollower *follower, const HostUsb *usb)
{
  g_hash_table_add (follower->settled, instance_of (usb));
}

/* --- what the machine has --- */

static void
take (UsbFollower *follower, const char *port, const char *name)
{
  g_autoptr (HostUsb) usb = host_usb_read (follower->root, port);

  usb_own_take (follower->own, port, usb, name);
}

/* It was pulled out of the host. */
static void
expect (UsbFollower *follower, const char *port)
{
  UsbOwn *own = usb_own_find (follower->own, port);

  if (own != NULL)
    own->is_here = false;
}

/* The host has it, and it may be tried, whatever was before. */
static bool
find_again (UsbFollower *follower, const UsbOwn *own)
{
  g_autoptr (GPtrArray) devices = host_usb_list (follower->root);

  for (guint i = 0; i < devices->len; i++)
    {
      const HostUsb *usb = g_ptr_array_index (devices, i);
      g_autofree char *instance = instance_of (usb);

      if (!usb_own_is (own, usb))
        continue;
      g_hash_table_remove (follower->settled, instance);
      return true;
    }
  return false;
}

/* What a saved state had is wanted; that it isn't here is told each time that the machine goes on from there.
 */
static void
miss (UsbFollower *follower, const char *port, const char *identity, const char *name)
{
  const UsbOwn *own = usb_own_want (follower->own, port, identity, name);
  g_autoptr (GError) error = NULL;

  if (find_again (follower, own))
    return;
  usb_own_set_absent_error (own, &error);
  follower->tell (own->name, error, follower->data);
}

static void
forget (UsbFollower *follower, const char *port)
{
  g_autoptr (HostUsb) usb = host_usb_read (follower->root, port);

  if (usb != NULL)
    settle (follower, usb);
  g_ptr_array_remove (follower->own, usb_own_find (follower->own, port));
}

static void
listed (GObject *source, GAsyncResult *result, gpointer data)
{
  UsbFollower *follower = data;
  g_autoptr (GVariant) list = bonsai_session_list_usb_finish (BONSAI_SESSION (source), result, NULL);
  const char *port, *identity, *name, *state;
  GVariantIter iter;

  if (list != NULL && follower->session != NULL)
    {
      g_variant_iter_init (&iter, list);
      while (g_variant_iter_next (&iter, "(&s&s&s&s)", &port, &identity, &name, &state))
        if (g_str_equal (state, "attached"))
          take (follower, port, name);
        else
          miss (follower, port, identity, name);
      look (follower);
    }
  unref (follower);
}

static void
ask (UsbFollower *follower)
{
  bonsai_session_list_usb_async (follower->session, NULL, listed, ref (follower));
}

static gboolean
ask_once (gpointer data)
{
  UsbFollower *follower = data;

  follower->asking = false;
  if (follower->session != NULL)
    ask (follower);
  return G_SOURCE_REMOVE;
}

static void
drop (gpointer data)
{
  unref (data);
}

/* A machine that went back to a snapshot says of each device what became of it. */
static void
ask_soon (UsbFollower *follower)
{
  g_autoptr (GSource) source = g_idle_source_new ();

  if (follower->asking)
    return;
  follower->asking = true;
  g_source_set_callback (source, ask_once, ref (follower), drop);
  g_source_attach (source, g_main_context_get_thread_default ());
}

static void
on_usb_changed (BonsaiSession *session, const char *port, const char *name, const char *state,
                UsbFollower *follower)
{
  if (g_str_equal (state, "attached"))
    take (follower, port, name);
  else if (g_str_equal (state, "detached"))
    forget (follower, port);
  else if (g_str_equal (state, "missing"))
    ask_soon (follower);
  else
    {
      expect (follower, port);
      look (follower);
    }
}

/* --- attaching --- */

static void
attached (GObject *source, GAsyncResult *result, gpointer data)
{
  Attempt *attempt = data;
  UsbFollower *follower = attempt->follower;
  g_autoptr (GError) error = NULL;

  if (!bonsai_session_attach_usb_finish (BONSAI_SESSION (source), result, &error)
      && follower->session != NULL)
    {
      g_autofree char *label = host_usb_label (attempt->usb);

      follower->tell (label, error, follower->data);
    }
  attempt_free (attempt);
}

/* @usb: (transfer full) */
static void
attach (UsbFollower *follower, HostUsb *usb)
{
  g_autofree char *label = host_usb_label (usb);
  g_autoptr (GError) error = NULL;
  Attempt *attempt;
  int fd = usb_open (usb, false, &error);

  settle (follower, usb);
  if (fd < 0)
    {
      follower->tell (label, error, follower->data);
      host_usb_free (usb);
      return;
    }
  attempt = g_new (Attempt, 1);
  *attempt = (Attempt){ ref (follower), usb };
  bonsai_session_attach_usb_async (follower->session, fd, usb->port, label, NULL, attached, attempt);
  close (fd);
}

static bool
is_due (UsbFollower *follower, const HostUsb *usb)
{
  g_autofree char *instance = instance_of (usb), *holder = NULL;
  const UsbOwn *own = usb_own_find (follower->own, usb->port);

  if ((own != NULL && own->is_here) || g_hash_table_contains (follower->settled, instance)
      || usb->sole != USB_SOLE_NONE)
    return false;
  if (usb_own_find_wanted (follower->own, usb) == NULL && usb_rules_find_match (follower->rules, usb) == NULL)
    return false;
  /* Who has it now may let go of it. */
  holder = usb_claim_holder (usb->port, NULL);
  return holder == NULL;
}

/* --- looking --- */

static gboolean
is_gone (gpointer instance, gpointer value, gpointer devices)
{
  GPtrArray *list = devices;

  for (guint i = 0; i < list->len; i++)
    {
      g_autofree char *other = instance_of (g_ptr_array_index (list, i));

      if (g_str_equal (instance, other))
        return false;
    }
  return true;
}

static void
looked (GObject *source, GAsyncResult *result, gpointer data)
{
  UsbFollower *follower = data;
  g_autoptr (GPtrArray) devices = g_task_propagate_pointer (G_TASK (result), NULL);

  follower->looking = false;
  if (follower->session != NULL)
    {
      g_hash_table_foreach_remove (follower->settled, is_gone, devices);
      for (guint i = 0; i < devices->len; i++)
        if (is_due (follower, g_ptr_array_index (devices, i)))
          attach (follower, host_usb_copy (g_ptr_array_index (devices, i)));
      if (follower->look_again)
        look (follower);
    }
  unref (follower);
}

static void
list_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  g_task_return_pointer (task, host_usb_list (data), (GDestroyNotify)g_ptr_array_unref);
}

static void
look (UsbFollower *follower)
{
  g_autoptr (GTask) task = NULL;

  follower->look_again = follower->looking;
  if (follower->looking)
    return;
  follower->looking = true;
  task = g_task_new (NULL, NULL, looked, ref (follower));
  g_task_set_task_data (task, g_strdup (follower->root), g_free);
  g_task_run_in_thread (task, list_in_thread);
}

static void
on_news (void *data)
{
  look (data);
}

/* --- its life --- */

UsbFollower *
usb_follower_new (BonsaiSession *session, const char *root, const GPtrArray *rules, UsbFollowerFunc tell,
                  void *data)
{
  UsbFollower *follower = g_new0 (UsbFollower, 1);

  g_atomic_ref_count_init (&follower->count);
  follower->session = g_object_ref (session);
  follower->root = g_strdup (root);
  follower->rules = vm_usb_rules_copy (rules);
  follower->tell = tell;
  follower->data = data;
  follower->own = usb_own_new ();
  follower->settled = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  follower->watch = usb_watch_new (root, on_news, follower);
  g_signal_connect (session, "usb-changed", G_CALLBACK (on_usb_changed), follower);
  ask (follower);
  return follower;
}

void
usb_follower_set_rules (UsbFollower *follower, const GPtrArray *rules)
{
  g_ptr_array_unref (follower->rules);
  follower->rules = vm_usb_rules_copy (rules);
  look (follower);
}

void
usb_follower_free (UsbFollower *follower)
{
  if (follower == NULL)
    return;
  g_signal_handlers_disconnect_by_data (follower->session, follower);
  g_clear_pointer (&follower->watch, usb_watch_free);
  g_clear_object (&follower->session);
  unref (follower);
}

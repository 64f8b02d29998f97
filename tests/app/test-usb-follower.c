/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Devices that come to a machine by themselves, in a tree made like /sys. */
#include "app/usb/usb-claim.h"
#include "app/usb/usb-follower.h"
#include "fake-session.h"
#include "scratch.h"
#include "usb-tree.h"

#include <glib/gstdio.h>
#include <string.h>

static const uint8_t storage[][3] = { { 0x08, 0x06, 0x50 }, { 0 } }, keys[][3] = { { 3, 1, 1 }, { 0 } };

static UsbTreeDevice
stick (const char *port, unsigned number)
{
  return (UsbTreeDevice){ port,         2, number,  "0951:1666", "Kingston", "DataTraveler",
                          "60A44C4251", 0, storage, NULL,        NULL };
}

static UsbTreeDevice
plain (const char *port, unsigned number)
{
  return (
    UsbTreeDevice){ port, 1, number, "1234:5678", "Plain", "Plain Thing", NULL, 0, storage, NULL, NULL };
}

typedef struct {
  char *root;
  FakeSession *session;
  GPtrArray *rules;
  UsbFollower *follower;
  unsigned n_failed;
  char *said; /* the last */
} World;

static void
on_told (const char *name, const GError *error, void *data)
{
  World *world = data;

  g_assert_nonnull (error);
  world->n_failed++;
  g_free (world->said);
  world->said = g_strdup (error->message);
}

static void
set_up (World *world, gconstpointer data)
{
  g_autofree char *devices = NULL;

  world->root = scratch_new ();
  devices = g_build_filename (world->root, "sys/bus/usb/devices", NULL);
  g_mkdir_with_parents (devices, 0755);
  world->session = g_object_new (FAKE_TYPE_SESSION, NULL);
  world->rules = vm_usb_rules_new ();
}

static void
tear_down (World *world, gconstpointer data)
{
  usb_follower_free (world->follower);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_ptr_array_unref (world->rules);
  scratch_finalize (world->session);
  g_free (world->said);
  scratch_free (world->root);
}

static void
add_rule (World *world, const char *device)
{
  vm_usb_rules_add (world->rules)->device = g_strdup (device);
}

static void
follow (World *world)
{
  world->follower =
    usb_follower_new (BONSAI_SESSION (world->session), world->root, world->rules, on_told, world);
}

static void
plug (World *world, UsbTreeDevice device)
{
  usb_tree_plug (world->root, &device);
}

/* How often what is at @port came. */
static unsigned
count (World *world, const char *port)
{
  g_auto (GStrv) lines = g_strsplit (world->session->log->str, "\n", -1);
  g_autofree char *part = g_strdup_printf (" %s ", port);
  unsigned n = 0;

  for (guint i = 0; lines[i] != NULL; i++)
    n += g_str_has_prefix (lines[i], "attach ") && strstr (lines[i], part) != NULL;
  return n;
}

static void
tell (World *world, const char *port, const char *name, const char *state)
{
  g_signal_emit_by_name (world->session, "usb-changed", port, name, state);
}

/* A device that a rule takes, and no other, is a sign that all was looked at. */
static void
settle (World *world, unsigned number)
{
  g_autofree char *port = g_strdup_printf ("3-%u", number);

  plug (world, (UsbTreeDevice){ port, 3, number, "aaaa:bbbb", "Sign", "Sign", NULL, 0, storage, NULL, NULL });
  wait_until (count (world, port) == 1);
}

/* At the start, when it is plugged in, and again after it was pulled out, wherever it comes back. */
static void
test_rule (World *world, gconstpointer data)
{
  add_rule (world, "0951:1666");
  add_rule (world, "aaaa:bbbb");
  plug (world, plain ("1-3", 4));
  plug (world, stick ("2-1", 3));
  follow (world);
  wait_until (count (world, "2-1") == 1);
  tell (world, "2-1", "Kingston DataTraveler", "lost");
  usb_tree_unplug (world->root, "2-1");
  settle (world, 1);
  plug (world, stick ("2-2", 4));
  wait_until (count (world, "2-2") == 1);
  settle (world, 2);
  g_assert_cmpuint (count (world, "1-3"), ==, 0);
  g_assert_cmpuint (count (world, "2-2"), ==, 1);
  g_assert_cmpuint (world->n_failed, ==, 1); /* what the session lists as missing */
}

/* What was attached by hand comes back as well; without a serial number, at its port. */
static void
test_by_hand (World *world, gconstpointer data)
{
  add_rule (world, "aaaa:bbbb");
  plug (world, plain ("1-3", 4));
  follow (world);
  settle (world, 1);
  tell (world, "1-3", "Plain Thing", "attached");
  tell (world, "1-3", "Plain Thing", "lost");
  usb_tree_unplug (world->root, "1-3");
  plug (world, plain ("1-4", 5));
  settle (world, 2);
  g_assert_cmpuint (count (world, "1-4"), ==, 0);
  usb_tree_unplug (world->root, "1-4");
  plug (world, plain ("1-3", 6));
  wait_until (count (world, "1-3") == 1);
}

/* What was detached stays with the host, until it is plugged in anew. */
static void
test_detached (World *world, gconstpointer data)
{
  add_rule (world, "0951:1666");
  add_rule (world, "aaaa:bbbb");
  plug (world, stick ("2-1", 3));
  follow (world);
  wait_until (count (world, "2-1") == 1);
  tell (world, "2-1", "Kingston DataTraveler", "detached");
  settle (world, 1);
  g_assert_cmpuint (count (world, "2-1"), ==, 1);
  usb_tree_unplug (world->root, "2-1");
  settle (world, 2);
  plug (world, stick ("2-1", 4));
  wait_until (count (world, "2-1") == 2);
}

/* One that the saved state had is given when it is plugged in. */
static void
test_missing (World *world, gconstpointer data)
{
  add_rule (world, "aaaa:bbbb");
  follow (world);
  wait_until (world->n_failed == 1); /* its absence is told */
  plug (world, (UsbTreeDevice){ "1-2", 1, 2, "1111:2222", "Stick", "Stick", NULL, 0, storage, NULL, NULL });
  wait_until (count (world, "1-2") == 1);
}

/* It is known by its number, at whichever port; that it is there needs no word, and neither does a second
 * time. */
static void
test_missing_elsewhere (World *world, gconstpointer data)
{
  world->session->usb = "[('1-2', '0951:1666:60A44C4251', 'Kingston DataTraveler', 'missing'),"
                        " ('1-4', '0951:1666:77', 'Kingston DataTraveler', 'missing'),"
                        " ('1-6', '', 'Plain Thing', 'missing')]"; /* as of an old state */
  add_rule (world, "aaaa:bbbb");
  plug (world, stick ("2-1", 3));
  plug (world, plain ("1-6", 4));
  follow (world);
  wait_until (count (world, "2-1") == 1);
  wait_until (count (world, "1-6") == 1);
  settle (world, 1);
  g_assert_cmpuint (world->n_failed, ==, 1);
  tell (world, "1-2", "Kingston DataTraveler", "missing"); /* it goes back once more */
  tell (world, "1-4", "Kingston DataTraveler", "missing");
  settle (world, 2);
  g_assert_cmpuint (world->n_failed, ==, 2);
  g_assert_nonnull (strstr (world->said, "“Kingston DataTraveler”"));
  g_assert_nonnull (strstr (world->said, "serial number 77"));
}

/* Going back to when the machine had it brings back what was detached since. */
static void
test_back (World *world, gconstpointer data)
{
  world->session->usb = "@a(ssss) []";
  add_rule (world, "aaaa:bbbb");
  plug (world, stick ("2-1", 3));
  follow (world);
  settle (world, 1);
  tell (world, "2-1", "Kingston DataTraveler", "attached");
  tell (world, "2-1", "Kingston DataTraveler", "detached");
  settle (world, 2);
  g_assert_cmpuint (count (world, "2-1"), ==, 0);
  world->session->usb = "[('2-1', '0951:1666:60A44C4251', 'Kingston DataTraveler', 'missing')]";
  tell (world, "2-1", "Kingston DataTraveler", "missing");
  wait_until (count (world, "2-1") == 1);
  g_assert_cmpuint (world->n_failed, ==, 0);
}

/* The host's only keyboard isn't taken. */
static void
test_sole (World *world, gconstpointer data)
{
  add_rule (world, "046d:c31c");
  add_rule (world, "aaaa:bbbb");
  plug (world,
        (UsbTreeDevice){ "1-5", 1, 3, "046d:c31c", "Logitech", "Keyboard", NULL, 0, keys, NULL, "keyboard" });
  follow (world);
  settle (world, 1);
  g_assert_cmpuint (count (world, "1-5"), ==, 0);
}

/* The first machine has it; when that lets go of it, the next. */
static void
test_two_machines (World *world, gconstpointer data)
{
  g_autoptr (HostUsb) usb = NULL;
  UsbClaim *claim;

  add_rule (world, "0951:1666");
  add_rule (world, "aaaa:bbbb");
  plug (world, stick ("2-1", 3));
  usb = host_usb_read (world->root, "2-1");
  claim = usb_claim_take (usb, "8e5a2c5e-0000-4b8e-9d63-0b9f3f1c7a11", "Other", NULL);
  follow (world);
  settle (world, 1);
  g_assert_cmpuint (count (world, "2-1"), ==, 0);
  usb_claim_release (claim);
  wait_until (count (world, "2-1") == 1);
}

/* What can't be had is told once. */
static void
test_failure (World *world, gconstpointer data)
{
  g_autoptr (HostUsb) usb = NULL;

  add_rule (world, "0951:1666");
  add_rule (world, "aaaa:bbbb");
  plug (world, stick ("2-1", 3));
  usb = host_usb_read (world->root, "2-1");
  g_assert_cmpint (g_unlink (usb->node), ==, 0);
  follow (world);
  wait_until (world->n_failed == 2);
  settle (world, 1);
  settle (world, 2);
  g_assert_cmpuint (world->n_failed, ==, 2);
  g_assert_cmpuint (count (world, "2-1"), ==, 0);
}

/* Rules that come while it runs count for what is plugged in already. */
static void
test_new_rules (World *world, gconstpointer data)
{
  add_rule (world, "aaaa:bbbb");
  plug (world, stick ("2-1", 3));
  follow (world);
  settle (world, 1);
  g_assert_cmpuint (count (world, "2-1"), ==, 0);
  add_rule (world, "0951:1666");
  usb_follower_set_rules (world->follower, world->rules);
  wait_until (count (world, "2-1") == 1);
}

int
main (int argc, char **argv)
{
  char *run = scratch_new ();
  int status;

  scratch_env (run, "XDG_RUNTIME_DIR");
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/usb-follower/" name, World, NULL, set_up, func, tear_down)
  ADD ("rule", test_rule);
  ADD ("by-hand", test_by_hand);
  ADD ("detached", test_detached);
  ADD ("missing", test_missing);
  ADD ("missing-elsewhere", test_missing_elsewhere);
  ADD ("back", test_back);
  ADD ("sole", test_sole);
  ADD ("two-machines", test_two_machines);
  ADD ("failure", test_failure);
  ADD ("new-rules", test_new_rules);
  status = g_test_run ();
  scratch_free (run);
  return status;
}

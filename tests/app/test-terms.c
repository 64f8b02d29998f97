/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Terms of workspaces, what proves them, and the profiles that they are made from. */
#include "app/base/error.h"
#include "app/workspace/canonical-json.h"
#include "app/workspace/offer.h"
#include "app/workspace/profile.h"
#include "app/workspace/seal.h"
#include "tests/app/scratch.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

static const KeyBytes secret = { 1, 2, 3 }, other_secret = { 4, 5, 6 };

/* --- canonical JSON --- */

static void
test_canonical (void)
{
  static const struct {
    const char *text, *canonical;
  } cases[] = {
    { "{ \"b\": [1, -2, true, null], \"a\": { } }", "{\"a\":{},\"b\":[1,-2,true,null]}" },
    { "[ \"\\u0041\\u00e4\\n\\u0001\\\"\\\\\\/\" ]", "[\"Aä\\n\\u0001\\\"\\\\/\"]" },
    { "[ 9007199254740993 ]", "[9007199254740993]" },
    { "[ 1.5 ]", NULL },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (JsonText) json = json_text_parse (cases[i].text, strlen (cases[i].text), "x", NULL);
      g_autofree char *text = canonical_json (json_text_root (json));

      g_assert_cmpstr (text, ==, cases[i].canonical);
    }
}

/* --- keys --- */

static void
test_keys (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autofree char *path = key_file_path (scratch, "issuer"), *folder = g_path_get_dirname (path);
  g_autoptr (GError) error = NULL;
  KeyBytes key, again;
  struct stat st;

  g_assert_false (key_file_read (path, key, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_true (key_file_make (path, &error));
  g_assert_true (key_file_read (path, key, &error));
  g_assert_true (key_file_make (path, &error)); /* leaves it as it is */
  g_assert_true (key_file_read (path, again, &error));
  g_assert_cmpmem (key, sizeof key, again, sizeof again);
  g_assert_cmpint (stat (path, &st), ==, 0);
  g_assert_cmpuint (st.st_mode & 0777, ==, 0600);
  g_assert_cmpint (stat (folder, &st), ==, 0);
  g_assert_cmpuint (st.st_mode & 0777, ==, 0700);

  g_assert_cmpint (g_chmod (path, 0640), ==, 0);
  g_assert_false (key_file_read (path, key, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED);
  g_clear_error (&error);
  g_assert_true (g_file_set_contents (path, "short", -1, NULL));
  g_assert_cmpint (g_chmod (path, 0600), ==, 0);
  g_assert_false (key_file_read (path, key, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID);
}

/* RFC 8032 section 7.1, test 1: how keys and signatures are computed. */
static void
test_known_key (void)
{
  static const KeyBytes known = { 0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a,
                                  0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32,
                                  0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60 };
  g_autofree char *public = seal_public_key (known);

  g_assert_cmpstr (public, ==, "ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
  g_assert_true (seal_is_public_key (public));
  g_assert_false (seal_is_public_key ("ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURp="));
  g_assert_false (seal_is_public_key ("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="));
}

/* --- terms --- */

static Terms *
make_terms (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Profile) profile = profile_load ("/nowhere", "secure", &error);
  Terms *terms = g_new0 (Terms, 1);

  g_assert_no_error (error);
  terms->id = g_strdup ("0b9f9a0e-6b0a-4c39-a8c7-6f3d1a5b7c11");
  terms->machine = g_strdup ("1b9f9a0e-6b0a-4c39-a8c7-6f3d1a5b7c12");
  terms->origin = g_strdup ("2b9f9a0e-6b0a-4c39-a8c7-6f3d1a5b7c13");
  terms->version = 3;
  terms->subject = g_strdup ("Änne");
  terms->issued = 1000000;
  terms->expiry = (Expiry){ EXPIRY_START, 30 * 86400 };
  profile_apply (profile, terms);
  terms->afterwards = AFTERWARDS_DESTROY;
  terms->permissions.idle_suspend = 15;
  return terms;
}

static void
test_terms (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Terms) terms = make_terms (), again = NULL;
  g_autofree char *text = terms_sign (terms, secret, &error), *public = seal_public_key (secret);

  g_assert_no_error (error);
  again = terms_read (text, strlen (text), "terms.json", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (again->id, ==, terms->id);
  g_assert_cmpstr (again->machine, ==, terms->machine);
  g_assert_cmpstr (again->origin, ==, terms->origin);
  g_assert_cmpstr (again->issuer, ==, public);
  g_assert_cmpstr (again->subject, ==, "Änne");
  g_assert_cmpstr (again->profile, ==, "secure");
  g_assert_cmpstr (again->digest, ==, terms->digest);
  g_assert_cmpuint (again->version, ==, 3);
  g_assert_cmpint (again->issued, ==, 1000000);
  g_assert_cmpint (again->expiry.kind, ==, EXPIRY_START);
  g_assert_cmpint (again->expiry.at, ==, 30 * 86400);
  g_assert_cmpint (again->grace, ==, 86400);
  g_assert_cmpint (again->afterwards, ==, AFTERWARDS_DESTROY);
  g_assert_cmpint (again->permissions.clipboard, ==, CLIPBOARD_OFF);
  g_assert_cmpstr (again->permissions.networks[0], ==, "none");
  g_assert_true (again->permissions.encryption && !again->permissions.snapshots);
  g_assert_cmpuint (again->permissions.idle_suspend, ==, 15);
}

/* Each byte, changed in each of its bits, and each text that is cut off or goes on. */
static void
test_changed_terms (void)
{
  g_autoptr (Terms) terms = make_terms ();
  g_autofree char *text = terms_sign (terms, secret, NULL);
  gsize length = strlen (text);

  for (gsize i = 0; i < length; i++)
    for (unsigned bit = 0; bit < 8; bit++)
      {
        g_autoptr (GError) error = NULL;
        g_autofree char *changed = g_strdup (text);

        changed[i] ^= (char)(1 << bit);
        g_assert_null (terms_read (changed, length, "terms.json", &error));
        g_assert_nonnull (error);
        g_assert_nonnull (strstr (error->message, "terms.json"));
      }
  for (gsize i = 0; i < length; i++)
    g_assert_null (terms_read (text, i, "terms.json", NULL));
  {
    /* Bytes without an end, as a file's that is mapped. */
    g_autofree char *bytes = g_memdup2 (text, length);
    g_autoptr (Terms) read = terms_read (bytes, length, "terms.json", NULL);

    g_assert_cmpstr (read->digest, ==, terms->digest);
  }
  for (const char *more = " \n}0"; *more != '\0'; more++)
    {
      g_autofree char *longer = g_strdup_printf ("%s%c", text, *more);

      g_assert_null (terms_read (longer, length + 1, "terms.json", NULL));
    }
}

/* Signed, but by a version that knows more, or without sense. */
static void
test_strange_terms (void)
{
  static const struct {
    const char *was, *is, *complaint;
  } cases[] = {
    { "\"profile\":", "\"price\":5,\"profile\":", "price" },
    { "\"usb\":", "\"tapes\":true,\"usb\":", "permissions.tapes" },
    { "\"bonsai-terms\":1", "\"bonsai-terms\":2", "update Bonsai" },
    { "\"bonsai-terms\":1", "\"bonsai-renewal\":1", "bonsai-terms" },
    { "\"grace\":86400", "\"grace\":86399", "a day" },
    { "\"at\":2592000", "\"at\":99999999999", "100 years" },
    { "\"kind\":\"start\"", "\"kind\":\"moon\"", "moon" },
    { "\"afterwards\":\"destroy\"", "\"afterwards\":\"sell\"", "sell" },
  };
  g_autoptr (Terms) terms = make_terms ();
  g_autofree char *text = terms_sign (terms, secret, NULL);

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GString) changed = g_string_new (text);
      g_autoptr (JsonText) json = NULL;
      g_autofree char *again = NULL;
      JsonObject *object;

      g_assert_cmpuint (g_string_replace (changed, cases[i].was, cases[i].is, 1), ==, 1);
      json = json_text_parse (changed->str, changed->len, "x", NULL);
      object = json_node_get_object (json_text_root (json));
      json_object_remove_member (object, "signature");
      again = seal_sign (object, secret);
      g_assert_null (terms_read (again, strlen (again), "terms.json", &error));
      g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID);
      g_assert_nonnull (strstr (error->message, cases[i].complaint));
    }
}

static void
test_renewals (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Terms) terms = make_terms ();
  g_autofree char *text = terms_sign (terms, secret, NULL), *first = NULL, *second = NULL, *forged = NULL;
  Renewal one = {
    .number = 1, .follows = terms->digest, .issued = 2000000, .expiry = { EXPIRY_DATE, 9000000 }
  };
  Renewal two = { .number = 2, .issued = 3000000, .expiry = { EXPIRY_NEVER, 0 }, .mends = true };
  g_autoptr (Renewal) read = NULL, last = NULL;

  forged = renewal_sign (&one, other_secret, &error);
  g_clear_pointer (&one.digest, g_free);
  first = renewal_sign (&one, secret, &error);
  two.follows = one.digest;
  second = renewal_sign (&two, secret, &error);
  g_assert_no_error (error);
  read = renewal_read (first, strlen (first), "renewal-1.json", terms, terms->digest, 1, &error);
  g_assert_no_error (error);
  g_assert_cmpint (read->expiry.at, ==, 9000000);
  g_assert_false (read->mends);
  last = renewal_read (second, strlen (second), "renewal-2.json", terms, read->digest, 2, &error);
  g_assert_no_error (error);
  g_assert_cmpint (last->issued, ==, 3000000);
  g_assert_true (last->mends);

  /* Another's, out of its turn, of other terms, and terms themselves. */
  g_assert_null (renewal_read (forged, strlen (forged), "x", terms, terms->digest, 1, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED);
  g_clear_error (&error);
  g_assert_null (renewal_read (second, strlen (second), "x", terms, terms->digest, 1, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED);
  g_clear_error (&error);
  g_assert_null (renewal_read (first, strlen (first), "x", terms, read->digest, 2, &error));
  g_clear_error (&error);
  g_assert_null (renewal_read (text, strlen (text), "x", terms, terms->digest, 1, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID);
  for (gsize i = 0; i < strlen (first); i++)
    {
      g_autofree char *changed = g_strdup (first);

      changed[i] ^= 1;
      g_assert_null (renewal_read (changed, strlen (first), "x", terms, terms->digest, 1, NULL));
    }
  g_free (one.digest);
  g_free (two.digest);
}

/* Each byte of an offer counts; so do terms that another issuer signed. */
static void
test_offers (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Offer) offer = g_new0 (Offer, 1), read = NULL;
  g_autofree char *text = NULL, *forged = NULL;
  gsize length;

  offer->terms = make_terms ();
  offer->text = terms_sign (offer->terms, secret, &error);
  offer->name = g_strdup ("Änne's");
  offer->snapshot = g_strdup ("abcdefghij");
  offer->until = 5000000;
  text = offer_sign (offer, secret, &error);
  g_assert_no_error (error);
  length = strlen (text);
  g_assert_true (offer_is_one (text, length) && !offer_is_one (offer->text, strlen (offer->text)));
  read = offer_read (text, length, "x", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (read->name, ==, "Änne's");
  g_assert_cmpstr (read->snapshot, ==, "abcdefghij");
  g_assert_cmpstr (read->text, ==, offer->text);
  g_assert_cmpint (read->until, ==, 5000000);
  for (gsize i = 0; i < length; i++)
    {
      g_autofree char *changed = g_strdup (text);

      changed[i] ^= 1;
      g_assert_null (offer_read (changed, length, "x", NULL));
      g_assert_null (offer_read (text, i, "x", NULL));
    }
  forged = offer_sign (offer, other_secret, &error);
  g_assert_null (offer_read (forged, strlen (forged), "x", &error));
  g_assert_nonnull (strstr (error->message, "another issuer"));
}

static void
test_seal (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonObject) object = json_object_new ();
  g_autoptr (JsonText) json = NULL;
  g_autofree char *text = NULL;

  json_object_set_int_member (object, "x", 1);
  text = seal_authenticate (object, secret);
  json = seal_open_authenticated (text, strlen (text), "x", secret, &error);
  g_assert_no_error (error);
  g_assert_cmpint (json_object_get_int_member (json_node_get_object (json_text_root (json)), "x"), ==, 1);
  g_assert_null (seal_open_authenticated (text, strlen (text), "x", other_secret, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED);
  for (gsize i = 0; i < strlen (text); i++)
    {
      g_autofree char *changed = g_strdup (text);

      changed[i] ^= 2;
      g_assert_null (seal_open_authenticated (changed, strlen (text), "x", secret, NULL));
    }
}

/* --- profiles and permissions --- */

static void
test_profiles (void)
{
  static const char *const names[] = { "corporate", "secure", "entertainment", "test" };
  static const struct {
    const char *text, *complaint;
  } bad[] = {
    { "[]", "object" },
    { "{ \"bonsai-profile\": 2, \"permissions\": {} }", "update" },
    { "{ \"bonsai-profile\": 1,\n \"permissions\": { \"clipboard\": \"some\" } }", ":2:" },
    { "{ \"bonsai-profile\": 1, \"permissions\": { \"hours\": { \"from\": \"8:00\", \"until\": \"22:00\" } } "
      "}",
      "permissions.hours.from" },
    { "{ \"bonsai-profile\": 1, \"permissions\": { \"networks\": [ \"\" ] } }", "permissions.networks" },
    { "{ \"bonsai-profile\": 1, \"afterwards\": \"destroy\", \"permissions\": {} }", "grace" },
    { "{ \"bonsai-profile\": 1, \"grace\": \"soon\", \"permissions\": {} }", "grace" },
    { "{ \"bonsai-profile\": 1, \"permision\": {} }", "permision" },
  };
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autofree char *path = g_build_filename (scratch, "mine.json", NULL);
  g_autoptr (GError) error = NULL;

  for (unsigned i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (Profile) profile = profile_load (scratch, names[i], &error);

      g_assert_no_error (error);
      g_assert_cmpstr (profile->name, ==, names[i]);
    }
  g_assert_null (profile_load (scratch, "mine", &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND);
  g_clear_error (&error);
  for (unsigned i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_assert_true (g_file_set_contents (path, bad[i].text, -1, NULL));
      g_assert_null (profile_load (scratch, "mine", &error));
      g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID);
      g_assert_nonnull (strstr (error->message, bad[i].complaint));
      g_assert_nonnull (strstr (error->message, "mine.json:"));
      g_clear_error (&error);
    }
}

/* Ports that lead into a machine: none, those that only its host reaches, or any. */
static void
test_forwards (void)
{
  static const struct {
    const char *profile, *forward;
    bool allowed;
  } cases[] = {
    { "secure", "8080:80", false },
    { "corporate", "8080:80", true },
    { "corporate", "0.0.0.0:8080:80", false },
    { "test", "0.0.0.0:8080:80", true },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (Profile) profile = profile_load ("/nowhere", cases[i].profile, &error);
      g_autoptr (VmConfig) config = vm_config_new ("x");
      VmNic *nic = config->nics->pdata[0];
      NetForward forward;

      g_assert_true (net_forward_parse (&forward, cases[i].forward, NULL));
      g_array_append_val (nic->forwards, forward);
      config->agents.desktop = false;
      g_assert_cmpint (permissions_check_config (&profile->permissions, config, &error), ==, cases[i].allowed);
      if (!cases[i].allowed)
        {
          g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED);
          g_assert_nonnull (strstr (error->message, "lead into it"));
          permissions_fit_config (&profile->permissions, config);
          g_assert_cmpuint (nic->forwards->len, ==, 0);
          g_assert_true (permissions_check_config (&profile->permissions, config, NULL));
        }
    }
}

static void
test_machine (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Profile) profile = profile_load ("/nowhere", "secure", &error);
  g_autoptr (VmConfig) config = vm_config_new ("x");
  Permissions all;

  vm_config_add_nic (config, "nat");
  g_assert_false (permissions_check_config (&profile->permissions, config, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED);
  g_assert_nonnull (strstr (error->message, "nat"));
  g_clear_error (&error);
  for (guint i = 0; i < config->nics->len; i++)
    vm_config_set (&((VmNic *)g_ptr_array_index (config->nics, i))->network, "none");
  g_assert_false (permissions_check_config (&profile->permissions, config, &error));
  g_assert_nonnull (strstr (error->message, "clipboard"));
  g_clear_error (&error);
  config->agents.clipboard = CLIPBOARD_OFF;
  g_assert_true (permissions_check_config (&profile->permissions, config, &error));

  permissions_init (&all);
  all.clipboard = CLIPBOARD_TO_GUEST;
  config->agents.clipboard = CLIPBOARD_TO_HOST;
  g_assert_false (permissions_check_config (&all, config, NULL));
  config->agents.clipboard = CLIPBOARD_TO_GUEST;
  g_assert_true (permissions_check_config (&all, config, NULL));
}

static bool
allows (const Permissions *permissions, int day, int hour)
{
  g_autoptr (GDateTime) now = g_date_time_new_utc (2026, 6, day, hour, 30, 0); /* the 1st is a Monday */

  return permissions_check_time (permissions, now, NULL);
}

static void
test_hours (void)
{
  const char *weekdays[] = { "mon", "fri", NULL };
  Permissions permissions;

  permissions_init (&permissions);
  g_assert_true (allows (&permissions, 1, 3));
  permissions.from = 8 * 60;
  permissions.until = 18 * 60;
  g_assert_true (allows (&permissions, 2, 8) && allows (&permissions, 2, 17));
  g_assert_false (allows (&permissions, 2, 7) || allows (&permissions, 2, 18));
  permissions.days = (GStrv)weekdays;
  g_assert_true (allows (&permissions, 1, 9) && allows (&permissions, 5, 9));
  g_assert_false (allows (&permissions, 2, 9) || allows (&permissions, 7, 9));
  /* Over midnight: Friday's night ends on Saturday. */
  permissions.from = 20 * 60;
  permissions.until = 4 * 60;
  g_assert_true (allows (&permissions, 5, 20) && allows (&permissions, 6, 3));
  g_assert_false (allows (&permissions, 5, 3) || allows (&permissions, 6, 20) || allows (&permissions, 6, 4));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/terms/canonical", test_canonical);
  g_test_add_func ("/terms/keys", test_keys);
  g_test_add_func ("/terms/known-key", test_known_key);
  g_test_add_func ("/terms/text", test_terms);
  g_test_add_func ("/terms/changed", test_changed_terms);
  g_test_add_func ("/terms/strange", test_strange_terms);
  g_test_add_func ("/terms/renewals", test_renewals);
  g_test_add_func ("/terms/offers", test_offers);
  g_test_add_func ("/terms/seal", test_seal);
  g_test_add_func ("/terms/profiles", test_profiles);
  g_test_add_func ("/terms/machine", test_machine);
  g_test_add_func ("/terms/forwards", test_forwards);
  g_test_add_func ("/terms/hours", test_hours);
  return g_test_run ();
}

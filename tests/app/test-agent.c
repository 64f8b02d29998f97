/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What guests are asked, by an agent that says anything at all. */
#include "app/agent/agent-json.h"
#include "app/base/error.h"
#include "tests/app/fake-agent.h"

#include <string.h>

static void
assert_text (GVariant *answer, const char *key, const char *expected)
{
  const char *value = NULL;

  g_variant_lookup (answer, key, "&s", &value);
  g_assert_cmpstr (value, ==, expected);
}

static GVariant *
arguments (const char *key, GVariant *value)
{
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert_value (&dict, key, value);
  return g_variant_dict_end (&dict);
}

/* --- what it answers --- */

/* Only what is switched on is asked; terminals' control characters are gone. */
static void
test_info (void)
{
  g_autoptr (FakeAgent) fake = fake_agent_new ();
  g_autoptr (GVariant) answer = NULL;
  g_autoptr (GError) error = NULL;

  fake_agent_reply (fake, "{\"return\": {\"version\": \"7.2.9\", \"supported_commands\": ["
                          "{\"name\": \"guest-get-osinfo\", \"enabled\": true, \"success-response\": true},"
                          "{\"name\": \"guest-get-users\", \"enabled\": false},"
                          "{\"name\": \"guest-get-host-name\", \"enabled\": true}, 17, {}]}}");
  fake_agent_reply (fake, "{\"return\": {\"pretty-name\": \"A \\u001b[31m\\nsystem\", \"id\": 5}}");
  fake_agent_reply (fake, "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}}");
  answer = fake_agent_ask (fake, "info", NULL, &error);
  g_assert_no_error (error);
  assert_text (answer, "agent-version", "7.2.9");
  assert_text (answer, "os-name", "A ?[31m?system");
  assert_text (answer, "os-id", NULL);
  assert_text (answer, "host-name", NULL);
  fake_agent_wait_heard (fake, "guest-info guest-get-osinfo guest-get-host-name ");
}

static void
test_addresses (void)
{
  g_autoptr (FakeAgent) fake = fake_agent_new ();
  g_autoptr (GVariant) answer = NULL, interfaces = NULL;
  g_autofree char *text = NULL;

  fake_agent_reply (fake, "{\"return\": [{\"name\": \"eth0\", \"hardware-address\": \"52:54:00:12:34:56\","
                          "\"ip-addresses\": [{\"ip-address\": \"192.0.2.1\", \"prefix\": 24},"
                          "{\"ip-address\": \"2001:DB8::1\", \"prefix\": 64}, {\"ip-address\": \"1.2.3\"},"
                          "{\"ip-address\": \"10.0.0.1\", \"prefix\": -3}, 5, {\"prefix\": 1}]},"
                          "{\"name\": \"x\", \"hardware-address\": \"$(rm)\"}, {\"name\": \"\"}, {}, null]}");
  answer = fake_agent_ask (fake, "addresses", NULL, NULL);
  g_assert_nonnull (answer);
  interfaces = g_variant_lookup_value (answer, "interfaces", NULL);
  text = g_variant_print (interfaces, FALSE);
  g_assert_cmpstr (text, ==,
                   "[('eth0', '52:54:00:12:34:56', [('192.0.2.1', 24), ('2001:db8::1', 64), "
                   "('10.0.0.1', 32)]), ('x', '', [])]");
}

static void
test_exec (void)
{
  static const char *const command[] = { "/bin/echo", "hello", NULL };
  g_autoptr (FakeAgent) fake = fake_agent_new ();
  g_autoptr (GVariant) answer = NULL, output = NULL;
  g_autoptr (GError) error = NULL;
  gint32 status = -1;

  fake_agent_reply (fake, "{\"return\": {\"pid\": 77}}");
  fake_agent_reply (fake, "{\"return\": {\"exited\": false}}");
  fake_agent_reply (fake, "{\"return\": {\"exited\": true, \"exitcode\": 3, \"out-data\": \"aGVsbG8K\"}}");
  answer = fake_agent_ask (fake, "exec", arguments ("command", g_variant_new_strv (command, -1)), &error);
  g_assert_no_error (error);
  g_assert_true (g_variant_lookup (answer, "exit-status", "i", &status));
  g_assert_cmpint (status, ==, 3);
  output = g_variant_lookup_value (answer, "output", G_VARIANT_TYPE_BYTESTRING);
  g_assert_cmpmem (g_variant_get_data (output), g_variant_get_size (output), "hello\n", 6);
  g_assert_null (fake_agent_ask (fake, "exec", NULL, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID);
}

typedef struct {
  const char *name, *operation, *reply;
} Nonsense;

/* Each makes the operation fail, and the next one works. */
static const Nonsense nonsense[] = {
  { "no-json", "addresses", "{\"return\": [" },
  { "no-answer", "addresses", "{\"event\": 1}" },
  { "empty", "addresses", "" },
  { "number", "addresses", "17" },
  { "two-objects", "addresses", "{\"return\": []} {\"return\": [1]}" },
  { "number-and-object", "addresses", "2{\"return\": []}" },
  { "wrong-type", "addresses", "{\"return\": {}}" },
  { "null", "info", "{\"return\": null}" },
  { "error-without-reason", "info", "{\"error\": 5}" },
  { "bad-utf8", "info", "{\"return\": \"\xc3\x28\"}" },
  { "bad-base64", "exec", "{\"return\": {\"exited\": true, \"exitcode\": 0, \"out-data\": \"%%%\"}}" },
  { "no-pid", "exec", "{\"return\": {\"pid\": \"1\"}}" },
  { "negative", "time", "{\"return\": -1}" },
  { "fraction", "time", "{\"return\": 1.5}" },
  { "huge-number", "time", "{\"return\": 99999999999999999999999999}" },
};

static void
test_nonsense (gconstpointer data)
{
  static const char *const command[] = { "/bin/true", NULL };
  const Nonsense *wrong = data;
  g_autoptr (FakeAgent) fake = fake_agent_new ();
  g_autoptr (GVariant) answer = NULL;
  g_autoptr (GError) error = NULL;

  if (g_str_equal (wrong->name, "bad-base64"))
    fake_agent_reply (fake, "{\"return\": {\"pid\": 77}}");
  fake_agent_reply (fake, wrong->reply);
  answer =
    fake_agent_ask (fake, wrong->operation, arguments ("command", g_variant_new_strv (command, -1)), &error);
  if (g_str_equal (wrong->name, "huge-number"))
    g_clear_pointer (&answer, g_variant_unref);
  else
    g_assert_true (error != NULL && error->domain == BONSAI_ERROR);
  g_clear_error (&error);
  fake_agent_reply (fake, "{\"return\": 5}");
  answer = fake_agent_ask (fake, "time", NULL, &error);
  g_assert_no_error (error);
}

/* A string of @n copies of @piece. */
static char *
many (const char *start, const char *piece, gsize n, const char *end)
{
  GString *text = g_string_new (start);

  for (gsize i = 0; i < n; i++)
    g_string_append (text, piece);
  g_string_append (text, end);
  return g_string_free (text, FALSE);
}

/* Deep, broad and endless answers end early. */
static void
test_bounds (void)
{
  g_autoptr (FakeAgent) fake = fake_agent_new ();
  g_autofree char *deep = many ("{\"return\": ", "[", 100000, "");
  g_autofree char *broad = many ("{\"return\": [", "0,", 100000, "0]}");
  g_autofree char *endless = g_malloc (AGENT_REPLY_MAX + 2);
  const char *const texts[] = { deep, broad, endless };

  memset (endless, ' ', AGENT_REPLY_MAX + 1);
  endless[AGENT_REPLY_MAX + 1] = '\0';
  for (unsigned i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GVariant) answer = NULL;
      g_autoptr (GError) error = NULL;

      fake_agent_reply (fake, texts[i]);
      g_assert_null (fake_agent_ask (fake, "addresses", NULL, &error));
      g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_FAILED);
      g_clear_error (&error);
      fake_agent_reply (fake, "{\"return\": 5}");
      answer = fake_agent_ask (fake, "time", NULL, &error);
      g_assert_no_error (error);
    }
}

/* Half an answer of another time, and ones that nobody asked for. */
static void
test_garbage_before (void)
{
  g_autoptr (FakeAgent) fake = fake_agent_new ();
  g_autoptr (GVariant) answer = NULL;
  g_autoptr (GError) error = NULL;
  gint64 time = 0;

  fake_agent_send (fake, "{\"return\": 1}\n{\"ret", 19);
  fake_agent_reply (fake, "{\"return\": 5}");
  answer = fake_agent_ask (fake, "time", NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_variant_lookup (answer, "time", "x", &time));
  g_assert_cmpint (time, ==, 5);
}

/* --- time --- */

static void
on_node (GObject *source, GAsyncResult *result, gpointer data)
{
  *(GAsyncResult **)data = g_object_ref (result);
}

static void
wait_for (GAsyncResult **result)
{
  while (*result == NULL)
    g_main_context_iteration (NULL, TRUE);
}

/* An answer that comes after its time is not the next one's. */
static void
test_late (void)
{
  g_autoptr (FakeAgent) fake = fake_agent_new ();
  GuestAgent *agent = guest_service_get_agent (fake->service);
  g_autoptr (GAsyncResult) first = NULL, second = NULL;
  g_autoptr (JsonNode) node = NULL;
  g_autoptr (GError) error = NULL;

  fake_agent_reply (fake, NULL);
  guest_agent_call_async (agent, "guest-ping", NULL, 20, GUEST_AGENT_CALL, NULL, on_node, &first);
  wait_for (&first);
  g_assert_null (guest_agent_call_finish (first, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_TIMED_OUT);
  g_clear_error (&error);

  fake_agent_send (fake, "{\"return\": 1}\n", 14);
  fake_agent_reply (fake, "{\"return\": 2}");
  guest_agent_call_async (agent, "guest-ping", NULL, 10000, GUEST_AGENT_CALL, NULL, on_node, &second);
  wait_for (&second);
  node = guest_agent_call_finish (second, &error);
  g_assert_no_error (error);
  g_assert_cmpint (json_node_get_int (node), ==, 2);
}

static void
spin (unsigned ms)
{
  gint64 end = g_get_monotonic_time () + ms * G_TIME_SPAN_MILLISECOND;

  while (g_get_monotonic_time () < end)
    {
      g_main_context_iteration (NULL, FALSE);
      g_usleep (1000);
    }
}

/* While the machine stands still, time stands still. */
static void
test_paused (void)
{
  g_autoptr (FakeAgent) fake = fake_agent_new ();
  GuestAgent *agent = guest_service_get_agent (fake->service);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (JsonNode) node = NULL;
  g_autoptr (GError) error = NULL;

  fake_agent_reply (fake, NULL);
  guest_agent_call_async (agent, "guest-ping", NULL, 200, GUEST_AGENT_CALL, NULL, on_node, &result);
  fake_agent_wait_heard (fake, "guest-ping ");
  guest_agent_set_running (agent, false);
  spin (300);
  g_assert_null (result);
  fake_agent_send (fake, "{\"return\": 1}\n", 14);
  guest_agent_set_running (agent, true);
  wait_for (&result);
  node = guest_agent_call_finish (result, &error);
  g_assert_no_error (error);
}

static void
begin_exec (FakeAgent *fake, unsigned seconds, GAsyncResult **result)
{
  static const char *const command[] = { "/bin/sleep", NULL };
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "command", "^as", command);
  g_variant_dict_insert (&dict, "timeout", "u", seconds);
  fake_agent_reply (fake, "{\"return\": {\"pid\": 77}}");
  guest_service_ask_async (fake->service, "exec", g_variant_dict_end (&dict), NULL, on_node, result);
}

/* So it does for a program that is waited for. */
static void
test_exec_paused (void)
{
  g_autoptr (FakeAgent) fake = fake_agent_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GVariant) answer = NULL;
  g_autoptr (GError) error = NULL;

  begin_exec (fake, 1, &result);
  fake_agent_reply (fake, NULL);
  fake_agent_reply (fake, "{\"return\": {\"exited\": true, \"exitcode\": 0}}");
  fake_agent_wait_heard (fake, "guest-exec guest-exec-status ");
  guest_service_set_running (fake->service, false, false);
  spin (1100);
  guest_service_set_running (fake->service, true, false);
  fake_agent_send (fake, "{\"return\": {\"exited\": false}}\n", 30);
  wait_for (&result);
  answer = guest_service_ask_finish (result, &error);
  g_assert_no_error (error);
}

/* Of a guest that panicked nobody waits for anything: not who was asked, not who waits, not a program's end;
 * what should only end the guest has ended well. */
static void
test_lost (void)
{
  g_autoptr (FakeAgent) fake = fake_agent_new ();
  GuestAgent *agent = guest_service_get_agent (fake->service);
  g_autoptr (GError) panic = g_error_new_literal (BONSAI_ERROR, BONSAI_ERROR_NOT_RUNNING, "panicked");
  GAsyncResult *results[4] = { NULL };
  g_autoptr (GVariant) answer = NULL;
  g_autoptr (GError) error = NULL;

  begin_exec (fake, 0, &results[0]);
  fake_agent_reply (fake, "{\"return\": {\"exited\": false}}");
  fake_agent_wait_heard (fake, "guest-exec guest-exec-status ");
  fake_agent_reply (fake, NULL);
  for (unsigned i = 1; i < G_N_ELEMENTS (results); i++)
    guest_agent_call_async (agent, "guest-shutdown", NULL, 10000,
                            i == 1 ? GUEST_AGENT_SILENT : GUEST_AGENT_CALL, NULL, on_node, &results[i]);
  guest_service_set_running (fake->service, false, false);
  while (strstr (fake->heard->str, "guest-shutdown") == NULL)
    g_main_context_iteration (NULL, TRUE);
  guest_service_lose (fake->service, panic);
  g_assert_false (guest_agent_is_there (agent));
  for (unsigned i = 0; i < G_N_ELEMENTS (results); i++)
    {
      g_autoptr (GError) failure = NULL;

      wait_for (&results[i]);
      if (i == 1)
        json_node_unref (guest_agent_call_finish (results[i], &failure));
      else
        g_assert_null (g_task_propagate_pointer (G_TASK (results[i]), &failure));
      g_assert_cmpstr (failure != NULL ? failure->message : NULL, ==, i == 1 ? NULL : "panicked");
      g_object_unref (results[i]);
    }
  g_assert_null (fake_agent_ask (fake, "time", NULL, &error));
  g_assert_cmpstr (error->message, ==, "panicked");
  g_clear_error (&error);

  fake_agent_leave (fake);
  fake_agent_come (fake); /* after a reset */
  guest_service_set_running (fake->service, true, false);
  fake_agent_reply (fake, "{\"return\": 5}");
  answer = fake_agent_ask (fake, "time", NULL, &error);
  g_assert_no_error (error);
}

/* A program that is waited for, and isn't asked for just then, when the machine ends. */
static void
test_lost_between (void)
{
  g_autoptr (FakeAgent) fake = fake_agent_new ();
  g_autoptr (GError) end = g_error_new_literal (BONSAI_ERROR, BONSAI_ERROR_NOT_RUNNING, "powered off");
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  begin_exec (fake, 0, &result);
  for (unsigned i = 0; i < 3; i++)
    fake_agent_reply (fake, "{\"return\": {\"exited\": false}}");
  fake_agent_wait_heard (fake, "guest-exec guest-exec-status guest-exec-status guest-exec-status ");
  guest_service_lose (fake->service, end);
  g_clear_pointer (&fake->service, guest_service_free);
  wait_for (&result);
  g_assert_null (guest_service_ask_finish (result, &error));
  g_assert_cmpstr (error->message, ==, "powered off");
}

/* Cancelled while it is asked, and while it waits for its turn. */
static void
test_cancelled (void)
{
  g_autoptr (FakeAgent) fake = fake_agent_new ();
  GuestAgent *agent = guest_service_get_agent (fake->service);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  GAsyncResult *results[3] = { NULL };
  g_autoptr (JsonNode) node = NULL;
  g_autoptr (GError) error = NULL;

  fake_agent_reply (fake, NULL);
  for (unsigned i = 0; i < 3; i++)
    guest_agent_call_async (agent, i < 2 ? "guest-ping" : "guest-last", NULL, 10000, GUEST_AGENT_CALL,
                            i < 2 ? cancellable : NULL, on_node, &results[i]);
  fake_agent_wait_heard (fake, "guest-ping ");
  fake_agent_reply (fake, "{\"return\": 3}");
  g_cancellable_cancel (cancellable);
  for (unsigned i = 0; i < 3; i++)
    {
      wait_for (&results[i]);
      node = guest_agent_call_finish (results[i], &error);
      g_assert_true (i == 2 ? node != NULL : g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED));
      g_clear_error (&error);
    }
  g_assert_cmpstr (fake->heard->str, ==, "guest-ping guest-last ");
  for (unsigned i = 0; i < 3; i++)
    g_clear_object (&results[i]);
}

static void
test_gone (void)
{
  g_autoptr (FakeAgent) fake = fake_agent_new ();
  GuestAgent *agent = guest_service_get_agent (fake->service);
  g_autoptr (GAsyncResult) first = NULL, second = NULL;
  g_autoptr (GVariant) answer = NULL;
  g_autoptr (GError) error = NULL;

  fake_agent_reply (fake, NULL);
  guest_agent_call_async (agent, "guest-ping", NULL, 10000, GUEST_AGENT_CALL, NULL, on_node, &first);
  guest_agent_call_async (agent, "guest-ping", NULL, 10000, GUEST_AGENT_CALL, NULL, on_node, &second);
  fake_agent_wait_heard (fake, "guest-ping ");
  fake_agent_leave (fake);
  wait_for (&first);
  wait_for (&second);
  g_assert_null (guest_agent_call_finish (first, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_null (guest_agent_call_finish (second, &error));
  g_clear_error (&error);
  g_assert_null (fake_agent_ask (fake, "time", NULL, &error));
  g_assert_nonnull (strstr (error->message, "install its package qemu-guest-agent"));
  g_clear_error (&error);

  fake_agent_come (fake);
  fake_agent_reply (fake, "{\"return\": 5}");
  answer = fake_agent_ask (fake, "time", NULL, &error);
  g_assert_no_error (error);
}

/* --- freezing --- */

static GVariant *
freeze (FakeAgent *fake, guint32 seconds)
{
  GVariant *answer;
  GError *error = NULL;

  fake_agent_reply (fake, "{\"return\": 2}");
  answer = fake_agent_ask (fake, "freeze", arguments ("timeout", g_variant_new_uint32 (seconds)), &error);
  g_assert_no_error (error);
  return answer;
}

static void
test_freeze (void)
{
  g_autoptr (FakeAgent) fake = fake_agent_new ();
  g_autoptr (GVariant) frozen = freeze (fake, 60), thawed = NULL, again = NULL;
  g_autoptr (GError) error = NULL;
  guint32 id = 0;
  gboolean in_force = FALSE;

  /* Nothing else meanwhile. */
  g_assert_null (fake_agent_ask (fake, "info", NULL, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_BUSY);
  g_clear_error (&error);
  g_assert_true (g_variant_lookup (frozen, "id", "u", &id));
  again = fake_agent_ask (fake, "thaw", arguments ("id", g_variant_new_uint32 (id + 1)), &error);
  g_assert_true (g_variant_lookup (again, "in-force", "b", &in_force) && !in_force);
  fake_agent_reply (fake, "{\"return\": 2}");
  thawed = fake_agent_ask (fake, "thaw", arguments ("id", g_variant_new_uint32 (id)), &error);
  g_assert_true (g_variant_lookup (thawed, "in-force", "b", &in_force) && in_force);
  g_assert_cmpstr (fake->heard->str, ==, "guest-fsfreeze-freeze guest-fsfreeze-thaw ");
}

/* After its time it is thawed by itself. */
static void
test_freeze_time_limit (void)
{
  g_autoptr (FakeAgent) fake = fake_agent_new ();
  g_autoptr (GVariant) frozen = freeze (fake, 1);

  fake_agent_reply (fake, "{\"return\": 2}");
  fake_agent_wait_heard (fake, "guest-fsfreeze-freeze guest-fsfreeze-thaw ");
}

/* An agent that comes back thaws what it left. */
static void
test_freeze_agent_killed (void)
{
  g_autoptr (FakeAgent) fake = fake_agent_new ();
  g_autoptr (GVariant) frozen = freeze (fake, 600);

  fake_agent_leave (fake);
  fake_agent_reply (fake, "{\"return\": 2}");
  fake_agent_come (fake);
  fake_agent_wait_heard (fake, "guest-fsfreeze-freeze guest-fsfreeze-thaw ");
}

/* Until the service knows that nothing is frozen: then it asks again. */
static void
wait_thawed (FakeAgent *fake)
{
  g_autoptr (GVariant) answer = NULL;

  fake_agent_reply (fake, "{\"return\": 5}");
  while ((answer = fake_agent_ask (fake, "time", NULL, NULL)) == NULL)
    g_main_context_iteration (NULL, TRUE);
}

/* A freeze that failed half way, and a thaw that fails at first. */
static void
test_freeze_fails (void)
{
  g_autoptr (FakeAgent) fake = fake_agent_new ();
  g_autoptr (GError) error = NULL;

  fake_agent_reply (fake, "what?");
  fake_agent_reply (fake, "again?");
  fake_agent_reply (fake, "{\"return\": 1}");
  g_assert_null (fake_agent_ask (fake, "freeze", NULL, &error));
  fake_agent_wait_heard (fake, "guest-fsfreeze-freeze guest-fsfreeze-thaw guest-fsfreeze-thaw ");
  g_clear_error (&error);
  wait_thawed (fake);

  /* An agent that can't at all is left alone. */
  g_string_truncate (fake->heard, 0);
  fake_agent_reply (fake, "{\"error\": {\"desc\": \"not supported\"}}");
  fake_agent_reply (fake, "{\"error\": {\"desc\": \"not supported\"}}");
  g_assert_null (fake_agent_ask (fake, "freeze", NULL, &error));
  g_assert_nonnull (strstr (error->message, "not supported"));
  g_clear_error (&error);
  fake_agent_wait_heard (fake, "guest-fsfreeze-freeze guest-fsfreeze-thaw ");
  wait_thawed (fake);
}

/* A guest from a snapshot: neither an agent that makes no sense at first nor one that goes meanwhile leaves
 * it frozen, or without the time. */
static void
test_catch_up (void)
{
  g_autoptr (FakeAgent) fake = fake_agent_new ();

  fake_agent_reply (fake, "what?");
  guest_service_catch_up (fake->service, true);
  fake_agent_wait_heard (fake, "guest-fsfreeze-thaw ");
  fake_agent_leave (fake);
  fake_agent_reply (fake, "{\"return\": 2}");
  fake_agent_reply (fake, "what?");
  fake_agent_reply (fake, "{\"return\": 0}");
  fake_agent_reply (fake, "{\"return\": {}}");
  fake_agent_come (fake);
  fake_agent_wait_heard (fake, "guest-fsfreeze-thaw guest-fsfreeze-thaw guest-set-time guest-fsfreeze-thaw "
                               "guest-set-time guest-get-time ");
}

/* --- the rest --- */

/* Silence is success, an error is one. */
static void
test_shutdown (void)
{
  g_autoptr (FakeAgent) fake = fake_agent_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GVariant) answer = NULL;
  g_autoptr (GError) error = NULL;

  fake_agent_reply (fake, "{\"error\": {\"desc\": \"may not\"}}");
  g_assert_null (fake_agent_ask (fake, "shutdown", NULL, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED);
  g_clear_error (&error);
  fake_agent_reply (fake, NULL);
  guest_service_ask_async (fake->service, "shutdown", g_variant_new ("a{sv}", NULL), NULL, on_node, &result);
  fake_agent_wait_heard (fake, "guest-shutdown guest-shutdown ");
  fake_agent_leave (fake);
  wait_for (&result);
  answer = guest_service_ask_finish (result, &error);
  g_assert_no_error (error);
}

static void
test_files (void)
{
  g_autoptr (FakeAgent) fake = fake_agent_new ();
  g_autoptr (GVariant) answer = NULL, content = NULL;
  g_autoptr (GError) error = NULL;

  fake_agent_reply (fake, "{\"return\": 1000}");
  fake_agent_reply (fake, "{\"return\": {\"count\": 3, \"buf-b64\": \"YWJj\", \"eof\": false}}");
  fake_agent_reply (fake, "{\"return\": {\"count\": 3, \"buf-b64\": \"ZGVm\", \"eof\": true}}");
  fake_agent_reply (fake, "{\"return\": {}}");
  answer = fake_agent_ask (fake, "read-file", arguments ("path", g_variant_new_string ("/etc/x")), &error);
  g_assert_no_error (error);
  content = g_variant_lookup_value (answer, "content", G_VARIANT_TYPE_BYTESTRING);
  g_assert_cmpmem (g_variant_get_data (content), g_variant_get_size (content), "abcdef", 6);

  /* It is closed after an error, too. */
  g_string_truncate (fake->heard, 0);
  fake_agent_reply (fake, "{\"return\": 1000}");
  fake_agent_reply (fake, "{\"error\": {\"desc\": \"it is a folder\"}}");
  fake_agent_reply (fake, "{\"return\": {}}");
  g_assert_null (
    fake_agent_ask (fake, "read-file", arguments ("path", g_variant_new_string ("/etc")), &error));
  g_assert_nonnull (strstr (error->message, "it is a folder"));
  g_assert_cmpstr (fake->heard->str, ==, "guest-file-open guest-file-read guest-file-close ");
}

/* As a guest's answer whose clock is so far off. */
static void
reply_time (FakeAgent *fake, gint64 ahead_us)
{
  g_autofree char *text =
    g_strdup_printf ("{\"return\": %" G_GINT64_FORMAT "}", (g_get_real_time () + ahead_us) * 1000);

  fake_agent_reply (fake, text);
}

/* One that heard it late has a clock that is late: it is told once more. */
static void
test_late_clock (void)
{
  g_autoptr (FakeAgent) fake = fake_agent_new ();

  fake_agent_reply (fake, "{\"return\": 0}");
  fake_agent_reply (fake, "{\"return\": {}}");
  reply_time (fake, -3 * G_TIME_SPAN_SECOND);
  fake_agent_reply (fake, "{\"error\": {\"desc\": \"hwclock failed\"}}");
  reply_time (fake, 0);
  guest_service_catch_up (fake->service, true);
  fake_agent_wait_heard (fake,
                         "guest-fsfreeze-thaw guest-set-time guest-get-time guest-set-time guest-get-time ");
}

/* One that has no sensible answer, or goes, before it was seen to be right is looked at once more, or told.
 */
static void
test_clock_unseen (void)
{
  g_autoptr (FakeAgent) fake = fake_agent_new ();

  fake_agent_reply (fake, "{\"return\": 0}");
  fake_agent_reply (fake, "{\"return\": {}}");
  fake_agent_reply (fake, "what?");
  reply_time (fake, -3 * G_TIME_SPAN_SECOND);
  fake_agent_reply (fake, "{\"return\": {}}");
  reply_time (fake, 0);
  guest_service_catch_up (fake->service, true);
  fake_agent_wait_heard (fake,
                         "guest-fsfreeze-thaw guest-set-time guest-get-time guest-get-time guest-set-time "
                         "guest-get-time ");
}

/* An agent that can't set it, as where there is no hwclock, can run what does. */
static void
test_clock_by_command (void)
{
  g_autoptr (FakeAgent) fake = fake_agent_new ();

  fake_agent_reply (fake, "{\"return\": 0}");
  fake_agent_reply (fake, "{\"error\": {\"desc\": \"this feature or command is not currently supported\"}}");
  reply_time (fake, -90 * G_TIME_SPAN_SECOND);
  fake_agent_reply (fake, "{\"return\": {\"pid\": 7}}");
  fake_agent_reply (fake, "{\"return\": {\"exited\": true, \"exitcode\": 0}}");
  reply_time (fake, 0);
  guest_service_catch_up (fake->service, true);
  fake_agent_wait_heard (fake,
                         "guest-fsfreeze-thaw guest-set-time guest-get-time guest-exec guest-exec-status "
                         "guest-get-time ");
}

/* The clock is set after a pause, not after a moment's. */
static void
test_set_time (void)
{
  g_autoptr (FakeAgent) fake = fake_agent_new ();

  guest_service_set_running (fake->service, false, true);
  guest_service_set_running (fake->service, true, true);
  guest_service_set_running (fake->service, false, true);
  g_usleep (1100000);
  fake_agent_reply (fake, "{\"return\": {}}");
  reply_time (fake, 0);
  guest_service_set_running (fake->service, true, true);
  fake_agent_wait_heard (fake, "guest-set-time guest-get-time ");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/agent/info", test_info);
  g_test_add_func ("/agent/addresses", test_addresses);
  g_test_add_func ("/agent/exec", test_exec);
  for (unsigned i = 0; i < G_N_ELEMENTS (nonsense); i++)
    {
      g_autofree char *path = g_strdup_printf ("/agent/nonsense/%s", nonsense[i].name);

      g_test_add_data_func (path, &nonsense[i], test_nonsense);
    }
  g_test_add_func ("/agent/bounds", test_bounds);
  g_test_add_func ("/agent/garbage-before", test_garbage_before);
  g_test_add_func ("/agent/late", test_late);
  g_test_add_func ("/agent/paused", test_paused);
  g_test_add_func ("/agent/exec-paused", test_exec_paused);
  g_test_add_func ("/agent/lost", test_lost);
  g_test_add_func ("/agent/lost-between", test_lost_between);
  g_test_add_func ("/agent/cancelled", test_cancelled);
  g_test_add_func ("/agent/gone", test_gone);
  g_test_add_func ("/agent/freeze", test_freeze);
  g_test_add_func ("/agent/freeze-time-limit", test_freeze_time_limit);
  g_test_add_func ("/agent/freeze-agent-killed", test_freeze_agent_killed);
  g_test_add_func ("/agent/freeze-fails", test_freeze_fails);
  g_test_add_func ("/agent/catch-up", test_catch_up);
  g_test_add_func ("/agent/shutdown", test_shutdown);
  g_test_add_func ("/agent/files", test_files);
  g_test_add_func ("/agent/late-clock", test_late_clock);
  g_test_add_func ("/agent/clock-unseen", test_clock_unseen);
  g_test_add_func ("/agent/clock-by-command", test_clock_by_command);
  g_test_add_func ("/agent/set-time", test_set_time);
  return g_test_run ();
}

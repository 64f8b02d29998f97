/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The guest's clock. What it hears late, as one that is busy with having gone back, it sets late, too: so its
 * clock is looked at afterwards, until an answer comes quickly enough to tell that it is right.
 */
#include "app/agent/guest-service-private.h"

#include "app/base/error.h"

#define TOLERANCE_US   (G_TIME_SPAN_SECOND / 4)
#define COARSE_US      (G_TIME_SPAN_SECOND * 3 / 4) /* as near as date(1) gets */
#define SHORT_PAUSE_US G_TIME_SPAN_SECOND           /* the clock isn't set for less */
#define LOOK_AGAIN_MS  1000u
#define SET_AGAIN_MS   2000u
#define MAX_LOOKS      10u
#define MAX_COMMANDS   3u /* as long as it is looked at for the third time */
#define DATE_S         10u

/* One setting, until another begins or the machine stands. */
typedef struct {
  GuestService *service;
  unsigned turn;
  gint64 asked; /* real time, µs */
  bool refused; /* the agent said that it couldn't set it */
} Clock;

static Clock *
clock_new (GuestService *service, bool refused)
{
  Clock *clock = g_new (Clock, 1);

  *clock = (Clock){ guest_service_ref (service), service->clock_turn, g_get_real_time (), refused };
  return clock;
}

static void
clock_free (Clock *clock)
{
  guest_service_unref (clock->service);
  g_free (clock);
}

static bool
is_of_now (const Clock *clock)
{
  return clock->service->agent != NULL && clock->turn == clock->service->clock_turn;
}

static JsonObject *
time_now (void)
{
  JsonObject *arguments = json_object_new ();

  json_object_set_int_member (arguments, "time", g_get_real_time () * 1000);
  return arguments;
}

static void set (GuestService *service);
static void look (GuestService *service, bool refused);

static gboolean
on_look_time (gpointer data)
{
  Clock *clock = data;

  g_clear_pointer (&clock->service->clock_timer, g_source_unref);
  look (clock->service, clock->refused);
  return G_SOURCE_REMOVE;
}

static void
look_later (Clock *clock)
{
  GuestService *service = clock->service;

  service->clock_timer = g_timeout_source_new (LOOK_AGAIN_MS);
  g_source_set_callback (service->clock_timer, on_look_time, clock_new (service, clock->refused),
                         (GDestroyNotify)clock_free);
  g_source_attach (service->clock_timer, service->context);
}

/* An agent without an answer was busy, perhaps with just that: its clock is looked at later. One that went is told the
 * time when it comes back. */
static void
go_on_after (Clock *clock, const GError *error)
{
  GuestService *service = clock->service;

  if (g_error_matches (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED) || ++service->n_looks >= MAX_LOOKS)
    return;
  if (guest_agent_is_there (service->agent))
    look_later (clock);
  else
    service->late = true;
}

static void
was_commanded (GObject *source, GAsyncResult *result, gpointer data)
{
  Clock *clock = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer = guest_service_ask_finish (result, &error);

  if (is_of_now (clock) && answer != NULL)
    look (clock->service, true);
  else if (is_of_now (clock))
    go_on_after (clock, error);
  clock_free (clock);
}

static void
set_by_command (GuestService *service)
{
  gint64 seconds = (g_get_real_time () + G_TIME_SPAN_SECOND / 2) / G_TIME_SPAN_SECOND;
  g_autofree char *time = g_strdup_printf ("@%" G_GINT64_FORMAT, seconds);
  const char *const command[] = { "date", "-s", time, NULL };
  GVariantDict arguments;

  if (service->n_looks > MAX_COMMANDS)
    return;
  g_variant_dict_init (&arguments, NULL);
  g_variant_dict_insert (&arguments, "command", "^as", command);
  g_variant_dict_insert (&arguments, "timeout", "u", DATE_S);
  guest_service_ask_async (service, "exec", g_variant_dict_end (&arguments), NULL, was_commanded,
                           clock_new (service, true));
}

/* @guest: its time, µs, at some moment between when it was asked and @now. */
static void
judge (Clock *clock, gint64 guest, gint64 now)
{
  GuestService *service = clock->service;
  gint64 doubt = ABS (now - clock->asked) / 2, off = ABS (guest - (clock->asked + (now - clock->asked) / 2));
  gint64 tolerance = clock->refused ? COARSE_US : TOLERANCE_US;

  if (++service->n_looks >= MAX_LOOKS)
    return;
  if (off > MAX (doubt, tolerance))
    (clock->refused ? set_by_command : set) (service);
  else if (doubt > tolerance)
    look_later (clock);
}

static void
looked (GObject *source, GAsyncResult *result, gpointer data)
{
  Clock *clock = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) node = guest_agent_call_finish (result, &error);
  gint64 ns;

  if (is_of_now (clock) && node == NULL)
    go_on_after (clock, error);
  else if (is_of_now (clock) && agent_read_count (node, &ns, NULL))
    judge (clock, ns / 1000, g_get_real_time ());
  clock_free (clock);
}

static void
look (GuestService *service, bool refused)
{
  guest_agent_call_async (service->agent, "guest-get-time", NULL, GUEST_AGENT_TIMEOUT_MS, GUEST_AGENT_URGENT,
                          NULL, looked, clock_new (service, refused));
}

static void
was_set (GObject *source, GAsyncResult *result, gpointer data)
{
  Clock *clock = data;
  GuestService *service = clock->service;
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) node = guest_agent_call_finish (result, &error);

  if (!is_of_now (clock))
    ;
  else if (node != NULL || g_error_matches (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED))
    {
      service->late = false;
      look (service, node == NULL);
    }
  else if (service->late && guest_agent_is_there (service->agent))
    guest_service_release_in (service, SET_AGAIN_MS);
  clock_free (clock);
}

static void
set (GuestService *service)
{
  guest_agent_call_async (service->agent, "guest-set-time", time_now (), GUEST_AGENT_TIMEOUT_MS,
                          GUEST_AGENT_URGENT, NULL, was_set, clock_new (service, false));
}

void
guest_service_leave_clock (GuestService *service)
{
  service->clock_turn++;
  if (service->clock_timer != NULL)
    g_source_destroy (service->clock_timer);
  g_clear_pointer (&service->clock_timer, g_source_unref);
}

void
guest_service_set_clock (GuestService *service)
{
  guest_service_leave_clock (service);
  service->n_looks = 0;
  set (service);
}

gint64
guest_service_time (const GuestService *service)
{
  gint64 now = service->stopped_at != 0 ? service->stopped_at : g_get_monotonic_time ();

  return now - service->stood;
}

void
guest_service_set_running (GuestService *service, bool running, bool set_time)
{
  gint64 now = g_get_monotonic_time ();

  guest_agent_set_running (service->agent, running);
  if (!running)
    {
      guest_service_leave_clock (service);
      service->stopped_at = service->stopped_at != 0 ? service->stopped_at : now;
    }
  else if (service->stopped_at != 0)
    {
      if (set_time && now - service->stopped_at >= SHORT_PAUSE_US && guest_agent_is_there (service->agent))
        guest_service_set_clock (service);
      service->stood += now - service->stopped_at;
      service->stopped_at = 0;
    }
}

/* --- what is asked --- */

static void
answered (GuestJob *job, JsonNode *node)
{
  guest_job_done (job);
}

void
guest_job_set_time (GuestJob *job)
{
  guest_job_call (job, "guest-set-time", time_now (), GUEST_AGENT_TIMEOUT_MS, GUEST_AGENT_CALL, answered);
}

static void
time_answered (GuestJob *job, JsonNode *node)
{
  GError *error = NULL;
  gint64 ns;

  if (!agent_read_count (node, &ns, &error))
    {
      guest_job_fail (job, error);
      return;
    }
  g_variant_dict_insert (&job->result, "time", "x", ns);
  guest_job_done (job);
}

void
guest_job_time (GuestJob *job)
{
  guest_job_call (job, "guest-get-time", NULL, GUEST_AGENT_TIMEOUT_MS, GUEST_AGENT_CALL, time_answered);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/agent/agent-json.h"
#include "app/agent/guest-service.h"

G_BEGIN_DECLS

/* Between guest-service.c (what can be asked, and freezing) and the operations that take several calls. */

struct GuestService {
  gatomicrefcount refs; /* the owner's, and one for each job and call */
  GMainContext *context;
  GuestAgent *agent; /* NULL once freed */
  GError *lost;      /* or NULL: why the guest won't answer any more */
  gint64 stopped_at; /* µs: when the machine was stopped; 0: it runs */
  gint64 stood;      /* µs: for how long it has, in all */

  bool frozen;       /* or may be: from the request on until it is known that it isn't */
  bool confirmed;    /* it is frozen for certain */
  bool restored;     /* it is from a snapshot: perhaps frozen, and late */
  bool late;         /* then it is to be told the time as well */
  guint32 freeze_id; /* of the last freeze */
  bool thawing;      /* a request is under way */
  GSource *thaw;     /* when to */

  unsigned clock_turn;  /* counts settings of the guest's clock */
  unsigned n_looks;     /* at it, since it was to be set */
  GSource *clock_timer; /* or NULL: when it is looked at again */
};

/* One operation under way. */
typedef struct GuestJob GuestJob;

/* Takes an answer (transfer none), and ends the job or goes on. */
typedef void (*GuestJobNext) (GuestJob *job, JsonNode *node);

struct GuestJob {
  GuestService *service;
  GTask *task;
  GVariantDict arguments, result;
  GuestJobNext next;

  /* As the operation needs. */
  unsigned step;
  GStrv commands;  /* info: what the agent can do */
  gint64 handle;   /* exec: the process; a file's handle */
  gint64 deadline; /* exec: as guest_service_time; 0: none */
  unsigned pause;  /* exec: ms until it is looked at again */
  GSource *timer;
  GByteArray *content; /* of a file */
  gsize done;
  GError *error; /* ends the job once the file is closed */
};

GuestService *guest_service_ref (GuestService *service);
void guest_service_unref (GuestService *service);

/* Calls the agent; @next gets the answer. An error ends the job. */
void guest_job_call (GuestJob *job, const char *command, JsonObject *arguments, unsigned timeout_ms,
                     GuestAgentFlags flags, GuestJobNext next);
/* The same, but @next also runs after an error, with NULL, and finds it in job->error. */
void guest_job_try (GuestJob *job, const char *command, JsonObject *arguments, unsigned timeout_ms,
                    GuestAgentFlags flags, GuestJobNext next);
/* The job's end: with its result, or with @error (transfer full). */
void guest_job_done (GuestJob *job);
void guest_job_fail (GuestJob *job, GError *error);

/* guest-service-time.c: µs, of a clock that stands while the machine does. */
gint64 guest_service_time (const GuestService *service);

/* guest-service.c: thaws a guest that may be frozen, and tells one that is late the time, after so long. */
void guest_service_release_in (GuestService *service, unsigned ms);

/* guest-service-time.c: an agent is there */
void guest_service_set_clock (GuestService *service);
/* What was begun is given up. */
void guest_service_leave_clock (GuestService *service);
void guest_job_time (GuestJob *job);
void guest_job_set_time (GuestJob *job);

/* guest-service-info.c */
void guest_job_info (GuestJob *job);
void guest_job_addresses (GuestJob *job);

/* guest-service-exec.c */
void guest_job_exec (GuestJob *job);

/* guest-service-file.c */
void guest_job_read_file (GuestJob *job);
void guest_job_write_file (GuestJob *job);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * BonsaiJob: work that takes longer than a moment, for people to watch and to cancel: a clone, a snapshot, an
 * import. Whoever does the work makes the job, tells it how far it is, and ends it once.
 *
 * Properties, all read-only with notification: "title", "subject" (UUID of the machine that it is about, or
 * NULL), "detail" (what it does now; never NULL), "fraction" (0 to 1, -1: unknown), "cancellable" (whether
 * there is a way to cancel it, and nobody has yet), "state" (BonsaiJobState), "error" (GError; of FAILED).
 *
 * Threading: the main context that was thread-default when it was made; except bonsai_job_post_progress.
 */
#define BONSAI_TYPE_JOB (bonsai_job_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiJob, bonsai_job, BONSAI, JOB, GObject)

typedef enum {
  BONSAI_JOB_RUNNING,
  BONSAI_JOB_DONE,
  BONSAI_JOB_FAILED,
  BONSAI_JOB_CANCELLED,
} BonsaiJobState;

#define BONSAI_TYPE_JOB_STATE (bonsai_job_state_get_type ())
GType bonsai_job_state_get_type (void);

/* @title: what is being done, as a label ("Cloning “Web server”"). @subject: (nullable): a machine's UUID.
 * @cancellable: (nullable): cancels the work; NULL: it can't be cancelled. */
BonsaiJob *bonsai_job_new (const char *title, const char *subject, GCancellable *cancellable);

const char *bonsai_job_get_title (BonsaiJob *job);
/* (nullable) */
const char *bonsai_job_get_subject (BonsaiJob *job);
const char *bonsai_job_get_detail (BonsaiJob *job);
double bonsai_job_get_fraction (BonsaiJob *job);
bool bonsai_job_get_cancellable (BonsaiJob *job);
BonsaiJobState bonsai_job_get_state (BonsaiJob *job);
/* (nullable) (transfer none): why it failed. */
const GError *bonsai_job_get_error (BonsaiJob *job);

/* For who does the work; nothing changes any more once it has ended. @detail: (nullable): as "". */
void bonsai_job_set_detail (BonsaiJob *job, const char *detail);
/* @fraction: 0 to 1, or -1. */
void bonsai_job_set_fraction (BonsaiJob *job, double fraction);
/* The same as done of total; total 0: unknown. @job: a BonsaiJob. It is a DiskProgressFunc. */
void bonsai_job_progress (guint64 done, guint64 total, gpointer job);
/* The same from any thread: shown soon, the last one of many. */
void bonsai_job_post_progress (BonsaiJob *job, guint64 done, guint64 total);
/* The end. @error: (nullable) (transfer none): NULL: it is done; G_IO_ERROR_CANCELLED: cancelled; else
 * failed. */
void bonsai_job_end (BonsaiJob *job, const GError *error);

/* For who watches: asks the work to stop. It ends when it did. */
void bonsai_job_cancel (BonsaiJob *job);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/job/jobs.h"

static void
count_up (guint *n)
{
  (*n)++;
}

static guint
n_items (BonsaiJobs *jobs)
{
  return g_list_model_get_n_items (G_LIST_MODEL (jobs));
}

static BonsaiJob *
add (BonsaiJobs *jobs, const char *title, GCancellable *cancellable)
{
  BonsaiJob *job = bonsai_job_new (title, "uuid-of-web", cancellable);

  bonsai_jobs_add (jobs, job);
  return job;
}

static void
test_progress (void)
{
  g_autoptr (BonsaiJob) job = bonsai_job_new ("Cloning “Web”", NULL, NULL);
  guint n_details = 0, n_fractions = 0;

  g_signal_connect_swapped (job, "notify::detail", G_CALLBACK (count_up), &n_details);
  g_signal_connect_swapped (job, "notify::fraction", G_CALLBACK (count_up), &n_fractions);
  g_assert_cmpstr (bonsai_job_get_title (job), ==, "Cloning “Web”");
  g_assert_cmpstr (bonsai_job_get_detail (job), ==, "");
  g_assert_cmpfloat (bonsai_job_get_fraction (job), ==, -1);
  bonsai_job_set_detail (job, "disk0");
  bonsai_job_set_detail (job, "disk0");
  bonsai_job_progress (1, 4, job);
  bonsai_job_progress (1, 4, job);
  g_assert_cmpfloat (bonsai_job_get_fraction (job), ==, 0.25);
  bonsai_job_progress (9, 4, job);
  g_assert_cmpfloat (bonsai_job_get_fraction (job), ==, 1);
  bonsai_job_progress (9, 0, job);
  g_assert_cmpfloat (bonsai_job_get_fraction (job), ==, -1);
  g_assert_cmpuint (n_details, ==, 1);
  g_assert_cmpuint (n_fractions, ==, 3);
  bonsai_job_end (job, NULL);
  g_assert_cmpfloat (bonsai_job_get_fraction (job), ==, 1);
  bonsai_job_set_fraction (job, 0.5);
  bonsai_job_set_detail (job, "late");
  g_assert_cmpfloat (bonsai_job_get_fraction (job), ==, 1);
  g_assert_cmpstr (bonsai_job_get_detail (job), ==, "disk0");
}

static gpointer
post_many (gpointer data)
{
  for (guint64 i = 0; i <= 1000; i++)
    bonsai_job_post_progress (data, i, 1000);
  return NULL;
}

/* What a thread posts arrives on the job's context, and at least the last of it. */
static void
test_posted (void)
{
  g_autoptr (BonsaiJob) job = bonsai_job_new ("Converting", NULL, NULL);
  GThread *thread = g_thread_new ("work", post_many, job);

  g_thread_join (thread);
  g_assert_cmpfloat (bonsai_job_get_fraction (job), ==, -1);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpfloat (bonsai_job_get_fraction (job), ==, 1);
  /* None comes after the end. */
  bonsai_job_post_progress (job, 1, 4);
  bonsai_job_end (job, NULL);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpfloat (bonsai_job_get_fraction (job), ==, 1);
}

static void
test_cancel (void)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (BonsaiJobs) jobs = bonsai_jobs_new ();
  g_autoptr (BonsaiJob) job = add (jobs, "Taking a snapshot", cancellable);
  g_autoptr (BonsaiJob) other = add (jobs, "Merging", NULL);
  guint n = 0;

  g_signal_connect_swapped (job, "notify::cancellable", G_CALLBACK (count_up), &n);
  g_assert_true (bonsai_job_get_cancellable (job));
  g_assert_false (bonsai_job_get_cancellable (other));
  bonsai_jobs_cancel_all (jobs);
  g_assert_true (g_cancellable_is_cancelled (cancellable));
  g_assert_false (bonsai_job_get_cancellable (job));
  g_assert_cmpuint (n, ==, 1);
  /* It runs until the work has heard of it, and is gone then. */
  g_assert_cmpint (bonsai_job_get_state (job), ==, BONSAI_JOB_RUNNING);
  g_cancellable_set_error_if_cancelled (cancellable, &error);
  bonsai_job_end (job, error);
  g_assert_cmpint (bonsai_job_get_state (job), ==, BONSAI_JOB_CANCELLED);
  g_assert_null (bonsai_job_get_error (job));
  g_assert_cmpuint (n_items (jobs), ==, 1);
  g_assert_cmpuint (bonsai_jobs_get_n_running (jobs), ==, 1);
}

static void
test_together (void)
{
  g_autoptr (BonsaiJobs) jobs = bonsai_jobs_new ();
  g_autoptr (BonsaiJob) first = add (jobs, "First", NULL);
  g_autoptr (BonsaiJob) second = add (jobs, "Second", NULL);
  guint n = 0;

  g_signal_connect_swapped (jobs, "notify::fraction", G_CALLBACK (count_up), &n);
  g_assert_cmpuint (bonsai_jobs_get_n_running (jobs), ==, 2);
  g_assert_cmpfloat (bonsai_jobs_get_fraction (jobs), ==, -1);
  bonsai_job_set_fraction (first, 0.5);
  g_assert_cmpfloat (bonsai_jobs_get_fraction (jobs), ==, 0.25);
  bonsai_job_end (first, NULL);
  g_assert_cmpfloat (bonsai_jobs_get_fraction (jobs), ==, -1);
  g_assert_cmpuint (n, ==, 3);
  g_assert_true (bonsai_jobs_find_running (jobs, "uuid-of-web") == second);
  bonsai_job_end (second, NULL);
  g_assert_null (bonsai_jobs_find_running (jobs, "uuid-of-web"));
  g_assert_cmpuint (n_items (jobs), ==, 2);
  bonsai_jobs_dismiss_done (jobs);
  g_assert_cmpuint (n_items (jobs), ==, 0);
}

/* Failures stay until they are dismissed; of those that are done only the newest. */
static void
test_failures_stay (void)
{
  g_autoptr (GError) error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_NO_SPACE, "The disk is full");
  g_autoptr (BonsaiJobs) jobs = bonsai_jobs_new ();
  g_autoptr (BonsaiJob) failing = add (jobs, "Importing", NULL);

  bonsai_jobs_dismiss (jobs, failing);
  g_assert_cmpuint (n_items (jobs), ==, 1);
  bonsai_job_end (failing, error);
  g_assert_cmpint (bonsai_job_get_state (failing), ==, BONSAI_JOB_FAILED);
  g_assert_cmpstr (bonsai_job_get_error (failing)->message, ==, "The disk is full");
  for (unsigned i = 0; i < 30; i++)
    {
      g_autoptr (BonsaiJob) job = add (jobs, "Cloning", NULL);
      bonsai_job_end (job, NULL);
    }
  g_assert_cmpuint (n_items (jobs), ==, 11);
  bonsai_jobs_dismiss_done (jobs);
  g_assert_cmpuint (n_items (jobs), ==, 1);
  g_assert_cmpuint (bonsai_jobs_get_n_failed (jobs), ==, 1);
  bonsai_jobs_dismiss (jobs, failing);
  g_assert_cmpuint (bonsai_jobs_get_n_failed (jobs), ==, 0);
  g_assert_cmpuint (n_items (jobs), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/jobs/progress", test_progress);
  g_test_add_func ("/jobs/posted", test_posted);
  g_test_add_func ("/jobs/cancel", test_cancel);
  g_test_add_func ("/jobs/together", test_together);
  g_test_add_func ("/jobs/failures-stay", test_failures_stay);
  return g_test_run ();
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/job/jobs.h"

/* More that are done than this nobody looks at. */
#define MAX_DONE 10

struct _BonsaiJobs {
  GObject parent;
  GPtrArray *jobs;
  guint n_running, n_failed;
  double fraction;
};

enum { PROP_N_RUNNING = 1, PROP_N_FAILED, PROP_FRACTION, N_PROPS };

static GParamSpec *properties[N_PROPS];

static void bonsai_jobs_list_model_init (GListModelInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (BonsaiJobs, bonsai_jobs, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_LIST_MODEL, bonsai_jobs_list_model_init))

/* --- GListModel --- */

static GType
bonsai_jobs_get_item_type (GListModel *model)
{
  return BONSAI_TYPE_JOB;
}

static guint
bonsai_jobs_get_n_items (GListModel *model)
{
  return BONSAI_JOBS (model)->jobs->len;
}

static gpointer
bonsai_jobs_get_item (GListModel *model, guint position)
{
  BonsaiJobs *self = BONSAI_JOBS (model);

  return position < self->jobs->len ? g_object_ref (g_ptr_array_index (self->jobs, position)) : NULL;
}

static void
bonsai_jobs_list_model_init (GListModelInterface *iface)
{
  iface->get_item_type = bonsai_jobs_get_item_type;
  iface->get_n_items = bonsai_jobs_get_n_items;
  iface->get_item = bonsai_jobs_get_item;
}

/* --- what they are together --- */

static void
set_number (BonsaiJobs *self, guint *number, guint value, guint property)
{
  if (*number == value)
    return;
  *number = value;
  g_object_notify_by_pspec (G_OBJECT (self), properties[property]);
}

static void
count (BonsaiJobs *self)
{
  guint n_running = 0, n_failed = 0, n_known = 0;
  double sum = 0;

  for (guint i = 0; i < self->jobs->len; i++)
    {
      BonsaiJob *job = g_ptr_array_index (self->jobs, i);
      BonsaiJobState state = bonsai_job_get_state (job);
      double fraction = bonsai_job_get_fraction (job);

      n_failed += state == BONSAI_JOB_FAILED ? 1 : 0;
      if (state != BONSAI_JOB_RUNNING)
        continue;
      n_running++;
      n_known += fraction >= 0 ? 1 : 0;
      sum += MAX (fraction, 0);
    }
  sum = n_known > 0 ? sum / n_running : -1;
  set_number (self, &self->n_running, n_running, PROP_N_RUNNING);
  set_number (self, &self->n_failed, n_failed, PROP_N_FAILED);
  if (sum == self->fraction)
    return;
  self->fraction = sum;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_FRACTION]);
}

/* --- members --- */

static void
remove_at (BonsaiJobs *self, guint position)
{
  g_signal_handlers_disconnect_by_data (g_ptr_array_index (self->jobs, position), self);
  g_ptr_array_remove_index (self->jobs, position);
  g_list_model_items_changed (G_LIST_MODEL (self), position, 1, 0);
}

static void
keep_few_done (BonsaiJobs *self)
{
  guint n_done = 0;

  for (guint i = self->jobs->len; i-- > 0;)
    if (bonsai_job_get_state (g_ptr_array_index (self->jobs, i)) == BONSAI_JOB_DONE && ++n_done > MAX_DONE)
      remove_at (self, i);
}

static void
on_state (BonsaiJob *job, GParamSpec *pspec, BonsaiJobs *self)
{
  if (bonsai_job_get_state (job) == BONSAI_JOB_CANCELLED)
    bonsai_jobs_dismiss (self, job);
  keep_few_done (self);
  count (self);
}

void
bonsai_jobs_add (BonsaiJobs *self, BonsaiJob *job)
{
  g_ptr_array_add (self->jobs, g_object_ref (job));
  g_signal_connect (job, "notify::state", G_CALLBACK (on_state), self);
  g_signal_connect_swapped (job, "notify::fraction", G_CALLBACK (count), self);
  g_list_model_items_changed (G_LIST_MODEL (self), self->jobs->len - 1, 0, 1);
  on_state (job, NULL, self);
}

void
bonsai_jobs_dismiss (BonsaiJobs *self, BonsaiJob *job)
{
  guint position;

  if (bonsai_job_get_state (job) == BONSAI_JOB_RUNNING || !g_ptr_array_find (self->jobs, job, &position))
    return;
  remove_at (self, position);
  count (self);
}

void
bonsai_jobs_dismiss_done (BonsaiJobs *self)
{
  for (guint i = self->jobs->len; i-- > 0;)
    if (bonsai_job_get_state (g_ptr_array_index (self->jobs, i)) == BONSAI_JOB_DONE)
      remove_at (self, i);
}

guint
bonsai_jobs_get_n_running (BonsaiJobs *self)
{
  return self->n_running;
}

guint
bonsai_jobs_get_n_failed (BonsaiJobs *self)
{
  return self->n_failed;
}

double
bonsai_jobs_get_fraction (BonsaiJobs *self)
{
  return self->fraction;
}

void
bonsai_jobs_cancel_all (BonsaiJobs *self)
{
  g_autoptr (GPtrArray) jobs = g_ptr_array_copy (self->jobs, (GCopyFunc)(void *)g_object_ref, NULL);

  g_ptr_array_set_free_func (jobs, g_object_unref);
  for (guint i = 0; i < jobs->len; i++)
    bonsai_job_cancel (g_ptr_array_index (jobs, i));
}

BonsaiJob *
bonsai_jobs_find_running (BonsaiJobs *self, const char *subject)
{
  for (guint i = 0; i < self->jobs->len; i++)
    {
      BonsaiJob *job = g_ptr_array_index (self->jobs, i);

      if (bonsai_job_get_state (job) == BONSAI_JOB_RUNNING
          && g_strcmp0 (bonsai_job_get_subject (job), subject) == 0)
        return job;
    }
  return NULL;
}

/* --- the object --- */

static void
bonsai_jobs_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  BonsaiJobs *self = BONSAI_JOBS (object);

  switch (id)
    {
    case PROP_N_RUNNING:
      g_value_set_uint (value, self->n_running);
      break;
    case PROP_N_FAILED:
      g_value_set_uint (value, self->n_failed);
      break;
    case PROP_FRACTION:
      g_value_set_double (value, self->fraction);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
bonsai_jobs_finalize (GObject *object)
{
  BonsaiJobs *self = BONSAI_JOBS (object);

  for (guint i = 0; i < self->jobs->len; i++)
    g_signal_handlers_disconnect_by_data (g_ptr_array_index (self->jobs, i), self);
  g_ptr_array_unref (self->jobs);
  G_OBJECT_CLASS (bonsai_jobs_parent_class)->finalize (object);
}

static void
bonsai_jobs_class_init (BonsaiJobsClass *klass)
{
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  G_OBJECT_CLASS (klass)->finalize = bonsai_jobs_finalize;
  G_OBJECT_CLASS (klass)->get_property = bonsai_jobs_get_property;
  properties[PROP_N_RUNNING] = g_param_spec_uint ("n-running", NULL, NULL, 0, G_MAXUINT, 0, flags);
  properties[PROP_N_FAILED] = g_param_spec_uint ("n-failed", NULL, NULL, 0, G_MAXUINT, 0, flags);
  properties[PROP_FRACTION] = g_param_spec_double ("fraction", NULL, NULL, -1, 1, -1, flags);
  g_object_class_install_properties (G_OBJECT_CLASS (klass), N_PROPS, properties);
}

static void
bonsai_jobs_init (BonsaiJobs *self)
{
  self->jobs = g_ptr_array_new_with_free_func (g_object_unref);
  self->fraction = -1;
}

BonsaiJobs *
bonsai_jobs_new (void)
{
  return g_object_new (BONSAI_TYPE_JOBS, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/job/job.h"

struct _BonsaiJob {
  GObject parent;
  char *title, *subject, *detail;
  double fraction;
  GCancellable *cancellable;
  BonsaiJobState state;
  GError *error;

  GMainContext *context;
  GMutex lock; /* of what is posted */
  GSource *posted;
  double posted_fraction;
};

G_DEFINE_FINAL_TYPE (BonsaiJob, bonsai_job, G_TYPE_OBJECT)

enum {
  PROP_TITLE = 1,
  PROP_SUBJECT,
  PROP_DETAIL,
  PROP_FRACTION,
  PROP_CANCELLABLE,
  PROP_STATE,
  PROP_ERROR,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

GType
bonsai_job_state_get_type (void)
{
  static const GEnumValue values[] = {
    { BONSAI_JOB_RUNNING, "BONSAI_JOB_RUNNING", "running" },
    { BONSAI_JOB_DONE, "BONSAI_JOB_DONE", "done" },
    { BONSAI_JOB_FAILED, "BONSAI_JOB_FAILED", "failed" },
    { BONSAI_JOB_CANCELLED, "BONSAI_JOB_CANCELLED", "cancelled" },
    { 0, NULL, NULL },
  };
  static gsize type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("BonsaiJobState", values));
  return type;
}

static void
notify (BonsaiJob *self, guint property)
{
  g_object_notify_by_pspec (G_OBJECT (self), properties[property]);
}

/* --- for who does the work --- */

void
bonsai_job_set_detail (BonsaiJob *self, const char *detail)
{
  if (detail == NULL)
    detail = "";
  if (self->state != BONSAI_JOB_RUNNING || g_str_equal (detail, self->detail))
    return;
  g_free (self->detail);
  self->detail = g_strdup (detail);
  notify (self, PROP_DETAIL);
}

void
bonsai_job_set_fraction (BonsaiJob *self, double fraction)
{
  fraction = fraction < 0 ? -1 : MIN (fraction, 1);
  if (self->state != BONSAI_JOB_RUNNING || fraction == self->fraction)
    return;
  self->fraction = fraction;
  notify (self, PROP_FRACTION);
}

static double
part (guint64 done, guint64 total)
{
  return total > 0 ? (double)done / (double)total : -1;
}

void
bonsai_job_progress (guint64 done, guint64 total, gpointer job)
{
  bonsai_job_set_fraction (job, part (done, total));
}

static gboolean
take_posted (gpointer data)
{
  BonsaiJob *self = data;
  double fraction;

  g_mutex_lock (&self->lock);
  fraction = self->posted_fraction;
  g_clear_pointer (&self->posted, g_source_unref);
  g_mutex_unlock (&self->lock);
  bonsai_job_set_fraction (self, fraction);
  return G_SOURCE_REMOVE;
}

void
bonsai_job_post_progress (BonsaiJob *self, guint64 done, guint64 total)
{
  g_mutex_lock (&self->lock);
  self->posted_fraction = part (done, total);
  if (self->posted == NULL)
    {
      self->posted = g_idle_source_new ();
      g_source_set_callback (self->posted, take_posted, g_object_ref (self), g_object_unref);
      g_source_attach (self->posted, self->context);
    }
  g_mutex_unlock (&self->lock);
}

void
bonsai_job_end (BonsaiJob *self, const GError *error)
{
  if (self->state != BONSAI_JOB_RUNNING)
    return;
  if (error == NULL)
    {
      bonsai_job_set_fraction (self, 1);
      self->state = BONSAI_JOB_DONE;
    }
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    self->state = BONSAI_JOB_CANCELLED;
  else
    {
      self->state = BONSAI_JOB_FAILED;
      self->error = g_error_copy (error);
      notify (self, PROP_ERROR);
    }
  notify (self, PROP_CANCELLABLE);
  notify (self, PROP_STATE);
}

/* --- for who watches --- */

const char *
bonsai_job_get_title (BonsaiJob *self)
{
  return self->title;
}

const char *
bonsai_job_get_subject (BonsaiJob *self)
{
  return self->subject;
}

const char *
bonsai_job_get_detail (BonsaiJob *self)
{
  return self->detail;
}

double
bonsai_job_get_fraction (BonsaiJob *self)
{
  return self->fraction;
}

bool
bonsai_job_get_cancellable (BonsaiJob *self)
{
  return self->state == BONSAI_JOB_RUNNING && self->cancellable != NULL
         && !g_cancellable_is_cancelled (self->cancellable);
}

BonsaiJobState
bonsai_job_get_state (BonsaiJob *self)
{
  return self->state;
}

const GError *
bonsai_job_get_error (BonsaiJob *self)
{
  return self->error;
}

void
bonsai_job_cancel (BonsaiJob *self)
{
  if (!bonsai_job_get_cancellable (self))
    return;
  g_cancellable_cancel (self->cancellable);
  notify (self, PROP_CANCELLABLE);
}

/* --- the object --- */

static void
bonsai_job_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  BonsaiJob *self = BONSAI_JOB (object);

  switch (id)
    {
    case PROP_TITLE:
      g_value_set_string (value, self->title);
      break;
    case PROP_SUBJECT:
      g_value_set_string (value, self->subject);
      break;
    case PROP_DETAIL:
      g_value_set_string (value, self->detail);
      break;
    case PROP_FRACTION:
      g_value_set_double (value, self->fraction);
      break;
    case PROP_CANCELLABLE:
      g_value_set_boolean (value, bonsai_job_get_cancellable (self));
      break;
    case PROP_STATE:
      g_value_set_enum (value, (int)self->state);
      break;
    case PROP_ERROR:
      g_value_set_boxed (value, self->error);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
bonsai_job_finalize (GObject *object)
{
  BonsaiJob *self = BONSAI_JOB (object);

  g_clear_object (&self->cancellable);
  g_clear_error (&self->error);
  g_main_context_unref (self->context);
  g_mutex_clear (&self->lock);
  g_free (self->title);
  g_free (self->subject);
  g_free (self->detail);
  G_OBJECT_CLASS (bonsai_job_parent_class)->finalize (object);
}

static void
bonsai_job_class_init (BonsaiJobClass *klass)
{
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  G_OBJECT_CLASS (klass)->finalize = bonsai_job_finalize;
  G_OBJECT_CLASS (klass)->get_property = bonsai_job_get_property;
  properties[PROP_TITLE] = g_param_spec_string ("title", NULL, NULL, NULL, flags);
  properties[PROP_SUBJECT] = g_param_spec_string ("subject", NULL, NULL, NULL, flags);
  properties[PROP_DETAIL] = g_param_spec_string ("detail", NULL, NULL, "", flags);
  properties[PROP_FRACTION] = g_param_spec_double ("fraction", NULL, NULL, -1, 1, -1, flags);
  properties[PROP_CANCELLABLE] = g_param_spec_boolean ("cancellable", NULL, NULL, FALSE, flags);
  properties[PROP_STATE] =
    g_param_spec_enum ("state", NULL, NULL, BONSAI_TYPE_JOB_STATE, BONSAI_JOB_RUNNING, flags);
  properties[PROP_ERROR] = g_param_spec_boxed ("error", NULL, NULL, G_TYPE_ERROR, flags);
  g_object_class_install_properties (G_OBJECT_CLASS (klass), N_PROPS, properties);
}

static void
bonsai_job_init (BonsaiJob *self)
{
  self->detail = g_strdup ("");
  self->fraction = -1;
  self->context = g_main_context_ref_thread_default ();
  g_mutex_init (&self->lock);
}

BonsaiJob *
bonsai_job_new (const char *title, const char *subject, GCancellable *cancellable)
{
  BonsaiJob *self = g_object_new (BONSAI_TYPE_JOB, NULL);

  self->title = g_strdup (title);
  self->subject = g_strdup (subject);
  g_set_object (&self->cancellable, cancellable);
  return self;
}

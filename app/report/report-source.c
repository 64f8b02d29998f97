/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/report/report-source.h"

#include "app/history/history-store.h"
#include "app/library/library-private.h"

#define ADVICE_SPAN (INT64_C (30) * 86400) /* seconds */

const char *const report_names[] = { "utilisation", "changes", "storage", "expiries", NULL };
const char *const report_format_names[] = { "html", "csv", "json", NULL };

static void
subject_free (gpointer data)
{
  ReportSubject *subject = data;

  g_free (subject->uuid);
  g_free (subject->name);
  g_free (subject->path);
  g_free (subject);
}

ReportSource *
report_source_new (BonsaiLibrary *library)
{
  ReportSource *source = g_new0 (ReportSource, 1);

  source->folder = g_strdup (bonsai_library_get_folder (library));
  source->subjects = g_ptr_array_new_with_free_func (subject_free);
  for (guint i = 0; i < library->vms->len; i++)
    {
      BonsaiVm *vm = g_ptr_array_index (library->vms, i);
      const VmConfig *config = bonsai_vm_get_config (vm);
      ReportSubject *subject;

      if (config == NULL)
        continue;
      subject = g_new (ReportSubject, 1);
      *subject = (ReportSubject){ g_strdup (config->uuid),
                                  g_strdup (config->name),
                                  g_strdup (bonsai_vm_get_path (vm)),
                                  config->memory,
                                  config->cpus,
                                  bonsai_state_is_alive (bonsai_vm_get_state (vm)) };
      g_ptr_array_add (source->subjects, subject);
    }
  return source;
}

void
report_source_free (ReportSource *source)
{
  g_ptr_array_unref (source->subjects);
  g_free (source->folder);
  g_free (source);
}

/* --- what it tells --- */

GPtrArray *
report_source_read_expiries (const ReportSource *source)
{
  GPtrArray *expiries = g_ptr_array_new_with_free_func ((GDestroyNotify)report_expiry_free);

  for (guint i = 0; i < source->subjects->len; i++)
    {
      const ReportSubject *one = g_ptr_array_index (source->subjects, i);
      ReportExpiry *expiry = report_expiry_read (one->path, one->uuid, one->name, one->running);

      if (expiry != NULL)
        g_ptr_array_add (expiries, expiry);
    }
  g_ptr_array_sort (expiries, report_expiry_compare);
  return expiries;
}

/* @path: (transfer full) */
static HistorySeries *
read_history (char *path, gint64 from, gint64 to)
{
  HistorySeries *series = history_file_read (path, from, to, 0, NULL);

  g_free (path);
  return series;
}

Advice *
report_subject_advise (const ReportSubject *subject)
{
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;
  g_autoptr (HistorySeries) history =
    read_history (history_store_path (subject->uuid), now - ADVICE_SPAN, now);

  return advice_find (&(ReportMachine){ subject->name, (double)subject->memory, subject->cpus, history });
}

/* --- reports --- */

static void
clear_machine (gpointer data)
{
  ReportMachine *machine = data;

  if (machine->history != NULL)
    history_series_free ((HistorySeries *)machine->history);
}

static ReportTable *
make_utilisation (const ReportSource *source, gint64 from, gint64 to, GCancellable *cancellable)
{
  g_autoptr (GArray) machines = g_array_new (FALSE, FALSE, sizeof (ReportMachine));
  ReportMachine one = { "This host", 0, (guint)g_get_num_processors (),
                        read_history (history_store_host_path (), from, to) };

  g_array_set_clear_func (machines, clear_machine);
  g_array_append_val (machines, one);
  for (guint i = 0; i < source->subjects->len && !g_cancellable_is_cancelled (cancellable); i++)
    {
      const ReportSubject *subject = g_ptr_array_index (source->subjects, i);

      one = (ReportMachine){ subject->name, (double)subject->memory, subject->cpus,
                             read_history (history_store_path (subject->uuid), from, to) };
      g_array_append_val (machines, one);
    }
  return report_utilisation ((const ReportMachine *)(const void *)machines->data, machines->len);
}

static ReportTable *
make_changes (gint64 from, gint64 to, GError **error)
{
  g_autofree char *path = event_log_path ();
  const EventQuery query = { .since = from * G_USEC_PER_SEC, .until = (to + 1) * G_USEC_PER_SEC };
  g_autoptr (GPtrArray) events = event_log_read (path, &query, error);

  return events != NULL ? report_changes (events) : NULL;
}

static ReportTable *
make_storage (const ReportSource *source, GCancellable *cancellable)
{
  g_autoptr (GPtrArray) machines = g_ptr_array_new_with_free_func ((GDestroyNotify)report_storage_free);
  g_autofree char *trash = library_trash_folder (source->folder);
  g_auto (GStrv) deleted = library_list_trash (source->folder);

  for (guint i = 0; i < source->subjects->len && !g_cancellable_is_cancelled (cancellable); i++)
    {
      const ReportSubject *subject = g_ptr_array_index (source->subjects, i);

      g_ptr_array_add (machines, report_storage_measure (subject->path, subject->name, false));
    }
  for (guint i = 0; deleted[i] != NULL && !g_cancellable_is_cancelled (cancellable); i++)
    {
      g_autofree char *path = g_build_filename (trash, deleted[i], NULL);
      g_autoptr (VmConfig) config = bundle_load (path, NULL);

      g_ptr_array_add (machines,
                       report_storage_measure (path, config != NULL ? config->name : deleted[i], true));
    }
  return report_storage (machines);
}

static ReportTable *
make_expiries (const ReportSource *source)
{
  g_autoptr (GPtrArray) expiries = report_source_read_expiries (source);

  return report_expiries (expiries, g_get_real_time () / G_USEC_PER_SEC);
}

ReportTable *
report_make (const ReportSource *source, ReportId report, gint64 from, gint64 to, GCancellable *cancellable,
             GError **error)
{
  g_autoptr (ReportTable) table = report == REPORT_UTILISATION
                                    ? make_utilisation (source, from, to, cancellable)
                                  : report == REPORT_CHANGES ? make_changes (from, to, error)
                                  : report == REPORT_STORAGE ? make_storage (source, cancellable)
                                                             : make_expiries (source);

  if (table == NULL || g_cancellable_set_error_if_cancelled (cancellable, error))
    return NULL;
  return g_steal_pointer (&table);
}

char *
report_write (const ReportTable *table, ReportFormat format)
{
  g_autoptr (JsonNode) node = NULL;
  g_autofree char *text = NULL;

  if (format == REPORT_HTML)
    return report_table_to_html (table);
  if (format == REPORT_CSV)
    return report_table_to_csv (table);
  node = report_table_to_json (table);
  text = json_to_string (node, true);
  return g_strconcat (text, "\n", NULL);
}

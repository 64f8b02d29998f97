/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/library/library.h"
#include "app/report/advice.h"

G_BEGIN_DECLS

/*
 * What reports are made of: the machines of a library as they were at one moment. Made where the library is;
 * read in any thread, as reading blocks.
 */
typedef struct {
  char *uuid, *name, *path;
  guint64 memory; /* bytes that it is to have */
  guint cpus;
  bool running;
} ReportSubject;

typedef struct {
  GPtrArray *subjects; /* of ReportSubject; without machines that can't be read */
  char *folder;        /* the library's */
} ReportSource;

ReportSource *report_source_new (BonsaiLibrary *library);
void report_source_free (ReportSource *source);

/* Of those that end. (transfer full): of ReportExpiry, the next one first */
GPtrArray *report_source_read_expiries (const ReportSource *source);

/* What @subject's history of the last 30 days advises. (nullable) (transfer full) */
Advice *report_subject_advise (const ReportSubject *subject);

/* --- reports --- */

typedef enum {
  REPORT_UTILISATION,
  REPORT_CHANGES,
  REPORT_STORAGE,
  REPORT_EXPIRIES,
  N_REPORTS,
} ReportId;
extern const char *const report_names[]; /* "utilisation", …; NULL ends */

/* Of the time from @from to @to, seconds since 1970; the last two are of now. (transfer full), or NULL with
 * @error set: it was cancelled, or the log can't be read. */
ReportTable *report_make (const ReportSource *source, ReportId report, gint64 from, gint64 to,
                          GCancellable *cancellable, GError **error);

typedef enum {
  REPORT_HTML,
  REPORT_CSV,
  REPORT_JSON,
  N_REPORT_FORMATS,
} ReportFormat;
extern const char *const report_format_names[]; /* "html", …: also the endings of files; NULL ends */

/* (transfer full) */
char *report_write (const ReportTable *table, ReportFormat format);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ReportSource, report_source_free)

G_END_DECLS

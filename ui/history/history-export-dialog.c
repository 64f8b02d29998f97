/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/history/history-export-dialog.h"

#include "app/history/history-export.h"
#include "ui/base/error-dialog.h"
#include "ui/base/i18n.h"
#include "ui/history/graph-paint.h"

#include <string.h>

/* Of the picture, in pixels. */
#define WIDTH  1200
#define HEIGHT 260

typedef struct {
  GtkWindow *parent; /* weak */
  GtkFileChooserNative *chooser;
  HistorySeries *series;
  gint64 from, to;
  char *format;
} Export;

static void
export_free (Export *export)
{
  g_clear_weak_pointer (&export->parent);
  g_clear_object (&export->chooser);
  history_series_free (export->series);
  g_free (export->format);
  g_free (export);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Export, export_free)

/* Dark on white, whatever the desktop's colours. */
static cairo_status_t
write_picture (const Export *export, const char *path)
{
  const GdkRGBA ink = { 0.1f, 0.1f, 0.1f, 1 };
  cairo_surface_t *surface = cairo_image_surface_create (CAIRO_FORMAT_RGB24, WIDTH, HEIGHT * GRAPH_N_KINDS);
  cairo_t *cr = cairo_create (surface);
  cairo_status_t status;

  cairo_set_source_rgb (cr, 1, 1, 1);
  cairo_paint (cr);
  for (unsigned kind = 0; kind < GRAPH_N_KINDS; kind++)
    {
      graph_paint (cr, kind, export->series, export->from, export->to, WIDTH, HEIGHT, &ink);
      cairo_translate (cr, 0, HEIGHT);
    }
  cairo_destroy (cr);
  status = cairo_surface_write_to_png (surface, path);
  cairo_surface_destroy (surface);
  return status;
}

static bool
write_file (const Export *export, const char *path, GError **error)
{
  g_autofree char *text = NULL;
  cairo_status_t status;

  if (g_str_equal (export->format, "png"))
    {
      status = write_picture (export, path);
      if (status != CAIRO_STATUS_SUCCESS)
        g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_FAILED, _ ("Can’t write %s: %s"), path,
                     cairo_status_to_string (status));
      return status == CAIRO_STATUS_SUCCESS;
    }
  if (g_str_equal (export->format, "csv"))
    text = history_series_to_csv (export->series);
  else
    {
      g_autoptr (JsonNode) node = history_series_to_json (export->series);

      text = json_to_string (node, true);
    }
  return g_file_set_contents (path, text, -1, error);
}

static void
on_named (GtkNativeDialog *dialog, int response, gpointer data)
{
  g_autoptr (Export) export = data;
  g_autoptr (GFile) file =
    response == GTK_RESPONSE_ACCEPT ? gtk_file_chooser_get_file (GTK_FILE_CHOOSER (dialog)) : NULL;
  g_autofree char *path = file ? g_file_get_path (file) : NULL;
  g_autoptr (GError) error = NULL;

  if (path && !write_file (export, path, &error))
    error_dialog_show (export->parent, _ ("Can’t Export the History"), error);
}

void
history_export (GtkWindow *parent, const char *format, const char *name, HistorySeries *series, gint64 from,
                gint64 to)
{
  Export *export = g_new0 (Export, 1);
  g_autofree char *file = g_strdup_printf ("%s.%s", name, format);

  *export = (Export){ .series = series, .from = from, .to = to, .format = g_strdup (format) };
  g_set_weak_pointer (&export->parent, parent);
  g_strdelimit (file, "/", '-');
  export->chooser = gtk_file_chooser_native_new (_ ("Export the History"), parent,
                                                 GTK_FILE_CHOOSER_ACTION_SAVE, _ ("_Export"), _ ("_Cancel"));
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (export->chooser), true);
  gtk_file_chooser_set_current_name (GTK_FILE_CHOOSER (export->chooser), file);
  g_signal_connect (export->chooser, "response", G_CALLBACK (on_named), export);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (export->chooser));
}

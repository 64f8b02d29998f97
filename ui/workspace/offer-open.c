/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/workspace/offer-open.h"

#include "app/library/library-offer.h"
#include "ui/application.h"
#include "ui/base/error-dialog.h"
#include "ui/base/i18n.h"
#include "ui/workspace/offer-dialog.h"

bool
offer_open_is_one (const char *path)
{
  return g_str_has_suffix (path, OFFER_SUFFIX) || g_str_has_suffix (path, RENEWAL_SUFFIX);
}

/* A job that is done already: it is listed with the others. */
static void
tell_renewed (GtkWindow *parent, BonsaiVm *vm)
{
  BonsaiApplication *application = BONSAI_APPLICATION (gtk_window_get_application (parent));
  g_autofree char *title = g_strdup_printf (_ ("“%s” is renewed"), bonsai_vm_get_name (vm));
  g_autoptr (BonsaiJob) job = bonsai_job_new (title, bonsai_vm_get_uuid (vm), NULL);

  bonsai_jobs_add (bonsai_application_get_jobs (application), job);
  bonsai_job_end (job, NULL);
}

void
offer_open (GtkWindow *parent, BonsaiLibrary *library, const char *path)
{
  g_autofree char *text = NULL, *name = g_path_get_basename (path);
  g_autoptr (GError) error = NULL;
  BonsaiVm *vm;
  Offer *offer;
  gsize length;

  text = lease_store_read_file (path, &length, &error);
  if (!text)
    error_dialog_show (parent, _ ("Can’t Open the File"), error);
  else if (!offer_is_one (text, length))
    {
      vm = library_accept_renewal (library, text, length, name, &error);
      if (vm)
        tell_renewed (parent, vm);
      else
        error_dialog_show (parent, _ ("Can’t Renew a Workspace"), error);
    }
  else if ((offer = offer_read (text, length, name, &error)))
    offer_dialog_show (parent, library, offer);
  else
    error_dialog_show (parent, _ ("This Offer Can’t Be Accepted"), error);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/application.h"
#include "ui/base/i18n.h"

int
main (int argc, char **argv)
{
  g_autoptr (BonsaiApplication) application = NULL;

  i18n_init ();
  application = bonsai_application_new ();
  return g_application_run (G_APPLICATION (application), argc, argv);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every window, page and dialog at 360 by 600 pixels, with text twice as large, and from right to left:
 * nothing is cut off, whatever can be used says what it is, and Tab leads there.
 *
 * Usage: test-dialogs ARTEFACTS BONSAI, in a desktop session of its own. */
#include "tests/ui/hand.h"
#include "tests/ui/tours.h"
#include "tests/ui/world.h"

#include "ui/base/i18n.h"

typedef struct {
  Tour tour;
  TourFunc lead;
} Visit;

static void
look_at_nothing (gconstpointer data)
{
  const Visit *visit = data;

  g_application_activate (G_APPLICATION (visit->tour.application));
  hand_see ("No Machines Yet");
  eye_look (visit->tour.eye, "empty");
  world_make (visit->tour.bonsai);
  hand_find (GTK_TYPE_BUTTON, "Start Vanished");
}

static void
run_tour (gconstpointer data)
{
  Visit visit = *(const Visit *)data;

  visit.lead (&visit.tour);
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *path;
    TourFunc lead;
  } tours[] = {
    { "/dialogs/library", tour_library },
    { "/dialogs/places", tour_places },
    { "/dialogs/app", tour_app },
    { "/dialogs/machine", tour_machine },
    { "/dialogs/running", tour_running },
    { "/dialogs/history", tour_history },
    { "/dialogs/advice", tour_advice },
    { "/dialogs/settings", tour_settings },
    { "/dialogs/snapshots", tour_snapshots },
    { "/dialogs/wizard", tour_wizard },
    { "/dialogs/trouble", tour_trouble },
  };
  Visit visits[G_N_ELEMENTS (tours) + 1];

  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (argc, ==, 3);
  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL); /* GTK warns of its own boxes */
  i18n_init ();
  g_autoptr (BonsaiApplication) application = bonsai_application_new ();
  g_autoptr (Eye) eye = eye_new (argv[1]);
  g_assert_true (g_application_register (G_APPLICATION (application), NULL, NULL));
  g_object_set (gtk_settings_get_default (), "gtk-enable-animations", FALSE, NULL);
  visits[0] = (Visit){ { application, eye, argv[2] }, NULL };
  g_test_add_data_func ("/dialogs/empty", &visits[0], look_at_nothing);
  for (unsigned i = 0; i < G_N_ELEMENTS (tours); i++)
    {
      visits[i + 1] = (Visit){ { application, eye, argv[2] }, tours[i].lead };
      g_test_add_data_func (tours[i].path, &visits[i + 1], run_tour);
    }
  return g_test_run ();
}

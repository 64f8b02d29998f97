/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/ui/hand.h"
#include "tests/ui/tours.h"
#include "tests/ui/world.h"

#include "ui/library/library-window.h"

void
tour_go (const char *place)
{
  hand_act (BONSAI_TYPE_LIBRARY_WINDOW, "win.go", place);
}

void
tour_show (Tour *tour, const char *machine)
{
  hand_act (BONSAI_TYPE_LIBRARY_WINDOW, "win.show-vm", machine);
  hand_find (g_type_from_name ("BonsaiMachinePage"), "");
}

static void
look_at_lists (Tour *tour)
{
  tour_go ("all");
  /* Machines that came before those in sight have moved nothing. */
  gtk_widget_activate_action (hand_find (GTK_TYPE_GRID_VIEW, ""), "list.scroll-to-item", "u", 0);
  hand_find (GTK_TYPE_BUTTON, "Start Elm");
  eye_look (tour->eye, "grid");
  hand_act (BONSAI_TYPE_LIBRARY_WINDOW, "win.toggle-mode", NULL);
  hand_find (GTK_TYPE_BUTTON, "Start Elm");
  eye_look (tour->eye, "list");
  hand_act (BONSAI_TYPE_LIBRARY_WINDOW, "win.toggle-mode", NULL);
  tour_go ("group:Gardens");
  eye_look (tour->eye, "group");
  tour_go ("templates");
  hand_find (GTK_TYPE_BUTTON, "More Actions for Gold");
  eye_look (tour->eye, "templates");
  tour_go ("all");
}

static void
look_for_nothing (Tour *tour)
{
  hand_act (BONSAI_TYPE_LIBRARY_WINDOW, "win.search", NULL);
  hand_type ("Search Machines", "nowhere");
  hand_see ("Nothing Found");
  eye_look (tour->eye, "nothing-found");
  hand_type ("Search Machines", "");
  hand_press ("Search");
}

static void
look_at_selection (Tour *tour)
{
  gtk_widget_activate_action (hand_find (GTK_TYPE_GRID_VIEW, ""), "list.select-all", NULL);
  hand_see ("3 ");
  eye_look (tour->eye, "several-selected");
  gtk_widget_activate_action (hand_find (GTK_TYPE_GRID_VIEW, ""), "list.unselect-all", NULL);
}

static void
look_at_menus (Tour *tour)
{
  hand_press ("More Actions for Elm");
  eye_look (tour->eye, "menu-of-machine");
  hand_close ();
  hand_press ("View Options");
  eye_look (tour->eye, "menu-of-view");
  hand_close ();
  hand_act (BONSAI_TYPE_LIBRARY_WINDOW, "win.back", NULL);
  eye_look (tour->eye, "sidebar");
  hand_press ("Main Menu");
  eye_look (tour->eye, "menu-of-app");
  hand_close ();
  tour_go ("all");
}

void
tour_library (Tour *tour)
{
  look_at_lists (tour);
  look_for_nothing (tour);
  look_at_selection (tour);
  look_at_menus (tour);
  hand_press ("More Actions for Elm");
  hand_press ("Group and Tags…");
  hand_see ("Gardens/Behind the House");
  eye_look (tour->eye, "group-and-tags");
  hand_close ();
}

static void
look_at_offer (Tour *tour)
{
  g_autofree char *path = g_build_filename (g_get_home_dir (), WORLD_OFFER, NULL);

  hand_act (BONSAI_TYPE_LIBRARY_WINDOW, "win.open-file", path);
  hand_see ("For anna");
  eye_look (tour->eye, "offer");
  hand_close ();
}

void
tour_places (Tour *tour)
{
  tour_go ("dashboard");
  hand_find (GTK_TYPE_BUTTON, "Templates: 1");
  hand_see ("Capacity");
  hand_see ("Has never used more than 0.6 GiB of 2.0 GiB of memory");
  hand_see ("What Happened Last");
  eye_look (tour->eye, "dashboard");
  hand_act (BONSAI_TYPE_LIBRARY_WINDOW, "win.reports", NULL);
  hand_see ("What machines used of what they have");
  eye_look (tour->eye, "reports");
  hand_close ();
  look_at_offer (tour);
  tour_go ("trash");
  hand_find (GTK_TYPE_BUTTON, "Restore Fallen");
  eye_look (tour->eye, "trash");
  hand_press ("Delete Fallen for Good…");
  eye_look (tour->eye, "delete-for-good");
  hand_close ();
  hand_press ("Empty…");
  eye_look (tour->eye, "empty-the-trash");
  hand_close ();
  tour_go ("host");
  hand_see ("UEFI Firmware");
  eye_look (tour->eye, "this-computer");
  tour_go ("all");
}

void
tour_app (Tour *tour)
{
  g_action_group_activate_action (G_ACTION_GROUP (tour->application), "shortcuts", NULL);
  hand_see ("Release Mouse and Keyboard");
  eye_look (tour->eye, "shortcuts");
  hand_close ();
  g_action_group_activate_action (G_ACTION_GROUP (tour->application), "about", NULL);
  hand_see ("Bonsai");
  eye_look (tour->eye, "about");
  hand_close ();
}

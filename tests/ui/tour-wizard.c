/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/ui/hand.h"
#include "tests/ui/tours.h"

#include "ui/library/library-window.h"

static void
look_at_sources (Tour *tour)
{
  hand_act (BONSAI_TYPE_LIBRARY_WINDOW, "win.create", NULL);
  hand_see ("Debian 12");
  eye_look (tour->eye, "wizard-source");
  hand_press ("Kernel");
  hand_type ("File", "/nowhere");
  hand_see ("Can't open");
  eye_look (tour->eye, "wizard-kernel");
  hand_press ("Gold");
  hand_press ("Next");
  hand_see ("Name and Size");
  eye_look (tour->eye, "wizard-template");
  hand_press ("Back");
}

static void
look_at_details (Tour *tour)
{
  hand_press ("Debian 12");
  hand_press ("Next");
  gtk_spin_button_set_value (GTK_SPIN_BUTTON (hand_find (GTK_TYPE_SPIN_BUTTON, "Memory")), 64);
  hand_see ("Debian 12 needs at least ");
  eye_look (tour->eye, "wizard-details");
  hand_press ("Install by Itself");
  hand_press ("Next");
  hand_see ("Choose a password.");
  eye_look (tour->eye, "wizard-express");
}

void
tour_wizard (Tour *tour)
{
  look_at_sources (tour);
  look_at_details (tour);
  hand_type ("Password", "hush");
  hand_press ("Next");
  hand_see ("Summary");
  eye_look (tour->eye, "wizard-summary");
  hand_press ("Customise…");
  hand_see ("Devices");
  eye_look (tour->eye, "wizard-devices");
  hand_press ("Done");
  hand_close ();
}

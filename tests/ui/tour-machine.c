/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/ui/hand.h"
#include "tests/ui/tours.h"
#include "tests/ui/world.h"

#include "ui/library/library-window.h"
#include "ui/machine/machine-page.h"
#include "ui/machine/settings-page.h"
#include "ui/snapshot/snapshot-page.h"

#include <string.h>

static void
show_tab (Tour *tour, const char *tab)
{
  tour_show (tour, "Elm");
  hand_act (BONSAI_TYPE_MACHINE_PAGE, "page.show", tab);
}

void
tour_machine (Tour *tour)
{
  tour_show (tour, "Elm");
  hand_see ("Processor and Memory");
  eye_look (tour->eye, "overview");
  hand_press ("Machine Menu");
  eye_look (tour->eye, "menu-of-page");
  hand_close ();
  show_tab (tour, "text-console");
  eye_look (tour->eye, "text-console");
  show_tab (tour, "overview");
  tour_go ("all");
}

/* What history advises is done at once, and undone. */
void
tour_advice (Tour *tour)
{
  BonsaiVm *vm = bonsai_library_find (bonsai_application_get_library (tour->application), "Vanished");

  tour_show (tour, "Vanished");
  hand_see ("Could do with 0.8 GiB of memory");
  eye_look (tour->eye, "advice");
  hand_press ("Apply");
  hand_see ("From its next start: 0.8 GiB of memory");
  g_assert_cmpuint (bonsai_vm_get_config (vm)->memory, ==, 768 << 20);
  hand_press ("Undo");
  hand_see ("Could do with 0.8 GiB of memory");
  g_assert_cmpuint (bonsai_vm_get_config (vm)->memory, ==, UINT64_C (2) << 30);
  tour_go ("all");
}

/* As another process runs it. */
void
tour_running (Tour *tour)
{
  world_run (tour->bonsai, "start", "Elm");
  tour_show (tour, "Elm");
  hand_see ("Running");
  hand_find (GTK_TYPE_BUTTON, "Show Console");
  eye_look (tour->eye, "overview-running");
  show_tab (tour, "settings");
  hand_see ("At next start");
  eye_look (tour->eye, "settings-running");
  show_tab (tour, "overview");
  world_run (tour->bonsai, "stop", "Elm");
  hand_find (GTK_TYPE_BUTTON, "Start");
  tour_go ("all");
}

void
tour_history (Tour *tour)
{
  tour_show (tour, "Vanished");
  hand_act (BONSAI_TYPE_MACHINE_PAGE, "page.history", NULL);
  hand_press ("Day");
  eye_look (tour->eye, "history");
  hand_close ();
  tour_go ("all");
}

/* What isn't a description. */
static void
spoil_description (void)
{
  GtkTextBuffer *buffer =
    gtk_text_view_get_buffer (GTK_TEXT_VIEW (hand_find (GTK_TYPE_TEXT_VIEW, "vm.json")));
  GtkTextIter start, end;

  gtk_text_buffer_get_bounds (buffer, &start, &end);
  g_autofree char *text = gtk_text_buffer_get_text (buffer, &start, &end, FALSE);
  GString *spoilt = g_string_new (text);
  g_string_replace (spoilt, "\"cpus\" : 1", "\"cpus\" : 0", 1);
  gtk_text_buffer_set_text (buffer, spoilt->str, -1);
  g_string_free (spoilt, TRUE);
}

void
tour_settings (Tour *tour)
{
  show_tab (tour, "settings");
  hand_see ("How many the guest has");
  eye_look (tour->eye, "settings");
  hand_press ("Edit…");
  eye_look (tour->eye, "description");
  spoil_description ();
  hand_press ("Save");
  hand_see ("vm.json:");
  eye_look (tour->eye, "description-refused");
  hand_close ();
  show_tab (tour, "overview");
  tour_go ("all");
}

static void
choose (const char *snapshot)
{
  GtkWidget *card = hand_find (g_type_from_name ("BonsaiSnapshotCard"), snapshot);

  gtk_widget_grab_focus (card);
  gtk_widget_activate (card);
}

static void
look_at_dialog (Tour *tour, const char *action, const char *place)
{
  hand_act (BONSAI_TYPE_SNAPSHOT_PAGE, action, NULL);
  eye_look (tour->eye, place);
  hand_close ();
}

void
tour_snapshots (Tour *tour)
{
  show_tab (tour, "snapshots");
  choose ("Fresh");
  eye_look (tour->eye, "snapshots");
  look_at_dialog (tour, "tree.compare", "compare");
  look_at_dialog (tour, "tree.take", "take-a-snapshot");
  look_at_dialog (tour, "tree.clone", "make-a-clone");
  look_at_dialog (tour, "tree.back", "go-back");
  look_at_dialog (tour, "tree.rename", "rename");
  show_tab (tour, "overview");
  tour_go ("all");
}

void
tour_trouble (Tour *tour)
{
  tour_go ("all");
  hand_act (BONSAI_TYPE_LIBRARY_WINDOW, "win.toggle-mode", NULL); /* to the list: all are in sight */
  hand_press ("Start Vanished");
  hand_see ("Can’t Start “Vanished”");
  eye_look (tour->eye, "error");
  hand_close ();
  hand_press ("Start Vault");
  hand_see ("Passphrase");
  eye_look (tour->eye, "unlock");
  hand_type ("Passphrase", "open sesame");
  hand_press ("Unlock");
  hand_see ("That passphrase");
  eye_look (tour->eye, "unlock-refused");
  hand_close ();
  hand_act (BONSAI_TYPE_LIBRARY_WINDOW, "win.toggle-mode", NULL);
}

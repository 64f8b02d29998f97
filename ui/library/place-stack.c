/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/library/place-stack.h"

#include "ui/dashboard/dashboard-page.h"
#include "ui/host/host-page.h"
#include "ui/library/trash-page.h"
#include "ui/machine/machine-page.h"

#include <string.h>

#define CROSSFADE 120 /* ms */

struct _BonsaiPlaceStack {
  AdwBin parent;
  BonsaiLibrary *library;
  BonsaiTrash *trash;
  GtkStack *stack;
  BonsaiLibraryView *view;
};

G_DEFINE_FINAL_TYPE (BonsaiPlaceStack, bonsai_place_stack, ADW_TYPE_BIN)

/* --- pages --- */

static GtkWidget *
need_page (BonsaiPlaceStack *self, const char *name)
{
  GtkWidget *page = gtk_stack_get_child_by_name (self->stack, name);

  if (page)
    return page;
  if (g_str_equal (name, "machine"))
    page = bonsai_machine_page_new (self->library);
  else if (g_str_equal (name, "trash"))
    page = bonsai_trash_page_new (self->library, self->trash);
  else if (g_str_equal (name, "dashboard"))
    page = bonsai_dashboard_page_new (self->library);
  else
    page = bonsai_host_page_new (self->library);
  gtk_stack_add_named (self->stack, page, name);
  return page;
}

static bool
show_machine (BonsaiPlaceStack *self, const char *key)
{
  BonsaiVm *vm = bonsai_library_find (self->library, key);

  if (!vm)
    return false;
  GtkWidget *page = need_page (self, "machine");
  bonsai_machine_page_set_vm (BONSAI_MACHINE_PAGE (page), vm);
  gtk_stack_set_visible_child (self->stack, page);
  return true;
}

/* A machine that isn't looked at any more is let go of. */
static void
leave_machine (BonsaiPlaceStack *self)
{
  GtkWidget *page = gtk_stack_get_child_by_name (self->stack, "machine");

  if (page && gtk_stack_get_visible_child (self->stack) != page)
    bonsai_machine_page_set_vm (BONSAI_MACHINE_PAGE (page), NULL);
}

static void
show_view (BonsaiPlaceStack *self, const char *place)
{
  bool is_group = g_str_has_prefix (place, "group:");

  if (g_str_equal (place, "templates"))
    bonsai_library_view_set_templates (self->view);
  else
    bonsai_library_view_set_group (self->view, is_group ? place + strlen ("group:") : NULL);
  gtk_stack_set_visible_child (self->stack, GTK_WIDGET (self->view));
}

bool
bonsai_place_stack_show (BonsaiPlaceStack *self, const char *place)
{
  static const char *const pages[] = { "dashboard", "trash", "host", NULL };

  if (g_str_has_prefix (place, "machine:"))
    {
      if (!show_machine (self, place + strlen ("machine:")))
        return false;
    }
  else if (g_strv_contains (pages, place))
    gtk_stack_set_visible_child (self->stack, need_page (self, place));
  else
    show_view (self, place);
  bonsai_library_view_capture_keys (self->view, bonsai_place_stack_is_view (self)
                                                  ? GTK_WIDGET (gtk_widget_get_root (GTK_WIDGET (self)))
                                                  : NULL);
  leave_machine (self);
  return true;
}

BonsaiLibraryView *
bonsai_place_stack_get_view (BonsaiPlaceStack *self)
{
  return self->view;
}

bool
bonsai_place_stack_is_view (BonsaiPlaceStack *self)
{
  return gtk_stack_get_visible_child (self->stack) == GTK_WIDGET (self->view);
}

GtkWidget *
bonsai_place_stack_get_machine_page (BonsaiPlaceStack *self)
{
  GtkWidget *page = gtk_stack_get_visible_child (self->stack);

  return BONSAI_IS_MACHINE_PAGE (page) ? page : NULL;
}

void
bonsai_place_stack_focus (BonsaiPlaceStack *self, guint position)
{
  if (bonsai_place_stack_is_view (self))
    bonsai_library_view_focus (self->view, position);
  else
    gtk_widget_child_focus (GTK_WIDGET (self->stack), GTK_DIR_TAB_FORWARD);
}

/* --- the widget --- */

static void
bonsai_place_stack_dispose (GObject *object)
{
  BonsaiPlaceStack *self = BONSAI_PLACE_STACK (object);

  g_clear_object (&self->trash);
  g_clear_object (&self->library);
  G_OBJECT_CLASS (bonsai_place_stack_parent_class)->dispose (object);
}

static void
bonsai_place_stack_class_init (BonsaiPlaceStackClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = bonsai_place_stack_dispose;
}

static void
bonsai_place_stack_init (BonsaiPlaceStack *self)
{
  self->view = g_object_new (BONSAI_TYPE_LIBRARY_VIEW, NULL);
  self->stack = GTK_STACK (gtk_stack_new ());
  gtk_stack_set_hhomogeneous (self->stack, FALSE);
  gtk_stack_set_transition_type (self->stack, GTK_STACK_TRANSITION_TYPE_CROSSFADE);
  gtk_stack_set_transition_duration (self->stack, CROSSFADE);
  gtk_stack_add_named (self->stack, GTK_WIDGET (self->view), "view");
  adw_bin_set_child (ADW_BIN (self), GTK_WIDGET (self->stack));
}

void
bonsai_place_stack_set_library (BonsaiPlaceStack *self, BonsaiLibrary *library, BonsaiTrash *trash)
{
  self->library = g_object_ref (library);
  self->trash = g_object_ref (trash);
  bonsai_library_view_set_library (self->view, library);
}

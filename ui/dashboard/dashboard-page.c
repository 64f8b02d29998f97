/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/dashboard/dashboard-page.h"

#include "ui/application.h"
#include "ui/base/back-button.h"
#include "ui/base/i18n.h"
#include "ui/base/resource.h"
#include "ui/base/spare-title.h"
#include "ui/dashboard/capacity-group.h"
#include "ui/dashboard/dashboard-rows.h"
#include "ui/dashboard/machine-tally.h"
#include "ui/dashboard/running-card.h"
#include "ui/library/job-row.h"

#define MAX_CARDS 12

enum { COUNT_MACHINES, COUNT_RUNNING, COUNT_SUSPENDED, COUNT_TEMPLATES, COUNT_WORKSPACES, N_COUNTS };

struct _BonsaiDashboardPage {
  AdwBin parent;
  BonsaiLibrary *library;
  BonsaiJobs *jobs;
  MachineTally *tally;
  DashboardReader *reader;
  GPtrArray *advice; /* (nullable): of DashboardAdvice; the reader's last */
  guint timer;       /* a look at what runs; or 0 */
  guint n_workspaces;
  RowList failures, expiries, advised, events;

  GtkFlowBox *counts;
  GtkWidget *tiles[N_COUNTS];
  GtkLabel *numbers[N_COUNTS];
  GtkWidget *running_section;
  GtkFlowBox *running;
  GtkWidget *more_button;
  AdwPreferencesGroup *jobs_group;
  GtkListBox *jobs_list;
  AdwPreferencesGroup *failures_group, *expiries_group, *advice_group, *events_group;
  BonsaiCapacityGroup *capacity;
};

G_DEFINE_FINAL_TYPE (BonsaiDashboardPage, bonsai_dashboard_page, ADW_TYPE_BIN)

/* --- counts --- */

static const struct {
  const char *title, *place;
  bool always; /* also if there is none */
} count_kinds[N_COUNTS] = {
  [COUNT_MACHINES] = { N_ ("Machines"), "all", true },
  [COUNT_RUNNING] = { NC_ ("number of machines", "Running"), "all", true },
  [COUNT_SUSPENDED] = { NC_ ("number of machines", "Suspended"), "all", false },
  [COUNT_TEMPLATES] = { N_ ("Templates"), "templates", false },
  [COUNT_WORKSPACES] = { N_ ("Workspaces"), "all", false },
};

static const char *
count_title (unsigned kind)
{
  return kind == COUNT_RUNNING || kind == COUNT_SUSPENDED
           ? g_dpgettext2 (NULL, "number of machines", count_kinds[kind].title)
           : _ (count_kinds[kind].title);
}

static void
show_count (BonsaiDashboardPage *self, unsigned kind, guint n)
{
  g_autofree char *number = g_strdup_printf ("%u", n);
  g_autofree char *label = g_strdup_printf ("%s: %u", count_title (kind), n);

  gtk_label_set_text (self->numbers[kind], number);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->tiles[kind]), GTK_ACCESSIBLE_PROPERTY_LABEL, label,
                                  -1);
  gtk_widget_set_visible (gtk_widget_get_parent (self->tiles[kind]), n > 0 || count_kinds[kind].always);
}

static void
show_counts (BonsaiDashboardPage *self)
{
  const MachineCounts *counts = machine_tally_get_counts (self->tally);

  show_count (self, COUNT_MACHINES, counts->machines);
  show_count (self, COUNT_RUNNING, counts->running);
  show_count (self, COUNT_SUSPENDED, counts->suspended);
  show_count (self, COUNT_TEMPLATES, counts->templates);
  show_count (self, COUNT_WORKSPACES, self->n_workspaces);
}

/* Its child has the focus. */
static void
add_to_flow (GtkFlowBox *box, GtkWidget *child)
{
  gtk_flow_box_append (box, child);
  gtk_widget_set_focusable (gtk_widget_get_parent (child), FALSE);
}

static void
add_tile (BonsaiDashboardPage *self, unsigned kind)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0);
  GtkWidget *number = gtk_label_new (NULL), *title = gtk_label_new (count_title (kind));
  GtkWidget *tile = gtk_button_new ();

  gtk_widget_add_css_class (number, "title-1");
  gtk_widget_add_css_class (number, "numeric");
  gtk_widget_add_css_class (title, "caption");
  gtk_label_set_wrap (GTK_LABEL (title), TRUE);
  gtk_label_set_wrap_mode (GTK_LABEL (title), PANGO_WRAP_WORD_CHAR);
  gtk_label_set_justify (GTK_LABEL (title), GTK_JUSTIFY_CENTER);
  gtk_box_append (GTK_BOX (box), number);
  gtk_box_append (GTK_BOX (box), title);
  gtk_button_set_child (GTK_BUTTON (tile), box);
  gtk_widget_add_css_class (tile, "dashboard-tile");
  gtk_actionable_set_action_name (GTK_ACTIONABLE (tile), "win.go");
  gtk_actionable_set_action_target (GTK_ACTIONABLE (tile), "s", count_kinds[kind].place);
  self->tiles[kind] = tile;
  self->numbers[kind] = GTK_LABEL (number);
  add_to_flow (self->counts, tile);
}

/* --- what runs --- */

static BonsaiRunningCard *
card_at (BonsaiDashboardPage *self, guint position)
{
  GtkFlowBoxChild *child = gtk_flow_box_get_child_at_index (self->running, (int)position);

  return child ? BONSAI_RUNNING_CARD (gtk_flow_box_child_get_child (child)) : NULL;
}

/* Cards of machines that still run stay, with what they know. */
static void
show_running (BonsaiDashboardPage *self)
{
  GPtrArray *running = machine_tally_get_running (self->tally);
  guint n = MIN (running->len, MAX_CARDS);
  BonsaiRunningCard *card;

  for (guint i = 0; i < n; i++)
    {
      BonsaiVm *vm = g_ptr_array_index (running, i);

      while ((card = card_at (self, i)) && bonsai_running_card_get_vm (card) != vm
             && !g_ptr_array_find (running, bonsai_running_card_get_vm (card), NULL))
        gtk_flow_box_remove (self->running, gtk_widget_get_parent (GTK_WIDGET (card)));
      if (card && bonsai_running_card_get_vm (card) == vm)
        continue;
      GtkWidget *made = bonsai_running_card_new (vm);
      gtk_flow_box_insert (self->running, made, (int)i);
      gtk_widget_set_focusable (gtk_widget_get_parent (made), FALSE);
      bonsai_running_card_look (BONSAI_RUNNING_CARD (made));
    }
  while ((card = card_at (self, n)))
    gtk_flow_box_remove (self->running, gtk_widget_get_parent (GTK_WIDGET (card)));
  gtk_widget_set_visible (self->running_section, n > 0);
  gtk_widget_set_visible (self->more_button, running->len > n);
}

static gboolean
look_at_running (gpointer data)
{
  BonsaiDashboardPage *self = data;
  BonsaiRunningCard *card;

  for (guint i = 0; (card = card_at (self, i)); i++)
    bonsai_running_card_look (card);
  return G_SOURCE_CONTINUE;
}

/* --- jobs --- */

static GtkWidget *
make_job_row (gpointer job, gpointer data)
{
  return bonsai_job_row_new (((BonsaiDashboardPage *)data)->jobs, job);
}

static void
show_jobs (BonsaiDashboardPage *self)
{
  gtk_widget_set_visible (GTK_WIDGET (self->jobs_group),
                          g_list_model_get_n_items (G_LIST_MODEL (self->jobs)) > 0);
}

/* --- what was read --- */

static void
show_overview (const Overview *overview, gpointer data)
{
  BonsaiDashboardPage *self = data;

  self->n_workspaces = overview->n_workspaces;
  show_counts (self);
  dashboard_show_events (&self->failures, self->library, overview->failures);
  dashboard_show_events (&self->events, self->library, overview->events);
  dashboard_show_expiries (&self->expiries, overview->expiries);
}

static void
show_room (const OverviewRoom *room, gpointer data)
{
  bonsai_capacity_group_show (((BonsaiDashboardPage *)data)->capacity, room);
}

static void
show_advice (const GPtrArray *advice, gpointer data)
{
  BonsaiDashboardPage *self = data;

  g_clear_pointer (&self->advice, g_ptr_array_unref);
  self->advice = g_ptr_array_ref ((GPtrArray *)advice);
  dashboard_show_advice (&self->advised, self->library, advice);
}

static const DashboardReaderFuncs reader_funcs = { show_overview, show_room, show_advice };

static void
on_tally_changed (BonsaiDashboardPage *self)
{
  if (!gtk_widget_get_mapped (GTK_WIDGET (self)))
    return;
  show_counts (self);
  show_running (self);
  dashboard_show_advice (&self->advised, self->library, self->advice);
  dashboard_reader_look_again (self->reader);
}

/* --- the widget --- */

static void
bonsai_dashboard_page_map (GtkWidget *widget)
{
  BonsaiDashboardPage *self = BONSAI_DASHBOARD_PAGE (widget);

  GTK_WIDGET_CLASS (bonsai_dashboard_page_parent_class)->map (widget);
  show_counts (self);
  show_running (self);
  dashboard_show_advice (&self->advised, self->library, self->advice);
  self->timer = g_timeout_add_seconds (HISTORY_STEP, look_at_running, self);
  look_at_running (self);
  dashboard_reader_set_active (self->reader, true);
}

static void
bonsai_dashboard_page_unmap (GtkWidget *widget)
{
  BonsaiDashboardPage *self = BONSAI_DASHBOARD_PAGE (widget);

  g_clear_handle_id (&self->timer, g_source_remove);
  if (self->reader)
    dashboard_reader_set_active (self->reader, false);
  GTK_WIDGET_CLASS (bonsai_dashboard_page_parent_class)->unmap (widget);
}

static void
bonsai_dashboard_page_dispose (GObject *object)
{
  BonsaiDashboardPage *self = BONSAI_DASHBOARD_PAGE (object);

  g_clear_handle_id (&self->timer, g_source_remove);
  g_clear_pointer (&self->reader, dashboard_reader_free);
  if (self->jobs)
    {
      g_signal_handlers_disconnect_by_data (self->jobs, self);
      gtk_list_box_bind_model (self->jobs_list, NULL, NULL, NULL, NULL);
    }
  g_clear_object (&self->jobs);
  g_clear_object (&self->tally);
  g_clear_object (&self->library);
  G_OBJECT_CLASS (bonsai_dashboard_page_parent_class)->dispose (object);
}

static void
bonsai_dashboard_page_finalize (GObject *object)
{
  BonsaiDashboardPage *self = BONSAI_DASHBOARD_PAGE (object);

  g_clear_pointer (&self->advice, g_ptr_array_unref);
  row_list_clear (&self->failures);
  row_list_clear (&self->expiries);
  row_list_clear (&self->advised);
  row_list_clear (&self->events);
  G_OBJECT_CLASS (bonsai_dashboard_page_parent_class)->finalize (object);
}

static void
bonsai_dashboard_page_class_init (BonsaiDashboardPageClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = bonsai_dashboard_page_dispose;
  G_OBJECT_CLASS (klass)->finalize = bonsai_dashboard_page_finalize;
  widget_class->map = bonsai_dashboard_page_map;
  widget_class->unmap = bonsai_dashboard_page_unmap;
  g_type_ensure (BONSAI_TYPE_BACK_BUTTON);
  g_type_ensure (BONSAI_TYPE_CAPACITY_GROUP);
  g_type_ensure (BONSAI_TYPE_SPARE_TITLE);
  gtk_widget_class_set_template_from_resource (widget_class, UI_RESOURCE "dashboard/dashboard-page.ui");
  gtk_widget_class_bind_template_child (widget_class, BonsaiDashboardPage, counts);
  gtk_widget_class_bind_template_child (widget_class, BonsaiDashboardPage, running_section);
  gtk_widget_class_bind_template_child (widget_class, BonsaiDashboardPage, running);
  gtk_widget_class_bind_template_child (widget_class, BonsaiDashboardPage, more_button);
  gtk_widget_class_bind_template_child (widget_class, BonsaiDashboardPage, jobs_group);
  gtk_widget_class_bind_template_child (widget_class, BonsaiDashboardPage, jobs_list);
  gtk_widget_class_bind_template_child (widget_class, BonsaiDashboardPage, failures_group);
  gtk_widget_class_bind_template_child (widget_class, BonsaiDashboardPage, expiries_group);
  gtk_widget_class_bind_template_child (widget_class, BonsaiDashboardPage, advice_group);
  gtk_widget_class_bind_template_child (widget_class, BonsaiDashboardPage, events_group);
  gtk_widget_class_bind_template_child (widget_class, BonsaiDashboardPage, capacity);
}

static void
bonsai_dashboard_page_init (BonsaiDashboardPage *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  for (unsigned kind = 0; kind < N_COUNTS; kind++)
    add_tile (self, kind);
  row_list_init (&self->failures, self->failures_group);
  row_list_init (&self->expiries, self->expiries_group);
  row_list_init (&self->advised, self->advice_group);
  row_list_init (&self->events, self->events_group);
}

GtkWidget *
bonsai_dashboard_page_new (BonsaiLibrary *library)
{
  BonsaiApplication *application = BONSAI_APPLICATION (g_application_get_default ());
  BonsaiDashboardPage *self = g_object_new (BONSAI_TYPE_DASHBOARD_PAGE, NULL);

  self->library = g_object_ref (library);
  self->jobs = g_object_ref (bonsai_application_get_jobs (application));
  self->reader = dashboard_reader_new (library, &reader_funcs, self);
  self->tally = machine_tally_new (library);
  g_signal_connect_object (self->tally, "changed", G_CALLBACK (on_tally_changed), self, G_CONNECT_SWAPPED);
  gtk_list_box_bind_model (self->jobs_list, G_LIST_MODEL (self->jobs), make_job_row, self, NULL);
  g_signal_connect_object (self->jobs, "items-changed", G_CALLBACK (show_jobs), self, G_CONNECT_SWAPPED);
  show_jobs (self);
  return GTK_WIDGET (self);
}

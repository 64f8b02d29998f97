/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/base/spare-title.h"

struct _BonsaiSpareTitle {
  AdwBin parent;
};

G_DEFINE_FINAL_TYPE (BonsaiSpareTitle, bonsai_spare_title, ADW_TYPE_BIN)

static GtkSizeRequestMode
bonsai_spare_title_get_request_mode (GtkWidget *widget)
{
  return GTK_SIZE_REQUEST_CONSTANT_SIZE;
}

static void
bonsai_spare_title_measure (GtkWidget *widget, GtkOrientation orientation, int for_size, int *minimum,
                            int *natural, int *minimum_baseline, int *natural_baseline)
{
  GtkWidget *child = adw_bin_get_child (ADW_BIN (widget));

  gtk_widget_measure (child, orientation, -1, minimum, natural, NULL, NULL);
  if (orientation == GTK_ORIENTATION_HORIZONTAL)
    *minimum = 0;
}

static void
bonsai_spare_title_size_allocate (GtkWidget *widget, int width, int height, int baseline)
{
  GtkWidget *child = adw_bin_get_child (ADW_BIN (widget));
  int needed;

  gtk_widget_measure (child, GTK_ORIENTATION_HORIZONTAL, -1, &needed, NULL, NULL, NULL);
  gtk_widget_set_child_visible (child, width >= needed);
  if (width >= needed)
    gtk_widget_allocate (child, width, height, baseline, NULL);
}

static void
bonsai_spare_title_class_init (BonsaiSpareTitleClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  widget_class->get_request_mode = bonsai_spare_title_get_request_mode;
  widget_class->measure = bonsai_spare_title_measure;
  widget_class->size_allocate = bonsai_spare_title_size_allocate;
}

static void
bonsai_spare_title_init (BonsaiSpareTitle *self)
{
  gtk_widget_set_layout_manager (GTK_WIDGET (self), NULL);
}

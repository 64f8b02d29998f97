/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/wizard/express-page.h"

#include "ui/base/i18n.h"
#include "ui/base/resource.h"
#include "ui/wizard/choice-row.h"
#include "ui/wizard/field-note.h"

struct _BonsaiExpressPage {
  BonsaiWizardPage parent;
  char *suggested; /* the computer's name proposed last */

  AdwPreferencesGroup *what_group;
  BonsaiChoiceRow *profile_row;
  AdwEntryRow *real_name_row;
  BonsaiFieldNote *real_name_note;
  AdwEntryRow *user_row;
  BonsaiFieldNote *user_note;
  AdwEntryRow *password_row;
  BonsaiFieldNote *password_note;
  AdwActionRow *autologin_row;
  GtkSwitch *autologin_switch;
  BonsaiChoiceRow *language_row;
  BonsaiChoiceRow *keyboard_row;
  BonsaiChoiceRow *timezone_row;
  AdwEntryRow *hostname_row;
  BonsaiFieldNote *hostname_note;
  AdwEntryRow *product_key_row;
  BonsaiFieldNote *product_key_note;
  AdwEntryRow *mirror_row;
  BonsaiFieldNote *mirror_note;
};

G_DEFINE_FINAL_TYPE (BonsaiExpressPage, bonsai_express_page, BONSAI_TYPE_WIZARD_PAGE)

#define PAGE(self) BONSAI_WIZARD_PAGE (self)

static OsExpress *
answers_of (BonsaiExpressPage *self)
{
  return bonsai_wizard_page_get_draft (PAGE (self))->answers;
}

static bool
is_debian (BonsaiExpressPage *self)
{
  const OsProfile *os = bonsai_wizard_page_get_draft (PAGE (self))->os;

  return os != NULL && g_strcmp0 (os->distro, "debian") == 0;
}

/* --- showing --- */

static const char *
profile_name (const char *id)
{
  return g_str_equal (id, "desktop") ? _ ("Desktop") : g_str_equal (id, "jeos") ? _ ("Minimal") : id;
}

static void
show_profiles (BonsaiExpressPage *self)
{
  const OsMedium *medium = bonsai_wizard_page_get_draft (PAGE (self))->look.medium;
  const char *pairs[8][2];
  unsigned n = 0;

  for (; medium != NULL && medium->profiles[n] != NULL && n < G_N_ELEMENTS (pairs); n++)
    {
      pairs[n][0] = medium->profiles[n];
      pairs[n][1] = profile_name (medium->profiles[n]);
    }
  bonsai_choice_row_set_pairs (self->profile_row, (const char *const(*)[2])pairs, n);
  bonsai_choice_row_set_id (self->profile_row, answers_of (self)->profile);
  gtk_widget_set_visible (GTK_WIDGET (self->what_group), n > 1);
  gtk_widget_set_visible (GTK_WIDGET (self->product_key_row), medium != NULL && medium->product_key != NULL);
}

static void
show_text (AdwEntryRow *row, const char *text)
{
  gtk_editable_set_text (GTK_EDITABLE (row), text != NULL ? text : "");
}

static void
suggest_hostname (BonsaiExpressPage *self)
{
  OsExpress *answers = answers_of (self);

  if (answers->hostname != NULL && self->suggested != NULL
      && g_strcmp0 (answers->hostname, self->suggested) != 0)
    return;
  g_free (self->suggested);
  self->suggested = express_hostname (bonsai_wizard_page_get_draft (PAGE (self))->name);
  vm_config_set (&answers->hostname, self->suggested);
}

static void
bonsai_express_page_load (BonsaiWizardPage *page)
{
  BonsaiExpressPage *self = BONSAI_EXPRESS_PAGE (page);
  const OsExpress *answers = answers_of (self);

  suggest_hostname (self);
  show_profiles (self);
  show_text (self->real_name_row, answers->real_name);
  show_text (self->user_row, answers->user);
  show_text (self->password_row, answers->password);
  show_text (self->hostname_row, answers->hostname);
  show_text (self->product_key_row, answers->product_key);
  show_text (self->mirror_row, answers->mirror);
  bonsai_choice_row_set_id (self->language_row, answers->language);
  bonsai_choice_row_set_id (self->keyboard_row, answers->keyboard);
  bonsai_choice_row_set_id (self->timezone_row, answers->timezone);
  gtk_switch_set_active (self->autologin_switch, answers->autologin);
  gtk_widget_set_visible (GTK_WIDGET (self->mirror_row), is_debian (self));
  gtk_widget_set_visible (GTK_WIDGET (self->autologin_row), !is_debian (self));
}

/* --- changing --- */

static void
take (char **member, AdwEntryRow *row)
{
  vm_config_set (member, gtk_editable_get_text (GTK_EDITABLE (row)));
}

static void
change (BonsaiExpressPage *self)
{
  OsExpress *answers;

  if (!bonsai_wizard_page_is_live (PAGE (self)))
    return;
  answers = answers_of (self);
  take (&answers->real_name, self->real_name_row);
  take (&answers->user, self->user_row);
  take (&answers->password, self->password_row);
  take (&answers->hostname, self->hostname_row);
  take (&answers->product_key, self->product_key_row);
  take (&answers->mirror, self->mirror_row);
  vm_config_set (&answers->profile, bonsai_choice_row_get_id (self->profile_row));
  vm_config_set (&answers->language, bonsai_choice_row_get_id (self->language_row));
  vm_config_set (&answers->keyboard, bonsai_choice_row_get_id (self->keyboard_row));
  vm_config_set (&answers->timezone, bonsai_choice_row_get_id (self->timezone_row));
  answers->autologin = gtk_switch_get_active (self->autologin_switch);
  bonsai_wizard_page_changed (PAGE (self));
}

static void
on_text (GtkEditable *editable, gpointer data)
{
  change (data);
}

static void
on_choice (BonsaiChoiceRow *row, gpointer data)
{
  change (data);
}

static void
on_switch (GObject *object, GParamSpec *pspec, gpointer data)
{
  change (data);
}

static bool
bonsai_express_page_check (BonsaiWizardPage *page)
{
  BonsaiExpressPage *self = BONSAI_EXPRESS_PAGE (page);
  const OsExpress *answers = answers_of (self);
  const OsMedium *medium = bonsai_wizard_page_get_draft (page)->look.medium;
  const struct {
    ExpressField field;
    const char *text;
    AdwEntryRow *row;
    BonsaiFieldNote *note;
  } fields[] = {
    { EXPRESS_REAL_NAME, answers->real_name, self->real_name_row, self->real_name_note },
    { EXPRESS_USER, answers->user, self->user_row, self->user_note },
    { EXPRESS_PASSWORD, answers->password, self->password_row, self->password_note },
    { EXPRESS_HOSTNAME, answers->hostname, self->hostname_row, self->hostname_note },
    { EXPRESS_PRODUCT_KEY, answers->product_key, self->product_key_row, self->product_key_note },
    { EXPRESS_MIRROR, answers->mirror, self->mirror_row, self->mirror_note },
  };
  bool fine = true;

  for (unsigned i = 0; i < G_N_ELEMENTS (fields); i++)
    {
      g_autofree char *problem = express_find_problem (answers, medium, fields[i].field);
      bool is_empty = fields[i].text == NULL || fields[i].text[0] == '\0';

      fine = fine && problem == NULL;
      bonsai_field_note_say (fields[i].note, GTK_WIDGET (fields[i].row),
                             is_empty ? FIELD_NOTE_HINT : FIELD_NOTE_PROBLEM, problem);
    }
  return fine;
}

static GtkWidget *
bonsai_express_page_get_focus (BonsaiWizardPage *page)
{
  return GTK_WIDGET (BONSAI_EXPRESS_PAGE (page)->password_row);
}

/* --- life --- */

/* libadwaita's button that shows the password has no name. */
static void
name_buttons (GtkWidget *widget, const char *name)
{
  if (GTK_IS_BUTTON (widget))
    gtk_accessible_update_property (GTK_ACCESSIBLE (widget), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child != NULL;
       child = gtk_widget_get_next_sibling (child))
    name_buttons (child, name);
}

static void
bonsai_express_page_set_up (BonsaiWizardPage *page)
{
  BonsaiExpressPage *self = BONSAI_EXPRESS_PAGE (page);

  name_buttons (GTK_WIDGET (self->password_row), _ ("Show Password"));

  bonsai_choice_row_set_choices (self->language_row, locale_list_languages ());
  bonsai_choice_row_set_choices (self->keyboard_row, locale_list_keyboards ());
  bonsai_choice_row_set_choices (self->timezone_row, locale_list_timezones ());
}

static void
bonsai_express_page_finalize (GObject *object)
{
  g_free (BONSAI_EXPRESS_PAGE (object)->suggested);
  G_OBJECT_CLASS (bonsai_express_page_parent_class)->finalize (object);
}

#define BIND(name) gtk_widget_class_bind_template_child (widget_class, BonsaiExpressPage, name)

static void
bind_children (GtkWidgetClass *widget_class)
{
  BIND (what_group);
  BIND (profile_row);
  BIND (real_name_row);
  BIND (real_name_note);
  BIND (user_row);
  BIND (user_note);
  BIND (password_row);
  BIND (password_note);
  BIND (autologin_row);
  BIND (autologin_switch);
  BIND (language_row);
  BIND (keyboard_row);
  BIND (timezone_row);
  BIND (hostname_row);
  BIND (hostname_note);
  BIND (product_key_row);
  BIND (product_key_note);
  BIND (mirror_row);
  BIND (mirror_note);
}

static void
bonsai_express_page_class_init (BonsaiExpressPageClass *klass)
{
  BonsaiWizardPageClass *page_class = BONSAI_WIZARD_PAGE_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = bonsai_express_page_finalize;
  page_class->set_up = bonsai_express_page_set_up;
  page_class->load = bonsai_express_page_load;
  page_class->check = bonsai_express_page_check;
  page_class->get_focus = bonsai_express_page_get_focus;
  g_type_ensure (BONSAI_TYPE_CHOICE_ROW);
  g_type_ensure (BONSAI_TYPE_FIELD_NOTE);
  gtk_widget_class_set_template_from_resource (widget_class, UI_RESOURCE "wizard/express-page.ui");
  bind_children (widget_class);
  gtk_widget_class_bind_template_callback (widget_class, on_text);
  gtk_widget_class_bind_template_callback (widget_class, on_choice);
  gtk_widget_class_bind_template_callback (widget_class, on_switch);
}

static void
bonsai_express_page_init (BonsaiExpressPage *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

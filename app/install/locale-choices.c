/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/install/locale-choices.h"

#include <string.h>

#define KEYBOARDS     "/usr/share/X11/xkb/rules/base.lst"
#define ZONES         "/usr/share/zoneinfo"
#define ZONE_TABLE    ZONES "/zone1970.tab"
#define HOST_KEYBOARD "/etc/default/keyboard"
#define HOST_ZONE     "/etc/localtime"

/* In their own languages. */
static const struct {
  const char *id, *name;
} languages[] = {
  { "ar_EG", "العربية" },
  { "bg_BG", "Български" },
  { "ca_ES", "Català" },
  { "cs_CZ", "Čeština" },
  { "da_DK", "Dansk" },
  { "de_AT", "Deutsch (Österreich)" },
  { "de_CH", "Deutsch (Schweiz)" },
  { "de_DE", "Deutsch" },
  { "el_GR", "Ελληνικά" },
  { "en_AU", "English (Australia)" },
  { "en_CA", "English (Canada)" },
  { "en_GB", "English (United Kingdom)" },
  { "en_IE", "English (Ireland)" },
  { "en_IN", "English (India)" },
  { "en_US", "English (United States)" },
  { "es_ES", "Español" },
  { "es_MX", "Español (México)" },
  { "et_EE", "Eesti" },
  { "eu_ES", "Euskara" },
  { "fa_IR", "فارسی" },
  { "fi_FI", "Suomi" },
  { "fr_BE", "Français (Belgique)" },
  { "fr_CA", "Français (Canada)" },
  { "fr_CH", "Français (Suisse)" },
  { "fr_FR", "Français" },
  { "gl_ES", "Galego" },
  { "he_IL", "עברית" },
  { "hi_IN", "हिन्दी" },
  { "hr_HR", "Hrvatski" },
  { "hu_HU", "Magyar" },
  { "id_ID", "Bahasa Indonesia" },
  { "is_IS", "Íslenska" },
  { "it_IT", "Italiano" },
  { "ja_JP", "日本語" },
  { "ko_KR", "한국어" },
  { "lt_LT", "Lietuvių" },
  { "lv_LV", "Latviešu" },
  { "nb_NO", "Norsk bokmål" },
  { "nl_NL", "Nederlands" },
  { "nl_BE", "Nederlands (België)" },
  { "pl_PL", "Polski" },
  { "pt_BR", "Português (Brasil)" },
  { "pt_PT", "Português" },
  { "ro_RO", "Română" },
  { "ru_RU", "Русский" },
  { "sk_SK", "Slovenčina" },
  { "sl_SI", "Slovenščina" },
  { "sr_RS", "Српски" },
  { "sv_SE", "Svenska" },
  { "th_TH", "ไทย" },
  { "tr_TR", "Türkçe" },
  { "uk_UA", "Українська" },
  { "vi_VN", "Tiếng Việt" },
  { "zh_CN", "简体中文" },
  { "zh_TW", "繁體中文" },
};

static void
choice_free (gpointer data)
{
  LocaleChoice *choice = data;

  g_free (choice->id);
  g_free (choice->name);
  g_free (choice);
}

/* Both (transfer full). */
static void
add (GPtrArray *list, char *id, char *name)
{
  LocaleChoice *choice = g_new (LocaleChoice, 1);

  *choice = (LocaleChoice){ id, name };
  g_ptr_array_add (list, choice);
}

static int
compare_choices (gconstpointer a, gconstpointer b)
{
  const LocaleChoice *left = *(LocaleChoice *const *)a, *right = *(LocaleChoice *const *)b;

  return g_utf8_collate (left->name, right->name);
}

static GPtrArray *
sorted (GPtrArray *list)
{
  g_ptr_array_sort (list, compare_choices);
  return list;
}

static GPtrArray *
list_new (void)
{
  return g_ptr_array_new_with_free_func (choice_free);
}

static char *
read_text (const char *path)
{
  char *text = NULL;

  return g_file_get_contents (path, &text, NULL, NULL) ? text : g_strdup ("");
}

/* --- languages --- */

GPtrArray *
locale_list_languages (void)
{
  GPtrArray *list = list_new ();

  for (unsigned i = 0; i < G_N_ELEMENTS (languages); i++)
    add (list, g_strdup (languages[i].id), g_strdup (languages[i].name));
  return sorted (list);
}

bool
locale_has_language (const char *id)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (languages); i++)
    if (g_strcmp0 (languages[i].id, id) == 0)
      return true;
  return false;
}

/* "de" is German as it is spoken in the first country of the table, Germany's own first. */
static const char *
find_language (const char *name)
{
  const char *found = NULL;

  for (unsigned i = 0; i < G_N_ELEMENTS (languages); i++)
    {
      const char *id = languages[i].id;

      if (g_str_has_prefix (name, id))
        return id;
      if (strlen (name) == 2 && strncmp (name, id, 2) == 0
          && (found == NULL || g_ascii_strncasecmp (id, id + 3, 2) == 0))
        found = id;
    }
  return found;
}

char *
locale_host_language (void)
{
  const char *const *names = g_get_language_names ();

  for (unsigned i = 0; names[i] != NULL; i++)
    {
      const char *found = find_language (names[i]);

      if (found != NULL)
        return g_strdup (found);
    }
  return g_strdup ("en_US");
}

/* --- keyboards --- */

/* xkeyboard-config's list: a section "! layout" of lines "  de   German". */
GPtrArray *
locale_list_keyboards (void)
{
  g_autofree char *text = read_text (KEYBOARDS);
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  GPtrArray *list = list_new ();
  bool here = false;

  for (unsigned i = 0; lines[i] != NULL; i++)
    {
      char *line = g_strstrip (lines[i]), *end = line + strcspn (line, " \t");

      if (line[0] == '!')
        here = g_str_equal (line, "! layout");
      else if (here && *end != '\0' && !g_str_has_prefix (line, "custom"))
        add (list, g_strndup (line, (gsize)(end - line)), g_strdup (g_strchug (end)));
    }
  if (list->len == 0)
    add (list, g_strdup ("us"), g_strdup ("English (US)"));
  return sorted (list);
}

static bool
is_word (const char *text, const char *also)
{
  if (text == NULL || text[0] == '\0' || strlen (text) > 64)
    return false;
  for (const char *at = text; *at != '\0'; at++)
    if (!g_ascii_isalnum (*at) && strchr (also, *at) == NULL)
      return false;
  return true;
}

bool
locale_is_keyboard (const char *id)
{
  return is_word (id, "_");
}

char *
locale_host_keyboard (void)
{
  g_autofree char *text = read_text (HOST_KEYBOARD);
  g_autoptr (GRegex) regex = g_regex_new ("^XKBLAYOUT=\"?([a-z_]+)", G_REGEX_MULTILINE, 0, NULL);
  g_autoptr (GMatchInfo) match = NULL;

  if (g_regex_match (regex, text, 0, &match))
    return g_match_info_fetch (match, 1);
  return g_strdup ("us");
}

/* --- time zones --- */

/* "America/Argentina/Ushuaia" → "Ushuaia (America)" */
static char *
zone_name (const char *id)
{
  const char *city = strrchr (id, '/');
  g_autofree char *area = g_strndup (id, strcspn (id, "/"));
  g_autofree char *place = g_strdelimit (g_strdup (city != NULL ? city + 1 : id), "_", ' ');

  return city != NULL ? g_strdup_printf ("%s (%s)", place, area) : g_steal_pointer (&place);
}

/* tz's table: lines "country codes<TAB>coordinates<TAB>zone[<TAB>comment]". */
GPtrArray *
locale_list_timezones (void)
{
  g_autofree char *text = read_text (ZONE_TABLE);
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  GPtrArray *list = list_new ();

  for (unsigned i = 0; lines[i] != NULL; i++)
    {
      g_auto (GStrv) fields = g_strsplit (lines[i], "\t", 4);

      if (lines[i][0] != '#' && g_strv_length (fields) >= 3)
        add (list, g_strdup (fields[2]), zone_name (fields[2]));
    }
  add (list, g_strdup ("Etc/UTC"), g_strdup ("UTC"));
  return sorted (list);
}

bool
locale_is_timezone (const char *id)
{
  return is_word (id, "_-+/") && id[0] != '/' && strstr (id, "//") == NULL;
}

char *
locale_host_timezone (void)
{
  g_autofree char *target = g_file_read_link (HOST_ZONE, NULL);
  const char *id = target != NULL ? strstr (target, "zoneinfo/") : NULL;

  if (id != NULL && locale_is_timezone (id + strlen ("zoneinfo/")))
    return g_strdup (id + strlen ("zoneinfo/"));
  return g_strdup ("Etc/UTC");
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What devices are called. */
#include "app/usb/usb-private.h"

#include <libudev.h>
#include <string.h>

/* --- what they say --- */

/* Whatever could break a line, turn around what follows, or isn't seen. */
static bool
is_harmless (gunichar letter)
{
  switch (g_unichar_type (letter))
    {
    case G_UNICODE_CONTROL:
    case G_UNICODE_FORMAT:
    case G_UNICODE_LINE_SEPARATOR:
    case G_UNICODE_PARAGRAPH_SEPARATOR:
    case G_UNICODE_PRIVATE_USE:
    case G_UNICODE_SURROGATE:
    case G_UNICODE_UNASSIGNED:
      return false;
    default:
      return true;
    }
}

char *
usb_clean_text (const char *bytes, gsize length)
{
  g_autofree char *valid = g_utf8_make_valid (bytes, (gssize)MIN (length, 4096));
  g_autoptr (GString) text = g_string_new (NULL);
  bool blank = false;
  unsigned n = 0;

  for (const char *at = valid; *at != '\0' && n < USB_TEXT_MAX; at = g_utf8_next_char (at))
    {
      gunichar letter = g_utf8_get_char (at);

      if (g_unichar_isspace (letter))
        blank = text->len > 0;
      else if (is_harmless (letter))
        {
          if (blank)
            g_string_append_c (text, ' ');
          n += 1 + blank;
          blank = false;
          g_string_append_unichar (text, letter);
        }
    }
  return text->len > 0 ? g_strdup (text->str) : NULL;
}

/* --- what others say of them --- */

void
usb_look_up_names (uint16_t vendor, uint16_t product, char **vendor_name, char **product_name)
{
  g_autofree char *alias = g_strdup_printf ("usb:v%04Xp%04X", vendor, product);
  struct udev *udev = udev_new ();
  struct udev_hwdb *database = udev != NULL ? udev_hwdb_new (udev) : NULL;
  struct udev_list_entry *entry =
    database != NULL ? udev_hwdb_get_properties_list_entry (database, alias, 0) : NULL;

  *vendor_name = *product_name = NULL;
  for (; entry != NULL; entry = udev_list_entry_get_next (entry))
    {
      const char *name = udev_list_entry_get_name (entry), *value = udev_list_entry_get_value (entry);

      if (value != NULL && g_str_equal (name, "ID_VENDOR_FROM_DATABASE") && *vendor_name == NULL)
        *vendor_name = usb_clean_text (value, strlen (value));
      else if (value != NULL && g_str_equal (name, "ID_MODEL_FROM_DATABASE") && *product_name == NULL)
        *product_name = usb_clean_text (value, strlen (value));
    }
  if (database != NULL)
    udev_hwdb_unref (database);
  if (udev != NULL)
    udev_unref (udev);
}

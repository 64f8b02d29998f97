/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which device is the only keyboard or mouse that this computer has. */
#include "app/usb/usb-private.h"

#include <linux/input-event-codes.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  char *path; /* in /sys, without symbolic links */
  bool keyboard, mouse;
} Input;

static void
input_clear (gpointer data)
{
  g_free (((Input *)data)->path);
}

/* A bitmap as /sys prints it: words of a long each in hexadecimal, the highest first, without leading zeros.
 */
static bool
has_bit (char **words, unsigned bit)
{
  guint n = g_strv_length (words), word = bit / 64;

  return word < n && ((g_ascii_strtoull (words[n - 1 - word], NULL, 16) >> bit % 64) & 1) != 0;
}

static char **
read_bitmap (const char *folder, const char *name)
{
  g_autofree char *path = g_build_filename (folder, "capabilities", name, NULL);
  g_autofree char *text = NULL;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    text = g_strdup ("0");
  return g_strsplit (g_strstrip (text), " ", -1);
}

static void
add_input (GArray *inputs, const char *folder)
{
  g_auto (GStrv) keys = read_bitmap (folder, "key"), relative = read_bitmap (folder, "rel"),
                 absolute = read_bitmap (folder, "abs");
  char *real = realpath (folder, NULL);
  Input input = { .path = g_strdup (real != NULL ? real : folder) };

  free (real);
  input.keyboard = has_bit (keys, KEY_A) && has_bit (keys, KEY_ENTER) && has_bit (keys, KEY_SPACE);
  input.mouse = (has_bit (keys, BTN_LEFT) || has_bit (keys, BTN_TOUCH))
                && (has_bit (relative, REL_X) || has_bit (absolute, ABS_X));
  if (input.keyboard || input.mouse)
    g_array_append_val (inputs, input);
  else
    input_clear (&input);
}

static GArray *
read_inputs (const char *root)
{
  g_autofree char *path = g_build_filename (root[0] != '\0' ? root : "/", "sys/class/input", NULL);
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  GArray *inputs = g_array_new (FALSE, FALSE, sizeof (Input));
  const char *name;

  g_array_set_clear_func (inputs, input_clear);
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    if (g_str_has_prefix (name, "input"))
      {
        g_autofree char *folder = g_build_filename (path, name, NULL);

        add_input (inputs, folder);
      }
  return inputs;
}

/* What hangs on "1-2" lies below a folder of that name, virtual devices aside. */
static bool
belongs_to (const Input *input, const HostUsb *usb)
{
  g_autofree char *part = g_strdup_printf ("/%s/", usb->port);

  return strstr (input->path, part) != NULL;
}

static bool
is_virtual (const Input *input)
{
  return strstr (input->path, "/devices/virtual/") != NULL;
}

static UsbSole
find_loss (const GArray *inputs, const HostUsb *usb)
{
  unsigned keyboards = 0, mice = 0, other_keyboards = 0, other_mice = 0;

  for (guint i = 0; i < inputs->len; i++)
    {
      const Input *input = &g_array_index (inputs, Input, i);
      bool its_own = belongs_to (input, usb);

      if (is_virtual (input))
        continue;
      *(its_own ? &keyboards : &other_keyboards) += input->keyboard;
      *(its_own ? &mice : &other_mice) += input->mouse;
    }
  if (keyboards > 0 && other_keyboards == 0)
    return USB_SOLE_KEYBOARD;
  return mice > 0 && other_mice == 0 ? USB_SOLE_MOUSE : USB_SOLE_NONE;
}

void
usb_find_sole (const char *root, GPtrArray *devices)
{
  g_autoptr (GArray) inputs = NULL;

  for (guint i = 0; i < devices->len; i++)
    {
      HostUsb *usb = g_ptr_array_index (devices, i);

      if (!host_usb_has_class (usb, USB_CODE_HID))
        continue;
      if (inputs == NULL)
        inputs = read_inputs (root);
      usb->sole = find_loss (inputs, usb);
    }
}

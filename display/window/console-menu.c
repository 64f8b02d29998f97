/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/window/console-menu.h"

static void
item_free (void *data)
{
  ConsoleItem *item = data;

  g_free (item->label);
  g_free (item->action);
  g_clear_pointer (&item->menu, console_menu_free);
  g_free (item);
}

ConsoleMenu *
console_menu_new (void)
{
  ConsoleMenu *menu = g_new0 (ConsoleMenu, 1);

  menu->items = g_ptr_array_new_with_free_func (item_free);
  return menu;
}

ConsoleMenu *
console_menu_copy (const ConsoleMenu *menu)
{
  ConsoleMenu *copy = menu ? console_menu_new () : NULL;

  for (guint i = 0; menu && i < menu->items->len; i++)
    {
      const ConsoleItem *item = g_ptr_array_index (menu->items, i);
      ConsoleItem *added = console_menu_add (copy, item->label, item->icon, item->action);

      added->disabled = item->disabled;
      added->checked = item->checked;
      added->menu = console_menu_copy (item->menu);
    }
  return copy;
}

void
console_menu_free (ConsoleMenu *menu)
{
  g_ptr_array_unref (menu->items);
  g_free (menu);
}

ConsoleItem *
console_menu_add (ConsoleMenu *menu, const char *label, ConsoleIcon icon, const char *action)
{
  ConsoleItem *item = g_new0 (ConsoleItem, 1);

  item->label = g_strdup (label);
  item->icon = icon;
  item->action = g_strdup (action);
  g_ptr_array_add (menu->items, item);
  return item;
}

ConsoleItem *
console_menu_add_menu (ConsoleMenu *menu, const char *label, ConsoleIcon icon)
{
  ConsoleItem *item = console_menu_add (menu, label, icon, NULL);

  item->menu = console_menu_new ();
  return item;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * ConsoleMenu: what the bar at the top of a console window offers, and the menus below it.
 *
 * Threading: one thread at a time.
 */
typedef enum {
  CONSOLE_ICON_NONE,
  CONSOLE_ICON_PAUSE,
  CONSOLE_ICON_RESUME,
  CONSOLE_ICON_SNAPSHOT,
  CONSOLE_ICON_BACK,
  CONSOLE_ICON_KEYS,
  CONSOLE_ICON_TYPE,
  CONSOLE_ICON_DISC,
  CONSOLE_ICON_DEVICES,
  CONSOLE_ICON_SCALE,
  CONSOLE_ICON_FULL_SCREEN,
  CONSOLE_ICON_CLOSE,
} ConsoleIcon;

typedef struct ConsoleMenu ConsoleMenu;

typedef struct {
  char *label;
  char *action; /* what the window's owner is asked for; NULL: nothing, as there is a menu */
  ConsoleIcon icon;
  bool disabled, checked;
  ConsoleMenu *menu; /* (nullable) */
} ConsoleItem;

struct ConsoleMenu {
  GPtrArray *items; /* of ConsoleItem */
};

ConsoleMenu *console_menu_new (void);
/* @menu: (nullable) */
ConsoleMenu *console_menu_copy (const ConsoleMenu *menu);
void console_menu_free (ConsoleMenu *menu);

/* @action: (nullable). Returns: (transfer none): the item, to be adorned. */
ConsoleItem *console_menu_add (ConsoleMenu *menu, const char *label, ConsoleIcon icon, const char *action);
/* As console_menu_add, with an empty menu below it. */
ConsoleItem *console_menu_add_menu (ConsoleMenu *menu, const char *label, ConsoleIcon icon);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ConsoleMenu, console_menu_free)

G_END_DECLS

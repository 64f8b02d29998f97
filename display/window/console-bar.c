/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bar at the top of a window, and the menus below it. */
#include "display/window/console-private.h"

#define REST_US  (G_USEC_PER_SEC / 4) /* the pointer at the edge, until the bar comes */
#define LEAVE_US G_USEC_PER_SEC       /* the pointer away, until it goes */
#define EDGE     2                    /* pixels */
#define TIP_SIZE 0.75                 /* of a message's */
#define KEYS     "console.keys "
#define SCALE    "console.scale "

static const struct {
  const char *label, *keys;
} key_items[] = {
  { "Ctrl+Alt+Del", "ctrl+alt+delete" },
  { "Ctrl+Alt+Backspace", "ctrl+alt+backspace" },
  { "Super", "super" },
  { "Alt+Tab", "alt+tab" },
  { "Alt+F4", "alt+f4" },
  { "Print Screen", "print" },
  { "Ctrl+Alt+F1", "ctrl+alt+f1" },
  { "Ctrl+Alt+F2", "ctrl+alt+f2" },
  { "Ctrl+Alt+F3", "ctrl+alt+f3" },
};

static const char *const scale_labels[] = {
  [CONSOLE_SCALE_FIT] = "To Fit",
  [CONSOLE_SCALE_INTEGER] = "By Whole Numbers",
  [CONSOLE_SCALE_NONE] = "None",
};

/* --- what it offers --- */

static void
add_keys (ConsoleMenu *menu)
{
  ConsoleMenu *keys = console_menu_add_menu (menu, "Keys", CONSOLE_ICON_KEYS)->menu;

  for (unsigned i = 0; i < G_N_ELEMENTS (key_items); i++)
    {
      g_autofree char *action = g_strconcat (KEYS, key_items[i].keys, NULL);

      console_menu_add (keys, key_items[i].label, CONSOLE_ICON_NONE, action);
    }
}

static void
add_scales (ConsoleMenu *menu)
{
  ConsoleMenu *scales = console_menu_add_menu (menu, "Scale", CONSOLE_ICON_SCALE)->menu;

  for (unsigned i = 0; i < G_N_ELEMENTS (scale_labels); i++)
    {
      g_autofree char *action = g_strdup_printf (SCALE "%u", i);

      console_menu_add (scales, scale_labels[i], CONSOLE_ICON_NONE, action);
    }
}

static void
check_scale (ConsoleWindow *window)
{
  g_autofree char *present = g_strdup_printf (SCALE "%u", window->scale);
  const ConsoleMenu *menu = window->bar.menu;

  for (guint i = 0; i < menu->items->len; i++)
    {
      const ConsoleItem *top = g_ptr_array_index (menu->items, i);

      for (guint j = 0; top->icon == CONSOLE_ICON_SCALE && j < top->menu->items->len; j++)
        {
          ConsoleItem *item = g_ptr_array_index (top->menu->items, j);

          item->checked = g_str_equal (item->action, present);
        }
    }
}

/* --- showing --- */

static int
row_x (const ConsoleWindow *window)
{
  return (window->scene.width - window->bar.row->width) / 2;
}

static int
list_x (const ConsoleWindow *window)
{
  const ConsoleBar *bar = &window->bar;
  int x = row_x (window) + bar->row->places[bar->open].x;

  return MAX (MIN (x, window->scene.width - bar->list->width), 0);
}

/* @sprite: (transfer full) (nullable) */
static void
show_sprite (ConsoleWindow *window, int layer, Sprite **place, Sprite *sprite, int x, int y)
{
  Sprite *old = *place;

  *place = sprite;
  console_scene_set_layer (window, layer, *place, x, y);
  g_clear_pointer (&old, sprite_free);
}

/* Below the row: a menu, or the name of what has an icon only. */
static void
show_below (ConsoleWindow *window)
{
  ConsoleBar *bar = &window->bar;
  Sprite *sprite = NULL;
  int x = 0;

  if (bar->list)
    {
      sprite = strip_draw (bar->list, bar->lit_below);
      x = list_x (window);
    }
  else if (bar->row && bar->lit >= 0 && !bar->row->has_labels)
    {
      const ConsoleItem *item = g_ptr_array_index (bar->menu->items, bar->lit);

      sprite = overlay_panel (NULL, item->label, window->scene.width, TIP_SIZE * bar->row->scale);
      x = row_x (window) + bar->row->places[bar->lit].x;
    }
  show_sprite (window, LAYER_LIST, &bar->list_sprite, sprite, x, bar->row ? bar->row->height : 0);
}

static void
redraw (ConsoleWindow *window)
{
  ConsoleBar *bar = &window->bar;

  if (bar->row)
    show_sprite (window, LAYER_BAR, &bar->row_sprite,
                 strip_draw (bar->row, bar->open >= 0 ? bar->open : bar->lit), row_x (window), 0);
  else
    show_sprite (window, LAYER_BAR, &bar->row_sprite, NULL, 0, 0);
  show_below (window);
}

static void
open_list (ConsoleWindow *window, int index)
{
  ConsoleBar *bar = &window->bar;
  const ConsoleItem *item = index >= 0 ? g_ptr_array_index (bar->menu->items, index) : NULL;

  g_clear_pointer (&bar->list, strip_free);
  bar->open = item && item->menu ? index : -1;
  bar->lit_below = -1;
  if (bar->open >= 0)
    bar->list = strip_new (item->menu, true, window->scene.width, console_scene_pixels_per_point (window));
}

static void
show (ConsoleWindow *window)
{
  ConsoleBar *bar = &window->bar;

  check_scale (window);
  bar->row = strip_new (bar->menu, false, window->scene.width, console_scene_pixels_per_point (window));
  bar->lit = bar->lit_below = bar->open = -1;
  bar->due = 0;
  redraw (window);
}

void
console_bar_hide (ConsoleWindow *window)
{
  ConsoleBar *bar = &window->bar;

  if (!bar->row)
    return;
  g_clear_pointer (&bar->row, strip_free);
  g_clear_pointer (&bar->list, strip_free);
  bar->open = -1;
  bar->by_keys = false;
  bar->due = 0;
  redraw (window);
  if (bar->has_pointer)
    {
      bar->has_pointer = false;
      console_input_update_cursor (window);
    }
}

/* Where the user is in the bar: what is lit and open stays so in a menu that takes another's place. */
static void
keep_place (ConsoleWindow *window, const ConsoleMenu *old, const ConsoleBar *was)
{
  ConsoleBar *bar = &window->bar;
  const ConsoleItem *top = was->lit >= 0 ? g_ptr_array_index (old->items, was->lit) : NULL;

  bar->by_keys = was->by_keys;
  bar->has_pointer = was->has_pointer;
  bar->due = was->by_keys || was->has_pointer ? 0 : g_get_monotonic_time () + LEAVE_US;
  bar->lit = strip_find_again (bar->row, top);
  if (bar->lit < 0 && bar->by_keys)
    bar->lit = strip_next (bar->row, -1, 1);
  if (top && was->open == was->lit)
    {
      const ConsoleItem *below =
        was->lit_below >= 0 ? g_ptr_array_index (top->menu->items, was->lit_below) : NULL;

      open_list (window, bar->lit);
      if (bar->list)
        bar->lit_below = strip_find_again (bar->list, below);
    }
  redraw (window);
  console_input_update_cursor (window);
}

void
console_bar_set_menu (ConsoleWindow *window, ConsoleMenu *menu)
{
  ConsoleBar *bar = &window->bar;
  g_autoptr (ConsoleMenu) old = bar->menu;
  const ConsoleBar was = *bar;
  bool shown = bar->row != NULL;

  console_bar_hide (window);
  bar->menu = menu;
  if (!menu)
    return;
  add_keys (menu);
  add_scales (menu);
  console_menu_add (menu, "Full Screen", CONSOLE_ICON_FULL_SCREEN, "console.full-screen");
  console_menu_add (menu, "Close", CONSOLE_ICON_CLOSE, "console.close");
  if (shown)
    {
      show (window);
      keep_place (window, old, &was);
    }
}

void
console_bar_toggle (ConsoleWindow *window)
{
  ConsoleBar *bar = &window->bar;

  if (bar->row)
    {
      console_bar_hide (window);
      return;
    }
  if (!bar->menu)
    return;
  show (window);
  bar->by_keys = true;
  bar->lit = strip_next (bar->row, -1, 1);
  redraw (window);
}

void
console_bar_follow_size (ConsoleWindow *window)
{
  bool by_keys = window->bar.by_keys;

  if (!window->bar.row)
    return;
  console_bar_hide (window);
  if (by_keys)
    console_bar_toggle (window);
}

int64_t
console_bar_update (ConsoleWindow *window, int64_t now)
{
  ConsoleBar *bar = &window->bar;

  if (bar->due != 0 && now >= bar->due)
    {
      bar->due = 0;
      if (bar->row)
        console_bar_hide (window);
      else
        show (window);
    }
  return bar->due != 0 ? bar->due : G_MAXINT64;
}

/* --- what is chosen --- */

static void
run (ConsoleWindow *window, const ConsoleItem *item)
{
  g_autofree char *action = g_strdup (item->action);

  console_bar_hide (window); /* the item may go */
  if (g_str_has_prefix (action, KEYS))
    console_input_send_keys (window, action + strlen (KEYS));
  else if (g_str_has_prefix (action, SCALE))
    console_scene_set_scale (window, (ConsoleScale)g_ascii_strtoull (action + strlen (SCALE), NULL, 10));
  else if (g_str_equal (action, "console.full-screen"))
    console_window_toggle_fullscreen (window);
  else if (g_str_equal (action, "console.close"))
    {
      if (window->ops.close_requested)
        window->ops.close_requested (window, window->data);
    }
  else if (window->ops.action)
    window->ops.action (window, action, window->data);
}

static void
choose (ConsoleWindow *window, int index)
{
  ConsoleBar *bar = &window->bar;
  const ConsoleItem *item = g_ptr_array_index (bar->menu->items, index);

  if (!item->menu)
    {
      run (window, item);
      return;
    }
  open_list (window, bar->open == index ? -1 : index);
  bar->lit = index;
  if (bar->by_keys && bar->list)
    bar->lit_below = strip_next (bar->list, -1, 1);
  redraw (window);
}

static void
choose_below (ConsoleWindow *window, int index)
{
  const ConsoleItem *top = g_ptr_array_index (window->bar.menu->items, window->bar.open);

  run (window, g_ptr_array_index (top->menu->items, index));
}

/* --- the pointer --- */

static bool
is_in (const Strip *strip, int x, int y)
{
  return strip && x >= 0 && y >= 0 && x < strip->width && y < strip->height;
}

static void
follow_pointer (ConsoleWindow *window, int x, int y)
{
  ConsoleBar *bar = &window->bar;
  int below_x = bar->list ? x - list_x (window) : 0, below_y = y - bar->row->height;
  bool in_row = is_in (bar->row, x - row_x (window), y), in_list = is_in (bar->list, below_x, below_y);
  int lit = in_row ? strip_find (bar->row, x - row_x (window), y) : -1;
  int lit_below = in_list ? strip_find (bar->list, below_x, below_y) : -1;
  bool moved = lit != bar->lit || lit_below != bar->lit_below;

  bar->has_pointer = in_row || in_list || bar->open >= 0;
  bar->due = bar->has_pointer || bar->by_keys ? 0
             : bar->due != 0                  ? bar->due
                                              : g_get_monotonic_time () + LEAVE_US;
  if (!moved || (bar->by_keys && !in_row && !in_list))
    return;
  bar->lit = lit;
  bar->lit_below = lit_below;
  if (lit >= 0 && bar->open >= 0 && lit != bar->open) /* from menu to menu */
    {
      open_list (window, lit);
      bar->lit = lit;
    }
  redraw (window);
}

/* It rests where no button is down and the guest wants no grabbed pointer. */
static bool
asks_for_bar (const ConsoleWindow *window, int x, int y)
{
  return window->bar.menu && y < EDGE && ABS (x - window->scene.width / 2) < window->scene.width / 4
         && window->captured <= window->absolute && SDL_GetMouseState (NULL, NULL) == 0;
}

bool
console_bar_motion (ConsoleWindow *window, int x, int y)
{
  ConsoleBar *bar = &window->bar;
  bool had = bar->has_pointer;

  if (bar->row)
    {
      follow_pointer (window, x, y);
      if (bar->has_pointer != had)
        console_input_update_cursor (window);
      return bar->has_pointer;
    }
  if (!asks_for_bar (window, x, y))
    bar->due = 0;
  else if (bar->due == 0)
    bar->due = g_get_monotonic_time () + REST_US;
  return false;
}

bool
console_bar_button (ConsoleWindow *window, int x, int y, bool down)
{
  ConsoleBar *bar = &window->bar;
  bool was_for_us = bar->swallow_up;

  if (!down)
    {
      bar->swallow_up = false;
      return was_for_us;
    }
  if (!bar->row)
    return false;
  follow_pointer (window, x, y);
  if (!bar->has_pointer && !bar->by_keys)
    return false;
  bar->swallow_up = true;
  if (bar->lit_below >= 0 && bar->list)
    choose_below (window, bar->lit_below);
  else if (is_in (bar->row, x - row_x (window), y))
    {
      if (bar->lit >= 0)
        choose (window, bar->lit);
    }
  else if (!bar->list || !is_in (bar->list, x - list_x (window), y - bar->row->height))
    console_bar_hide (window);
  return true;
}

/* --- keys --- */

static void
move (ConsoleWindow *window, int step)
{
  ConsoleBar *bar = &window->bar;

  bar->lit = strip_next (bar->row, bar->lit, step);
  if (bar->open >= 0)
    {
      open_list (window, bar->lit);
      bar->lit_below = bar->list ? strip_next (bar->list, -1, 1) : -1;
    }
  redraw (window);
}

static void
move_below (ConsoleWindow *window, int step)
{
  ConsoleBar *bar = &window->bar;

  if (bar->open < 0)
    {
      const ConsoleItem *item = bar->lit >= 0 ? g_ptr_array_index (bar->menu->items, bar->lit) : NULL;

      if (item && item->menu)
        choose (window, bar->lit);
      return;
    }
  bar->lit_below = strip_next (bar->list, bar->lit_below, step);
  redraw (window);
}

static void
accept (ConsoleWindow *window)
{
  ConsoleBar *bar = &window->bar;

  if (bar->open >= 0 && bar->lit_below >= 0)
    choose_below (window, bar->lit_below);
  else if (bar->lit >= 0)
    choose (window, bar->lit);
}

static void
leave (ConsoleWindow *window)
{
  if (window->bar.open < 0)
    {
      console_bar_hide (window);
      return;
    }
  open_list (window, -1);
  redraw (window);
}

bool
console_bar_key (ConsoleWindow *window, KeyUsage usage)
{
  ConsoleBar *bar = &window->bar;

  if (!bar->row || (!bar->by_keys && bar->open < 0))
    return false;
  switch (usage)
    {
    case KEY_LEFT:
    case KEY_RIGHT:
      move (window, usage == KEY_LEFT ? -1 : 1);
      break;
    case KEY_UP:
    case KEY_DOWN:
      move_below (window, usage == KEY_UP ? -1 : 1);
      break;
    case KEY_ENTER:
    case KEY_SPACE:
      accept (window);
      break;
    case KEY_ESCAPE:
      leave (window);
      break;
    default:
      break;
    }
  return true;
}

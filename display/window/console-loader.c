/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/display-error.h"
#include "display/window/console-module.h"

#include <dlfcn.h>

#define MODULE_FILE "bonsai-console.so"

/* From the folder of the program that runs: beside it, installed, then within a build tree. */
static const char *const places[] = { ".", ("../" CONSOLE_MODULE_FOLDER), "../display", "../../display" };

static char *
find_module (void)
{
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *folder = self ? g_path_get_dirname (self) : NULL;

  for (unsigned i = 0; folder && i < G_N_ELEMENTS (places); i++)
    {
      g_autofree char *path = g_build_filename (folder, places[i], MODULE_FILE, NULL);

      if (g_file_test (path, G_FILE_TEST_IS_REGULAR))
        return g_steal_pointer (&path);
    }
  return g_build_filename (CONSOLE_MODULE_PREFIX, CONSOLE_MODULE_FOLDER, MODULE_FILE, NULL);
}

/* It stays loaded: SDL and OpenGL drivers don't like to go. */
static const ConsoleFunctions *
load (GError **error)
{
  g_autofree char *path = find_module ();
  void *module = dlopen (path, RTLD_NOW | RTLD_LOCAL);
  const ConsoleFunctions *functions = module ? dlsym (module, CONSOLE_MODULE_SYMBOL) : NULL;

  if (!functions)
    g_set_error (
      error, DISPLAY_ERROR, DISPLAY_ERROR_FAILED,
      "Bonsai's console window can't be loaded: %s. Install Bonsai again, with the libraries that it needs.",
      dlerror ());
  return functions;
}

static const ConsoleFunctions *
functions_of (const void *object)
{
  return ((const ConsoleObject *)object)->functions;
}

ConsoleHost *
console_host_new (const char *video_driver, GError **error)
{
  const ConsoleFunctions *functions = load (error);

  return functions ? functions->host_new (video_driver, error) : NULL;
}

void
console_host_free (ConsoleHost *host)
{
  functions_of (host)->host_free (host);
}

ConsoleWindow *
console_window_new (ConsoleHost *host, const char *title, const char *wm_class, Screen *screen,
                    InputHub *input, const ConsoleWindowOps *ops, void *data, GError **error)
{
  return functions_of (host)->window_new (host, title, wm_class, screen, input, ops, data, error);
}

void
console_window_free (ConsoleWindow *window)
{
  functions_of (window)->window_free (window);
}

void
console_window_set_state (ConsoleWindow *window, const char *state, const char *message)
{
  functions_of (window)->window_set_state (window, state, message);
}

void
console_window_set_scale (ConsoleWindow *window, ConsoleScale scale)
{
  functions_of (window)->window_set_scale (window, scale);
}

void
console_window_set_fullscreen (ConsoleWindow *window, bool fullscreen)
{
  functions_of (window)->window_set_fullscreen (window, fullscreen);
}

void
console_window_present (ConsoleWindow *window)
{
  functions_of (window)->window_present (window);
}

void
console_window_set_sound (ConsoleWindow *window, SoundHub *hub)
{
  functions_of (window)->window_set_sound (window, hub);
}

void
console_window_attach (ConsoleWindow *window, Screen *screen, InputHub *input)
{
  functions_of (window)->window_attach (window, screen, input);
}

char *
console_window_describe (ConsoleWindow *window)
{
  return functions_of (window)->window_describe (window);
}

void
console_window_set_clipboard (ConsoleWindow *window, Clip *clip)
{
  functions_of (window)->window_set_clipboard (window, clip);
}

void
console_window_set_menu (ConsoleWindow *window, ConsoleMenu *menu)
{
  functions_of (window)->window_set_menu (window, menu);
}

void
console_window_tell (ConsoleWindow *window, const char *text)
{
  functions_of (window)->window_tell (window, text);
}

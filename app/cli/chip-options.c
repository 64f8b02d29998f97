/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/chip-options.h"

#include "app/base/error.h"

#include <string.h>

void
chip_options_clear (ChipOptions *options)
{
  g_strfreev (options->serials);
  g_free (options->on_panic);
  g_free (options->watchdog);
  g_free (options->graphics);
  g_free (options->sound_record);
  g_free (options->sound_microphone);
  g_strfreev (options->without_agents);
}

/* "pty:LINK", "console", or a file's path. Returns: the path, or NULL. (transfer full) */
static char *
parse_serial (const char *text, SerialKind *kind)
{
  if (g_str_equal (text, "stdio"))
    {
      *kind = SERIAL_STDIO;
      return NULL;
    }
  for (unsigned i = 0; serial_kind_names[i] != NULL; i++)
    {
      size_t length = strlen (serial_kind_names[i]);

      if (!g_str_has_prefix (text, serial_kind_names[i]) || (text[length] != '\0' && text[length] != ':'))
        continue;
      *kind = i;
      return text[length] == ':' ? g_canonicalize_filename (text + length + 1, NULL) : NULL;
    }
  *kind = SERIAL_FILE;
  return g_canonicalize_filename (text, NULL);
}

/* A file as the process that runs the machine will find it. */
static void
set_file (char **member, const char *given)
{
  if (given == NULL)
    return;
  g_free (*member);
  *member = g_canonicalize_filename (given, NULL);
}

/* The place of @text in @names, or -1 with @error set. */
static int
find_name (const char *option, const char *text, const char *const *names, GError **error)
{
  g_autofree char *all = NULL;

  for (int i = 0; names[i] != NULL; i++)
    if (g_str_equal (names[i], text))
      return i;
  all = g_strjoinv (", ", (char **)names);
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "%s: “%s” is unknown; it must be one of %s", option,
               text, all);
  return -1;
}

static bool
count_serials (const ChipOptions *options, unsigned max, GError **error)
{
  if (options->serials == NULL || g_strv_length (options->serials) <= max)
    return true;
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "--serial: a machine has %u serial ports", max);
  return false;
}

static bool
read_actions (const ChipOptions *options, BoardAction *on_panic, bool *watchdog, BoardAction *action,
              GError **error)
{
  int found;

  if (options->on_panic != NULL)
    {
      found = find_name ("--on-panic", options->on_panic, board_action_names, error);
      if (found < 0)
        return false;
      *on_panic = found;
    }
  if (options->watchdog != NULL)
    {
      found = find_name ("--watchdog", options->watchdog, vm_watchdog_names, error);
      if (found < 0)
        return false;
      *watchdog = found > 0;
      *action = found > 0 ? found - 1 : 0;
    }
  return true;
}

static bool
read_agents (const ChipOptions *options, AgentsSpec *agents, GError **error)
{
  static const char *const names[] = { "qemu-guest-agent", "spice-vdagent", NULL };
  bool *const members[] = { &agents->guest, &agents->desktop };

  for (unsigned i = 0; options->without_agents != NULL && options->without_agents[i] != NULL; i++)
    {
      int found = find_name ("--without-agent", options->without_agents[i], names, error);

      if (found < 0)
        return false;
      *members[found] = false;
    }
  return true;
}

/* What is too many is found where all is checked. */
static bool
read_display (const ChipOptions *options, GraphicsKind *graphics, unsigned *heads, GError **error)
{
  int found;

  if (options->heads != 0)
    *heads = MAX (options->heads, 0);
  if (options->graphics == NULL)
    return true;
  found = find_name ("--graphics", options->graphics, graphics_names, error);
  if (found >= 0)
    *graphics = found;
  return found >= 0;
}

bool
chip_options_apply_to_config (const ChipOptions *options, VmConfig *config, GError **error)
{
  if (!count_serials (options, G_N_ELEMENTS (((MachineSpec *)0)->serial), error)
      || !read_actions (options, &config->on_panic, &config->watchdog, &config->watchdog_action, error)
      || !read_agents (options, &config->agents, error)
      || !read_display (options, &config->graphics, &config->heads, error))
    return false;
  for (unsigned i = 0; options->serials != NULL && options->serials[i] != NULL; i++)
    {
      SerialKind kind;
      g_autofree char *path = parse_serial (options->serials[i], &kind);

      if (kind == SERIAL_STDIO)
        {
          g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "--serial: only “run” knows stdio");
          return false;
        }
      vm_config_add_serial (config, path)->kind = kind;
    }
  config->hpet = config->hpet && !options->no_hpet;
  config->balloon = config->balloon && !options->no_balloon;
  config->merge_memory = options->merge_memory;
  config->usb = config->usb && !options->no_usb;
  config->usb_keyboard = options->usb_keyboard;
  config->virtio_input = config->virtio_input && !options->no_virtio_input;
  config->sound = config->sound && !options->no_sound;
  set_file (&config->sound_record, options->sound_record);
  set_file (&config->sound_microphone, options->sound_microphone);
  return true;
}

bool
chip_options_apply_to_spec (const ChipOptions *options, MachineSpec *spec, GError **error)
{
  if (!count_serials (options, G_N_ELEMENTS (spec->serial), error)
      || !read_actions (options, &spec->on_panic, &spec->watchdog, &spec->watchdog_action, error)
      || !read_agents (options, &spec->agents, error)
      || !read_display (options, &spec->graphics, &spec->heads, error))
    return false;
  for (unsigned i = 0; options->serials != NULL && options->serials[i] != NULL; i++)
    {
      g_free (spec->serial[i].path);
      spec->serial[i].path = parse_serial (options->serials[i], &spec->serial[i].kind);
    }
  spec->hpet = spec->hpet && !options->no_hpet;
  spec->balloon = spec->balloon && !options->no_balloon;
  spec->merge_memory = options->merge_memory;
  spec->usb = !options->no_usb;
  spec->usb_keyboard = options->usb_keyboard;
  spec->virtio_input = spec->virtio_input && !options->no_virtio_input;
  spec->sound = spec->sound && !options->no_sound;
  set_file (&spec->sound_record, options->sound_record);
  set_file (&spec->sound_microphone, options->sound_microphone);
  return true;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/history/host-power.h"

#include <math.h>
#include <stdbool.h>

/* What sensors say that aren't there. */
#define COLDEST (-40.0)
#define HOTTEST 150.0

/* (nullable) (transfer full) */
static char *
read_text (const char *folder, const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  char *text = NULL;

  return g_file_get_contents (path, &text, NULL, NULL) ? g_strchomp (text) : NULL;
}

static bool
says (const char *folder, const char *name, const char *what)
{
  g_autofree char *text = read_text (folder, name);

  return g_strcmp0 (text, what) == 0;
}

static double
read_number (const char *folder, const char *name)
{
  g_autofree char *text = read_text (folder, name);
  char *end = NULL;
  double number = text != NULL ? g_ascii_strtod (text, &end) : NAN;

  return text != NULL && end != text && *end == '\0' ? number : NAN;
}

/* --- batteries --- */

typedef struct {
  unsigned batteries;
  double charge; /* of all */
  bool discharging, mains;
} Supplies;

/* A mouse's or a telephone's battery is none of the host's ("scope"). */
static void
look_at_supply (Supplies *supplies, const char *folder)
{
  double capacity = read_number (folder, "capacity");

  if (says (folder, "scope", "Device"))
    return;
  if (!says (folder, "type", "Battery"))
    {
      supplies->mains |= read_number (folder, "online") == 1;
      return;
    }
  supplies->discharging |= says (folder, "status", "Discharging");
  if (isnan (capacity))
    return;
  supplies->batteries++;
  supplies->charge += CLAMP (capacity, 0, 100) / 100;
}

static void
read_supplies (HostPower *power, const char *sysfs)
{
  g_autofree char *class = g_build_filename (sysfs, "class", "power_supply", NULL);
  g_autoptr (GDir) folder = g_dir_open (class, 0, NULL);
  Supplies supplies = { 0 };
  const char *name;

  if (folder == NULL)
    return;
  while ((name = g_dir_read_name (folder)) != NULL)
    {
      g_autofree char *path = g_build_filename (class, name, NULL);

      look_at_supply (&supplies, path);
    }
  power->on_battery = supplies.discharging && !supplies.mains;
  if (supplies.batteries > 0)
    power->charge = supplies.charge / supplies.batteries;
}

/* --- zones --- */

static void
read_zones (HostPower *power, const char *sysfs)
{
  g_autofree char *class = g_build_filename (sysfs, "class", "thermal", NULL);
  g_autoptr (GDir) folder = g_dir_open (class, 0, NULL);
  const char *name;

  while (folder != NULL && (name = g_dir_read_name (folder)) != NULL)
    {
      g_autofree char *path = g_build_filename (class, name, NULL);
      double degrees = read_number (path, "temp") / 1000;

      if (g_str_has_prefix (name, "thermal_zone") && degrees > COLDEST && degrees < HOTTEST)
        power->temperature = fmax (degrees, power->temperature);
    }
}

HostPower
host_power_read (const char *sysfs)
{
  HostPower power = { NAN, NAN, NAN };

  read_supplies (&power, sysfs != NULL ? sysfs : "/sys");
  read_zones (&power, sysfs != NULL ? sysfs : "/sys");
  return power;
}

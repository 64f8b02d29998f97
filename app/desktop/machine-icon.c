/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/desktop/machine-icon.h"

#include <stdbool.h>
#include <string.h>

#define ICON "org.bonsaivm.Bonsai.machine"

/* Who makes it, as libosinfo's ids begin, tells the family; all others' are Linux distributions as a rule. */
static const struct {
  const char *maker, *icon;
} families[] = {
  { "microsoft.com", ICON "-windows" },
  { "freebsd.org", ICON "-bsd" },
  { "openbsd.org", ICON "-bsd" },
  { "netbsd.org", ICON "-bsd" },
  { "dragonflybsd.org", ICON "-bsd" },
  { "ghostbsd.org", ICON "-bsd" },
  { "apple.com", ICON },
  { "haiku-os.org", ICON },
  { "novell.com", ICON },
  { "oracle.com/solaris", ICON },
  { "sun.com", ICON },
  { "illumos.org", ICON },
  { "omnios.org", ICON },
  { "smartos.org", ICON },
  { "libosinfo.org/unknown", ICON },
};

const char *
machine_icon_name (const char *os)
{
  const char *maker = os != NULL ? strstr (os, "://") : NULL;

  if (maker == NULL)
    return ICON;
  maker += strlen ("://");
  for (unsigned i = 0; i < G_N_ELEMENTS (families); i++)
    if (g_str_has_prefix (maker, families[i].maker))
      return families[i].icon;
  return ICON "-linux";
}

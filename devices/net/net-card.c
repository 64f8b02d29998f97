/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/net/net.h"
#include "vmm/base/error.h"

#include <string.h>

static bool
parse_mac (const char *text, uint8_t *mac)
{
  if (!text || strlen (text) != 17)
    return false;
  for (unsigned i = 0; i < NET_MAC_SIZE; i++, text += 3)
    {
      if (!g_ascii_isxdigit (text[0]) || !g_ascii_isxdigit (text[1])
          || text[2] != (i < NET_MAC_SIZE - 1 ? ':' : '\0'))
        return false;
      mac[i] = (uint8_t)(g_ascii_xdigit_value (text[0]) << 4 | g_ascii_xdigit_value (text[1]));
    }
  return (mac[0] & 1) == 0;
}

bool
net_card_connect (EventLoop *loop, const char *id, const char *mac, const char *network, uint8_t *address,
                  NetBackend **backend, GError **error)
{
  *backend = NULL;
  id = id ? id : "net";
  if (!parse_mac (mac, address))
    {
      g_set_error (
        error, VMM_ERROR, VMM_ERROR_INVALID,
        "Network card “%s”: “%s” is no address for a card; write one such as 52:54:00:12:34:56 (the second "
        "digit even)",
        id, mac ? mac : "");
      return false;
    }
  if (g_strcmp0 (network, "none") == 0)
    return true;
  if (g_strcmp0 (network, "nat") != 0)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                   "Network card “%s”: there is no network “%s”; choose “nat” or “none”", id,
                   network ? network : "");
      return false;
    }
  *backend = net_nat_new (loop, error);
  return *backend != NULL;
}

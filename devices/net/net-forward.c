/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/net/net-forward.h"

#include "vmm/base/error.h"

#include <arpa/inet.h>
#include <string.h>

#define NETWORK      0x0a000200u /* 10.0.2.0/24 */
#define NETWORK_MASK 0xffffff00u
#define GATEWAY      0x0a000202u
#define NAME_SERVER  0x0a000203u

const char *const net_protocol_names[] = { "tcp", "udp", NULL };

bool
net_forward_collides (const NetForward *forward, const NetForward *other)
{
  return forward->protocol == other->protocol && forward->host_port == other->host_port
         && forward->host_port != 0
         && (forward->host == other->host || forward->host == 0 || other->host == 0);
}

bool
net_forward_equal (const NetForward *forward, const NetForward *other)
{
  return forward->protocol == other->protocol && forward->host == other->host
         && forward->host_port == other->host_port && forward->guest == other->guest
         && forward->guest_port == other->guest_port;
}

/* --- text --- */

bool
net_address_parse (const char *text, uint32_t *address)
{
  struct in_addr parsed;

  if (inet_pton (AF_INET, text, &parsed) != 1)
    return false;
  *address = ntohl (parsed.s_addr);
  return true;
}

char *
net_address_format (uint32_t address)
{
  return g_strdup_printf ("%u.%u.%u.%u", address >> 24, address >> 16 & 0xff, address >> 8 & 0xff,
                          address & 0xff);
}

bool
net_address_is_guests (uint32_t address)
{
  return (address & NETWORK_MASK) == NETWORK && address != NETWORK && address != GATEWAY
         && address != NAME_SERVER && address != (NETWORK | ~NETWORK_MASK);
}

static bool
parse_port (const char *text, uint16_t *port)
{
  guint64 value;

  if (!g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT16, &value, NULL))
    return false;
  *port = (uint16_t)value;
  return true;
}

/* "[ADDRESS:]PORT", from @parts on. Returns: what follows, or NULL. */
static char **
parse_end (char **parts, uint32_t *address, uint16_t *port)
{
  if (*parts != NULL && strchr (*parts, '.') != NULL && !net_address_parse (*parts++, address))
    return NULL;
  return *parts != NULL && parse_port (*parts, port) ? parts + 1 : NULL;
}

bool
net_forward_parse (NetForward *forward, const char *text, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (text, ":", 6);
  char **at = parts;

  *forward = (NetForward){ .host = NET_LOOPBACK, .guest = NET_GUEST_DEFAULT };
  if (*at != NULL && g_str_equal (*at, net_protocol_names[NET_PROTOCOL_UDP]))
    forward->protocol = NET_PROTOCOL_UDP;
  if (*at != NULL && g_strv_contains (net_protocol_names, *at))
    at++;
  at = parse_end (at, &forward->host, &forward->host_port);
  at = at != NULL ? parse_end (at, &forward->guest, &forward->guest_port) : NULL;
  if (at != NULL && *at == NULL && forward->guest_port != 0)
    return true;
  g_set_error (
    error, VMM_ERROR, VMM_ERROR_INVALID,
    "“%s” is no forward: write [tcp:|udp:][ADDRESS:]PORT:[GUEST-ADDRESS:]GUEST-PORT, as in “8080:80” "
    "(IPv4; port 0 of the host: any that is free)",
    text);
  return false;
}

char *
net_forward_format (const NetForward *forward)
{
  g_autofree char *host = net_address_format (forward->host);
  g_autofree char *guest = net_address_format (forward->guest);
  bool usual = forward->guest == NET_GUEST_DEFAULT;

  return g_strdup_printf ("%s:%s:%u:%s%s%u", net_protocol_names[forward->protocol], host, forward->host_port,
                          usual ? "" : guest, usual ? "" : ":", forward->guest_port);
}

/* --- lists --- */

GArray *
net_forwards_new (void)
{
  return g_array_new (FALSE, FALSE, sizeof (NetForward));
}

GArray *
net_forwards_copy (const GArray *forwards)
{
  GArray *copy = net_forwards_new ();

  return g_array_append_vals (copy, forwards->data, forwards->len);
}

bool
net_forwards_equal (const GArray *forwards, const GArray *others)
{
  for (unsigned i = 0; i < MIN (forwards->len, others->len); i++)
    if (!net_forward_equal (&g_array_index (forwards, NetForward, i), &g_array_index (others, NetForward, i)))
      return false;
  return forwards->len == others->len;
}

static bool
check (const NetForward *forward, GError **error)
{
  g_autofree char *guest = net_address_format (forward->guest);

  if (forward->guest_port == 0)
    g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID, "needs a port of the guest, 1 to 65535");
  else if (!net_address_is_guests (forward->guest))
    g_set_error (
      error, VMM_ERROR, VMM_ERROR_INVALID,
      "%s can't be the guest's address: it is one of 10.0.2.1 to 10.0.2.254, but for the gateway's "
      "(10.0.2.2) and the name server's (10.0.2.3)",
      guest);
  else if (forward->host >> 28 == 0xe)
    g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID, "the host can't listen on an address of many hosts");
  else
    return true;
  return false;
}

bool
net_forwards_check (const GArray *forwards, unsigned *at, GError **error)
{
  unsigned unused;

  at = at != NULL ? at : &unused;
  for (*at = 0; *at < forwards->len; (*at)++)
    {
      const NetForward *forward = &g_array_index (forwards, NetForward, *at);

      if (*at >= NET_FORWARDS_MAX)
        {
          g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID, "more than %u", NET_FORWARDS_MAX);
          return false;
        }
      if (!check (forward, error))
        return false;
      for (unsigned i = 0; i < *at; i++)
        if (net_forward_equal (forward, &g_array_index (forwards, NetForward, i)))
          {
            g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID, "it is there already");
            return false;
          }
        else if (net_forward_collides (forward, &g_array_index (forwards, NetForward, i)))
          {
            g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID, "port %u (%s) is there twice",
                         forward->host_port, net_protocol_names[forward->protocol]);
            return false;
          }
    }
  return true;
}

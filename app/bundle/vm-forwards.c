/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/bundle/vm-forwards.h"

#include <glib/gi18n.h>

static bool
read_address (const JsonSection *section, const char *name, uint32_t *address)
{
  g_autofree char *text = NULL;

  if (!json_read_string (section, name, &text))
    return false;
  return text == NULL || net_address_parse (text, address)
         || json_section_fail (section, name, _ ("must be an IPv4 address such as \"127.0.0.1\""));
}

static bool
read_port (const JsonSection *section, const char *name, unsigned smallest, uint16_t *port)
{
  unsigned number = *port;

  if (!json_read_unsigned (section, name, &number))
    return false;
  if (number > G_MAXUINT16 || number < smallest)
    return json_section_fail (section, name, _ ("must be %u to 65535"), smallest);
  *port = (uint16_t)number;
  return true;
}

bool
vm_forward_read (const JsonSection *section, void *data)
{
  static const char *const known[] = { "protocol", "host", "host-port", "guest", "guest-port", NULL };
  NetForward forward = { .host = NET_LOOPBACK, .guest = NET_GUEST_DEFAULT };
  unsigned protocol = NET_PROTOCOL_TCP;

  /* One that is understood in part would open another door than its owner meant. */
  if (!json_section_refuse_others (section, known) || !json_section_require (section, "guest-port")
      || !json_read_choice (section, "protocol", net_protocol_names, &protocol)
      || !read_address (section, "host", &forward.host)
      || !read_port (section, "host-port", 0, &forward.host_port)
      || !read_address (section, "guest", &forward.guest)
      || !read_port (section, "guest-port", 1, &forward.guest_port))
    return false;
  forward.protocol = protocol;
  g_array_append_val (data, forward);
  return true;
}

static void
write_address (JsonObject *object, const char *name, uint32_t address, uint32_t usual)
{
  g_autofree char *text = net_address_format (address);

  if (address != usual)
    json_object_set_string_member (object, name, text);
}

void
vm_forwards_write (JsonObject *object, const GArray *forwards)
{
  JsonArray *array;

  json_object_remove_member (object, "forwards");
  if (forwards->len == 0)
    return;
  array = json_array_new ();
  for (unsigned i = 0; i < forwards->len; i++)
    {
      const NetForward *forward = &g_array_index (forwards, NetForward, i);
      JsonObject *member = json_object_new ();

      if (forward->protocol != NET_PROTOCOL_TCP)
        json_object_set_string_member (member, "protocol", net_protocol_names[forward->protocol]);
      write_address (member, "host", forward->host, NET_LOOPBACK);
      json_object_set_int_member (member, "host-port", forward->host_port);
      write_address (member, "guest", forward->guest, NET_GUEST_DEFAULT);
      json_object_set_int_member (member, "guest-port", forward->guest_port);
      json_array_add_object_element (array, member);
    }
  json_object_set_array_member (object, "forwards", array);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/usb/usb-json.h"

#include "app/usb/usb-claim.h"

static void
add_classes (JsonBuilder *builder, const HostUsb *usb)
{
  json_builder_set_member_name (builder, "classes");
  json_builder_begin_array (builder);
  for (guint i = 0; i < usb->classes->len; i++)
    {
      const UsbClass *class = &g_array_index (usb->classes, UsbClass, i);
      g_autofree char *text =
        g_strdup_printf ("%02x/%02x/%02x", class->code, class->subclass, class->protocol);

      json_builder_add_string_value (builder, text);
    }
  json_builder_end_array (builder);
}

static void
add_drivers (JsonBuilder *builder, const HostUsb *usb)
{
  json_builder_set_member_name (builder, "drivers");
  json_builder_begin_array (builder);
  for (guint i = 0; usb->drivers[i] != NULL; i++)
    json_builder_add_string_value (builder, usb->drivers[i]);
  json_builder_end_array (builder);
}

void
usb_add_json (JsonBuilder *builder, const HostUsb *usb)
{
  static const char *const soles[] = { NULL, "keyboard", "mouse" };
  g_autofree char *id = host_usb_id (usb), *machine_uuid = NULL;
  g_autofree char *machine = usb_claim_holder (usb->port, &machine_uuid);

  json_builder_begin_object (builder);
  json_add_string (builder, "port", usb->port);
  json_add_int (builder, "bus", usb->bus);
  json_add_int (builder, "device", usb->number);
  json_add_string (builder, "id", id);
  json_add_string (builder, "vendor", usb->vendor_name);
  json_add_string (builder, "product", usb->product_name);
  json_add_string (builder, "serial", usb->serial);
  json_add_string (builder, "kind", host_usb_kind (usb));
  add_classes (builder, usb);
  json_builder_set_member_name (builder, "speed");
  json_builder_add_double_value (builder, usb->speed);
  add_drivers (builder, usb);
  json_add_bool (builder, "accessible", usb->accessible);
  json_add_string (builder, "only", soles[usb->sole]);
  json_add_string (builder, "machine", machine);
  json_add_string (builder, "machine-uuid", machine_uuid);
  json_builder_end_object (builder);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vm.json as it is written; vm-config-read.c is the other way. */
#include "app/bundle/vm-config-private.h"
#include "app/bundle/vm-forwards.h"

const char *const vm_config_link_names[] = { "up", "down", NULL };

/* Starts from what was read: unknown members stay, and so does the order. */
static JsonObject *
begin_object (JsonObject *extra)
{
  JsonObject *object = json_object_new ();
  JsonObjectIter iter;
  const char *name;
  JsonNode *node;

  if (extra == NULL)
    return object;
  json_object_iter_init_ordered (&iter, extra);
  while (json_object_iter_next_ordered (&iter, &name, &node))
    json_object_set_member (object, name, json_node_copy (node));
  return object;
}

static void
write_string (JsonObject *object, const char *name, const char *value)
{
  if (value != NULL)
    json_object_set_string_member (object, name, value);
  else if (json_object_has_member (object, name))
    json_object_remove_member (object, name);
}

/* A number of 0, and the choice that is the default, are left out. */
static void
write_number (JsonObject *object, const char *name, uint64_t value)
{
  if (value != 0)
    json_object_set_int_member (object, name, (gint64)value);
  else
    write_string (object, name, NULL);
}

static void
write_bytes (JsonObject *object, const char *name, uint64_t value)
{
  g_autofree char *text = value != 0 ? vm_format_size (value) : NULL;

  write_string (object, name, text);
}

static void
write_limits (JsonObject *disk, const ImageLimits *limits)
{
  JsonObject *before =
    json_object_has_member (disk, "limits") ? json_object_get_object_member (disk, "limits") : NULL;
  JsonObject *object = begin_object (before);

  write_number (object, "iops", limits->iops);
  write_number (object, "iops-burst", limits->iops_burst);
  write_bytes (object, "bytes-per-second", limits->bytes_per_second);
  write_bytes (object, "bytes-burst", limits->bytes_burst);
  if (json_object_get_size (object) > 0)
    {
      json_object_set_object_member (disk, "limits", object);
      return;
    }
  json_object_unref (object);
  write_string (disk, "limits", NULL);
}

static void
write_strings (JsonObject *object, const char *name, GStrv value)
{
  JsonArray *array;

  if (value == NULL || value[0] == NULL)
    {
      write_string (object, name, NULL);
      return;
    }
  array = json_array_new ();
  for (unsigned i = 0; value[i] != NULL; i++)
    json_array_add_string_element (array, value[i]);
  json_object_set_array_member (object, name, array);
}

static void
write_disk_options (JsonObject *object, const DiskOptions *options)
{
  write_string (object, "format", options->format);
  write_string (object, "cache", options->cache != 0 ? disk_cache_names[options->cache] : NULL);
  write_string (object, "discard", options->discard != 0 ? disk_discard_names[options->discard] : NULL);
  write_string (object, "serial", options->serial);
  write_string (object, "secret-file", options->secret_file);
  write_limits (object, &options->limits);
}

static void
write_disks (JsonObject *root, const VmConfig *config)
{
  JsonArray *array = json_array_new ();

  for (unsigned i = 0; i < config->disks->len; i++)
    {
      const VmDisk *disk = g_ptr_array_index (config->disks, i);
      JsonObject *object = begin_object (disk->extra);

      write_string (object, "id", disk->id);
      write_string (object, "kind", disk_kind_names[disk->kind]);
      write_string (object, "bus", disk_bus_names[disk->bus]);
      write_string (object, "path", disk->path);
      if (disk->kind == DISK_KIND_DISK)
        json_object_set_boolean_member (object, "read-only", disk->read_only);
      write_disk_options (object, &disk->options);
      json_array_add_object_element (array, object);
    }
  json_object_set_array_member (root, "disks", array);
}

static void
write_nics (JsonObject *root, const VmConfig *config)
{
  JsonArray *array = json_array_new ();

  for (unsigned i = 0; i < config->nics->len; i++)
    {
      const VmNic *nic = g_ptr_array_index (config->nics, i);
      JsonObject *object = begin_object (nic->extra);

      write_string (object, "id", nic->id);
      write_string (object, "network", nic->network);
      write_string (object, "mac", nic->mac);
      write_string (object, "guest-mac", nic->guest_mac);
      write_string (object, "model", nic->model != NIC_MODEL_VIRTIO ? nic_model_names[nic->model] : NULL);
      write_string (object, "link", nic->link_down ? vm_config_link_names[LINK_DOWN] : NULL);
      vm_forwards_write (object, nic->forwards);
      json_array_add_object_element (array, object);
    }
  json_object_set_array_member (root, "networks", array);
}

static void
write_serials (JsonObject *root, const VmConfig *config)
{
  JsonArray *array = json_array_new ();

  for (unsigned i = 0; i < config->serials->len; i++)
    {
      const VmSerial *serial = g_ptr_array_index (config->serials, i);
      JsonObject *object = begin_object (serial->extra);

      write_string (object, "kind",
                    serial->kind != (serial->path != NULL ? SERIAL_FILE : SERIAL_CONSOLE)
                      ? serial_kind_names[serial->kind]
                      : NULL);
      write_string (object, "path", serial->path);
      json_array_add_object_element (array, object);
    }
  json_object_set_array_member (root, "serial", array);
}

/* What every machine has unless it says otherwise. */
static void
write_presence (JsonObject *root, const char *name, bool present)
{
  if (present)
    write_string (root, name, NULL);
  else
    json_object_set_boolean_member (root, name, false);
}

/* What isn't there unless it is asked for. */
static void
write_wish (JsonObject *root, const char *name, bool wished)
{
  if (wished)
    json_object_set_boolean_member (root, name, true);
  else
    write_string (root, name, NULL);
}

static void
write_trouble (JsonObject *root, const VmConfig *config)
{
  write_string (root, "on-panic",
                config->on_panic != BOARD_ACTION_NOTIFY ? board_action_names[config->on_panic] : NULL);
  write_string (root, "watchdog", config->watchdog ? vm_watchdog_names[config->watchdog_action + 1] : NULL);
  write_presence (root, "hpet", config->hpet);
  write_presence (root, "balloon", config->balloon);
  write_wish (root, "merge-memory", config->merge_memory);
  write_wish (root, "usb", config->usb);
  write_wish (root, "usb-keyboard", config->usb_keyboard);
  vm_usb_rules_write (root, config->usb_rules);
  write_presence (root, "virtio-input", config->virtio_input);
}

static void
write_desktop (JsonObject *root, const VmConfig *config)
{
  write_presence (root, "launcher", config->launcher);
  if (config->autostart)
    json_object_set_boolean_member (root, "autostart", true);
  else
    json_object_remove_member (root, "autostart");
  if (config->autostart_order != 0)
    json_object_set_int_member (root, "autostart-order", config->autostart_order);
  else
    json_object_remove_member (root, "autostart-order");
}

static void
write_boot (JsonObject *root, const VmConfig *config)
{
  JsonObject *boot = begin_object (config->boot_extra);

  write_string (boot, "kernel", config->kernel);
  write_string (boot, "initrd", config->initrd);
  write_string (boot, "append", config->append);
  write_strings (boot, "order", config->boot_order);
  if (json_object_get_size (boot) > 0)
    {
      json_object_set_object_member (root, "boot", boot);
      return;
    }
  json_object_unref (boot);
  write_string (root, "boot", NULL);
}

static void
write_cpu (JsonObject *root, const VmConfig *config)
{
  JsonObject *cpu = begin_object (config->cpu_extra);
  const struct {
    const char *name;
    unsigned value;
  } members[] = { { "sockets", config->topology.sockets },
                  { "cores", config->topology.cores },
                  { "threads", config->topology.threads } };

  write_string (cpu, "model", config->cpu_model);
  for (guint i = 0; i < G_N_ELEMENTS (members); i++)
    if (config->topology.sockets != 0)
      json_object_set_int_member (cpu, members[i].name, members[i].value);
    else if (json_object_has_member (cpu, members[i].name))
      json_object_remove_member (cpu, members[i].name);
  if (json_object_get_size (cpu) > 0)
    {
      json_object_set_object_member (root, "cpu", cpu);
      return;
    }
  json_object_unref (cpu);
  write_string (root, "cpu", NULL);
}

/* What is switched off. */
static void
write_agents (JsonObject *root, const VmConfig *config)
{
  const AgentsSpec *agents = &config->agents;
  const struct {
    const char *name;
    bool on;
  } members[] = {
    { "qemu-guest-agent", agents->guest },
    { "set-time", agents->set_time },
    { "spice-vdagent", agents->desktop },
  };
  JsonObject *object = begin_object (config->agents_extra);

  for (unsigned i = 0; i < G_N_ELEMENTS (members); i++)
    if (members[i].on)
      json_object_remove_member (object, members[i].name);
    else
      json_object_set_boolean_member (object, members[i].name, false);
  write_string (object, "clipboard",
                agents->clipboard != CLIPBOARD_BOTH ? clipboard_policy_names[agents->clipboard] : NULL);
  if (json_object_get_size (object) > 0)
    {
      json_object_set_object_member (root, "agents", object);
      return;
    }
  json_object_unref (object);
  write_string (root, "agents", NULL);
}

static void
write_sound (JsonObject *root, const VmConfig *config)
{
  JsonObject *sound = begin_object (config->sound_extra);

  write_string (sound, "card", config->sound ? NULL : "none");
  write_string (sound, "record", config->sound_record);
  write_string (sound, "microphone", config->sound_microphone);
  if (json_object_get_size (sound) > 0)
    {
      json_object_set_object_member (root, "sound", sound);
      return;
    }
  json_object_unref (sound);
  write_string (root, "sound", NULL);
}

char *
vm_config_to_json (const VmConfig *config)
{
  g_autoptr (JsonGenerator) generator = json_generator_new ();
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);
  g_autofree char *memory = vm_format_size (config->memory);
  g_autofree char *text = NULL;
  JsonObject *root = begin_object (config->extra), *display = begin_object (config->display_extra);

  json_object_set_int_member (root, "bonsai", VM_CONFIG_SCHEMA);
  write_string (root, "uuid", config->uuid);
  write_string (root, "name", config->name);
  write_string (root, "notes", config->notes);
  write_string (root, "os", config->os);
  vm_install_write (root, &config->install);
  write_string (root, "group", config->group);
  write_strings (root, "tags", config->tags);
  write_string (root, "nvram", config->nvram);
  write_string (root, "generation", config->generation);
  write_string (root, "snapshot", config->snapshot);
  write_string (root, "resume", config->resume);
  write_string (root, "disposable", config->disposable);
  write_string (root, "completes", config->completes);
  write_string (root, "clone-of", config->clone_of);
  write_string (root, "clone-snapshot", config->clone_snapshot);
  write_string (root, "clone-hook", config->clone_hook);
  write_string (root, "template",
                config->template_state != VM_TEMPLATE_NONE ? vm_template_names[config->template_state]
                                                           : NULL);
  vm_schedule_write (root, &config->schedule);
  vm_policy_write (root, config->policy);
  vm_sharing_write (root, config->sharing);
  write_string (root, "at-host-shutdown",
                config->at_host_shutdown != VM_AT_SHUTDOWN_SUSPEND
                  ? vm_at_shutdown_names[config->at_host_shutdown]
                  : NULL);
  write_desktop (root, config);
  write_string (root, "memory", memory);
  json_object_set_int_member (root, "cpus", config->cpus);
  write_cpu (root, config);
  write_sound (root, config);
  write_string (root, "firmware",
                config->firmware != FIRMWARE_BIOS ? firmware_names[config->firmware] : NULL);
  write_boot (root, config);
  write_disks (root, config);
  write_nics (root, config);
  write_serials (root, config);
  write_trouble (root, config);
  json_object_set_int_member (display, "video-memory", config->video_memory);
  write_string (display, "graphics",
                config->graphics != GRAPHICS_VGA ? graphics_names[config->graphics] : NULL);
  if (config->heads != 1)
    json_object_set_int_member (display, "heads", config->heads);
  else
    json_object_remove_member (display, "heads");
  json_object_set_object_member (root, "display", display);
  write_agents (root, config);

  json_node_take_object (node, root);
  json_generator_set_root (generator, node);
  json_generator_set_pretty (generator, TRUE);
  json_generator_set_indent (generator, 2);
  text = json_generator_to_data (generator, NULL);
  return g_strconcat (text, "\n", NULL);
}

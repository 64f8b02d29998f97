/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vm.json as it is read, each mistake told with its place; vm-config-write.c is the other way. */
#include "app/bundle/vm-config.h"

#include "app/base/error.h"
#include "app/bundle/json-section.h"
#include "app/bundle/vm-config-private.h"
#include "app/bundle/vm-forwards.h"

#include <glib/gi18n.h>

/* "limits" : { "iops", "iops-burst", "bytes-per-second", "bytes-burst" } */
static bool
read_limits (const JsonSection *section, ImageLimits *limits)
{
  g_autofree char *pointer = g_strdup_printf ("%s/limits", section->pointer);
  JsonSection inner = { section->text, NULL, pointer, section->error };
  unsigned iops = 0, burst = 0;

  if (!json_read_object (section, "limits", &inner.object))
    return false;
  if (inner.object == NULL)
    return true;
  if (!json_read_unsigned (&inner, "iops", &iops) || !json_read_unsigned (&inner, "iops-burst", &burst)
      || !json_read_size (&inner, "bytes-per-second", &limits->bytes_per_second)
      || !json_read_size (&inner, "bytes-burst", &limits->bytes_burst))
    return false;
  limits->iops = iops;
  limits->iops_burst = burst;
  return true;
}

static bool
read_disk_options (const JsonSection *section, DiskOptions *options)
{
  unsigned cache = options->cache, discard = options->discard;

  if (!json_read_string (section, "format", &options->format)
      || !json_read_choice (section, "cache", disk_cache_names, &cache)
      || !json_read_choice (section, "discard", disk_discard_names, &discard)
      || !json_read_string (section, "serial", &options->serial)
      || !json_read_string (section, "secret-file", &options->secret_file)
      || !read_limits (section, &options->limits))
    return false;
  options->cache = cache;
  options->discard = discard;
  return true;
}

static bool
read_disk (const JsonSection *section, void *data)
{
  VmConfig *config = data;
  VmDisk *disk;
  unsigned kind = DISK_KIND_DISK, bus;

  if (!json_read_choice (section, "kind", disk_kind_names, &kind))
    return false;
  if (kind == DISK_KIND_CDROM)
    disk = vm_config_add_cdrom (config, NULL);
  else
    disk =
      kind == DISK_KIND_DISK ? vm_config_add_disk (config, NULL, 0) : vm_config_add_scsi_host (config, NULL);
  disk->extra = json_object_ref (section->object);
  bus = disk->bus;
  if (!json_read_string (section, "id", &disk->id) || !json_read_choice (section, "bus", disk_bus_names, &bus)
      || !json_read_string (section, "path", &disk->path)
      || !json_read_bool (section, "read-only", &disk->read_only)
      || !read_disk_options (section, &disk->options))
    return false;
  disk->bus = bus;
  return true;
}

static bool
read_nic (const JsonSection *section, void *data)
{
  VmConfig *config = data;
  VmNic *nic = vm_config_add_nic (config, "nat");
  unsigned model = NIC_MODEL_VIRTIO, link = LINK_UP;

  nic->extra = json_object_ref (section->object);
  /* An address made up anew at each start would be a new card to the guest. */
  if (!json_section_require (section, "mac") || !json_read_string (section, "id", &nic->id)
      || !json_read_string (section, "network", &nic->network)
      || !json_read_string (section, "mac", &nic->mac)
      || !json_read_string (section, "guest-mac", &nic->guest_mac)
      || !json_read_choice (section, "model", nic_model_names, &model)
      || !json_read_choice (section, "link", vm_config_link_names, &link)
      || !json_read_objects (section, "forwards", vm_forward_read, nic->forwards))
    return false;
  nic->model = model;
  nic->link_down = link == LINK_DOWN;
  return true;
}

static bool
read_serial (const JsonSection *section, void *data)
{
  VmConfig *config = data;
  VmSerial *serial = vm_config_add_serial (config, NULL);

  unsigned kind;

  serial->extra = json_object_ref (section->object);
  if (!json_read_string (section, "path", &serial->path))
    return false;
  kind = serial->path != NULL ? SERIAL_FILE : SERIAL_CONSOLE;
  if (!json_read_choice (section, "kind", serial_kind_names, &kind))
    return false;
  serial->kind = kind;
  return true;
}

/* What becomes of a guest in trouble. */
static bool
read_trouble (const JsonSection *section, VmConfig *config)
{
  unsigned on_panic = config->on_panic, watchdog = 0;

  if (!json_read_choice (section, "on-panic", board_action_names, &on_panic)
      || !json_read_choice (section, "watchdog", vm_watchdog_names, &watchdog))
    return false;
  config->on_panic = on_panic;
  config->watchdog = watchdog > 0;
  config->watchdog_action = watchdog > 0 ? watchdog - 1 : 0;
  return true;
}

static bool
read_boot (const JsonSection *section, VmConfig *config)
{
  JsonSection boot = { section->text, NULL, "/boot", section->error };

  if (!json_read_object (section, "boot", &boot.object))
    return false;
  if (boot.object == NULL)
    return true;
  config->boot_extra = json_object_ref (boot.object);
  return json_read_string (&boot, "kernel", &config->kernel)
         && json_read_string (&boot, "initrd", &config->initrd)
         && json_read_string (&boot, "append", &config->append)
         && json_read_strings (&boot, "order", &config->boot_order);
}

/* "cpu" : { "model", "sockets", "cores", "threads" }: a number that is left out is 1. */
static bool
read_cpu (const JsonSection *section, VmConfig *config)
{
  JsonSection cpu = { section->text, NULL, "/cpu", section->error };
  CpuTopology *topology = &config->topology;

  if (!json_read_object (section, "cpu", &cpu.object))
    return false;
  if (cpu.object == NULL)
    return true;
  config->cpu_extra = json_object_ref (cpu.object);
  if (json_section_member (&cpu, "sockets") != NULL || json_section_member (&cpu, "cores") != NULL
      || json_section_member (&cpu, "threads") != NULL)
    *topology = cpu_topology_flat (1);
  if (!json_read_string (&cpu, "model", &config->cpu_model)
      || !json_read_unsigned (&cpu, "sockets", &topology->sockets)
      || !json_read_unsigned (&cpu, "cores", &topology->cores)
      || !json_read_unsigned (&cpu, "threads", &topology->threads))
    return false;
  return topology->sockets != 0 || json_section_member (&cpu, "sockets") == NULL
         || json_section_fail (&cpu, "sockets", _ ("must be 1 to 255"));
}

/* "sound" : { "card", "record", "microphone" } */
static bool
read_sound (const JsonSection *section, VmConfig *config)
{
  static const char *const cards[] = { "none", "hda", NULL };
  JsonSection sound = { section->text, NULL, "/sound", section->error };
  unsigned card = 1;

  if (!json_read_object (section, "sound", &sound.object))
    return false;
  if (sound.object == NULL)
    return true;
  config->sound_extra = json_object_ref (sound.object);
  if (!json_read_choice (&sound, "card", cards, &card)
      || !json_read_string (&sound, "record", &config->sound_record)
      || !json_read_string (&sound, "microphone", &config->sound_microphone))
    return false;
  config->sound = card != 0;
  return true;
}

static bool
read_firmware (const JsonSection *section, VmConfig *config)
{
  unsigned firmware = config->firmware;

  if (!json_read_choice (section, "firmware", firmware_names, &firmware))
    return false;
  config->firmware = firmware;
  return true;
}

static bool
read_display (const JsonSection *section, VmConfig *config)
{
  JsonSection display = { section->text, NULL, "/display", section->error };
  unsigned graphics = config->graphics;

  if (!json_read_object (section, "display", &display.object))
    return false;
  if (display.object == NULL)
    return true;
  config->display_extra = json_object_ref (display.object);
  if (!json_read_unsigned (&display, "video-memory", &config->video_memory)
      || !json_read_choice (&display, "graphics", graphics_names, &graphics)
      || !json_read_unsigned (&display, "heads", &config->heads))
    return false;
  config->graphics = graphics;
  return true;
}

static bool
read_agents (const JsonSection *section, VmConfig *config)
{
  JsonSection agents = { section->text, NULL, "/agents", section->error };
  unsigned clipboard = config->agents.clipboard;

  if (!json_read_object (section, "agents", &agents.object))
    return false;
  if (agents.object == NULL)
    return true;
  config->agents_extra = json_object_ref (agents.object);
  if (!json_read_choice (&agents, "clipboard", clipboard_policy_names, &clipboard))
    return false;
  config->agents.clipboard = clipboard;
  return json_read_bool (&agents, "qemu-guest-agent", &config->agents.guest)
         && json_read_bool (&agents, "set-time", &config->agents.set_time)
         && json_read_bool (&agents, "spice-vdagent", &config->agents.desktop);
}

static bool
read_snapshot_members (const JsonSection *section, VmConfig *config)
{
  unsigned state = config->template_state, end = config->at_host_shutdown;

  if (!json_read_choice (section, "template", vm_template_names, &state)
      || !json_read_choice (section, "at-host-shutdown", vm_at_shutdown_names, &end)
      || !vm_schedule_read (section, &config->schedule) || !vm_policy_read (section, &config->policy)
      || !vm_sharing_read (section, &config->sharing))
    return false;
  config->template_state = state;
  config->at_host_shutdown = end;
  return json_read_string (section, "nvram", &config->nvram)
         && json_read_string (section, "generation", &config->generation)
         && json_read_string (section, "snapshot", &config->snapshot)
         && json_read_string (section, "resume", &config->resume)
         && json_read_string (section, "disposable", &config->disposable)
         && json_read_string (section, "completes", &config->completes)
         && json_read_string (section, "clone-of", &config->clone_of)
         && json_read_string (section, "clone-snapshot", &config->clone_snapshot)
         && json_read_string (section, "clone-hook", &config->clone_hook);
}

/* What the desktop does with it. */
static bool
read_desktop (const JsonSection *section, VmConfig *config)
{
  return json_read_bool (section, "launcher", &config->launcher)
         && json_read_bool (section, "autostart", &config->autostart)
         && json_read_unsigned (section, "autostart-order", &config->autostart_order);
}

static bool
read_version (const JsonSection *section)
{
  unsigned version = 0;

  if (!json_section_require (section, "bonsai") || !json_read_unsigned (section, "bonsai", &version))
    return false;
  if (version == 0)
    return json_section_fail (section, "bonsai", _ ("must be the schema's version, %d"), VM_CONFIG_SCHEMA);
  if (version > VM_CONFIG_SCHEMA)
    return json_section_fail (section, "bonsai",
                              _ ("version %u was written by a newer Bonsai; this one knows version %d"),
                              version, VM_CONFIG_SCHEMA);
  return true;
}

static bool
read_config (const JsonSection *section, VmConfig *config)
{
  static const char *const required[] = { "uuid", "name", "memory", "cpus" };

  if (!read_version (section))
    return false;
  for (unsigned i = 0; i < G_N_ELEMENTS (required); i++)
    if (!json_section_require (section, required[i]))
      return false;
  return json_read_string (section, "uuid", &config->uuid)
         && json_read_string (section, "name", &config->name)
         && json_read_string (section, "notes", &config->notes)
         && json_read_string (section, "os", &config->os) && vm_install_read (section, &config->install)
         && json_read_string (section, "group", &config->group)
         && json_read_strings (section, "tags", &config->tags) && read_snapshot_members (section, config)
         && read_desktop (section, config) && json_read_size (section, "memory", &config->memory)
         && json_read_unsigned (section, "cpus", &config->cpus) && read_cpu (section, config)
         && read_firmware (section, config) && read_boot (section, config)
         && json_read_objects (section, "disks", read_disk, config)
         && json_read_objects (section, "networks", read_nic, config)
         && json_read_objects (section, "serial", read_serial, config) && read_trouble (section, config)
         && json_read_bool (section, "hpet", &config->hpet)
         && json_read_bool (section, "balloon", &config->balloon)
         && json_read_bool (section, "merge-memory", &config->merge_memory)
         && json_read_bool (section, "usb", &config->usb)
         && json_read_bool (section, "usb-keyboard", &config->usb_keyboard)
         && json_read_objects (section, "usb-rules", vm_usb_rule_read, config->usb_rules)
         && json_read_bool (section, "virtio-input", &config->virtio_input) && read_sound (section, config)
         && read_display (section, config) && read_agents (section, config);
}

VmConfig *
vm_config_read (JsonText *json, GError **error)
{
  g_autoptr (VmConfig) config = vm_config_new_empty ();
  g_auto (VmComplaint) complaint = { 0 };
  JsonSection section = { json, NULL, "", error };

  if (!JSON_NODE_HOLDS_OBJECT (json_text_root (json)))
    {
      json_text_set_error (json, "", error, _ ("must be an object, { … }"));
      return NULL;
    }
  section.object = json_node_get_object (json_text_root (json));
  config->extra = json_object_ref (section.object);
  if (!read_config (&section, config))
    return NULL;
  if (!vm_config_check_at (config, &complaint))
    {
      json_text_set_error (json, complaint.pointer, error, complaint.message);
      return NULL;
    }
  return g_steal_pointer (&config);
}

VmConfig *
vm_config_parse (const char *text, gsize length, const char *file, GError **error)
{
  g_autoptr (JsonText) json = json_text_parse (text, length, file, error);

  return json != NULL ? vm_config_read (json, error) : NULL;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vm.json as it is read, each mistake told with its place; vm-config-write.c is the other way. */
#include "app/bundle/vm-config.h"

#include "app/base/error.h"
#include "app/bundle/json-text.h"
#include "app/bundle/vm-config-private.h"

#include <stdarg.h>

#define MIB (1024ull * 1024)

/* An object being read, and where it stands. */
typedef struct {
  JsonText *text;
  JsonObject *object;
  const char *pointer;
  GError **error;
} Section;

/* Returns: always false. */
static bool G_GNUC_PRINTF (3, 4) fail (const Section *section, const char *name, const char *format, ...)
{
  g_autofree char *pointer = g_strdup_printf ("%s/%s", section->pointer, name);
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  return json_text_set_error (section->text, pointer, section->error, message);
}

/* NULL if absent or null. */
static JsonNode *
member (const Section *section, const char *name)
{
  JsonNode *node = json_object_get_member (section->object, name);

  return node != NULL && !JSON_NODE_HOLDS_NULL (node) ? node : NULL;
}

static bool
require (const Section *section, const char *name)
{
  return member (section, name) != NULL || fail (section, name, "missing");
}

/* Each read_ function leaves @value alone if the member is absent. */

static bool
read_string (const Section *section, const char *name, char **value)
{
  JsonNode *node = member (section, name);

  if (node == NULL)
    return true;
  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_STRING)
    return fail (section, name, "must be a string in quotes");
  vm_config_set (value, json_node_get_string (node));
  return true;
}

static bool
read_unsigned (const Section *section, const char *name, unsigned *value)
{
  JsonNode *node = member (section, name);
  gint64 number;

  if (node == NULL)
    return true;
  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_INT64)
    return fail (section, name, "must be a whole number");
  number = json_node_get_int (node);
  if (number < 0 || number > G_MAXINT)
    return fail (section, name, "%" G_GINT64_FORMAT " is out of range", number);
  *value = (unsigned)number;
  return true;
}

static bool
read_bool (const Section *section, const char *name, bool *value)
{
  JsonNode *node = member (section, name);

  if (node == NULL)
    return true;
  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_BOOLEAN)
    return fail (section, name, "must be true or false");
  *value = json_node_get_boolean (node);
  return true;
}

/* "512M", or a number of MiB. */
static bool
read_size (const Section *section, const char *name, uint64_t *value)
{
  JsonNode *node = member (section, name);
  g_autoptr (GError) error = NULL;
  unsigned mib = 0;

  if (node == NULL)
    return true;
  if (JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING)
    {
      *value = vm_parse_size (json_node_get_string (node), &error);
      return *value != 0 || fail (section, name, "%s", error->message);
    }
  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_INT64)
    return fail (section, name, "must be a size such as \"512M\" or \"2G\"");
  if (!read_unsigned (section, name, &mib))
    return false;
  *value = mib * MIB;
  return true;
}

static bool
read_choice (const Section *section, const char *name, const char *const *choices, unsigned *value)
{
  g_autofree char *word = NULL;
  g_autofree char *all = NULL;

  if (!read_string (section, name, &word))
    return false;
  if (word == NULL)
    return true;
  for (unsigned i = 0; choices[i] != NULL; i++)
    if (g_str_equal (choices[i], word))
      {
        *value = i;
        return true;
      }
  all = g_strjoinv ("” or “", (char **)choices);
  return fail (section, name, "“%s” is unknown; it must be “%s”", word, all);
}

static bool
read_object (const Section *section, const char *name, JsonObject **value)
{
  JsonNode *node = member (section, name);

  if (node == NULL)
    return true;
  if (!JSON_NODE_HOLDS_OBJECT (node))
    return fail (section, name, "must be an object, { … }");
  *value = json_node_get_object (node);
  return true;
}

static bool
read_strings (const Section *section, const char *name, GStrv *value)
{
  JsonNode *node = member (section, name);
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  JsonArray *array;

  if (node == NULL)
    return true;
  if (!JSON_NODE_HOLDS_ARRAY (node))
    return fail (section, name, "must be a list, [ … ]");
  array = json_node_get_array (node);
  for (unsigned i = 0; i < json_array_get_length (array); i++)
    {
      JsonNode *element = json_array_get_element (array, i);

      if (!JSON_NODE_HOLDS_VALUE (element) || json_node_get_value_type (element) != G_TYPE_STRING)
        return fail (section, name, "must be a list of strings in quotes");
      g_strv_builder_add (builder, json_node_get_string (element));
    }
  g_strfreev (*value);
  *value = g_strv_builder_end (builder);
  return true;
}

typedef bool (*ReadElementFunc) (const Section *section, VmConfig *config);

/* Reads each object of the array @name. */
static bool
read_objects (const Section *section, const char *name, ReadElementFunc read_element, VmConfig *config)
{
  JsonNode *node = member (section, name);
  JsonArray *array;

  if (node == NULL)
    return true;
  if (!JSON_NODE_HOLDS_ARRAY (node))
    return fail (section, name, "must be a list, [ … ]");
  array = json_node_get_array (node);
  for (unsigned i = 0; i < json_array_get_length (array); i++)
    {
      JsonNode *element = json_array_get_element (array, i);
      g_autofree char *pointer = g_strdup_printf ("%s/%s/%u", section->pointer, name, i);
      Section inner = { section->text, NULL, pointer, section->error };

      if (!JSON_NODE_HOLDS_OBJECT (element))
        return json_text_set_error (section->text, pointer, section->error, "must be an object, { … }");
      inner.object = json_node_get_object (element);
      if (!read_element (&inner, config))
        return false;
    }
  return true;
}

/* "limits" : { "iops", "iops-burst", "bytes-per-second", "bytes-burst" } */
static bool
read_limits (const Section *section, ImageLimits *limits)
{
  g_autofree char *pointer = g_strdup_printf ("%s/limits", section->pointer);
  Section inner = { section->text, NULL, pointer, section->error };
  unsigned iops = 0, burst = 0;

  if (!read_object (section, "limits", &inner.object))
    return false;
  if (inner.object == NULL)
    return true;
  if (!read_unsigned (&inner, "iops", &iops) || !read_unsigned (&inner, "iops-burst", &burst)
      || !read_size (&inner, "bytes-per-second", &limits->bytes_per_second)
      || !read_size (&inner, "bytes-burst", &limits->bytes_burst))
    return false;
  limits->iops = iops;
  limits->iops_burst = burst;
  return true;
}

static bool
read_disk_options (const Section *section, DiskOptions *options)
{
  unsigned cache = options->cache, discard = options->discard;

  if (!read_string (section, "format", &options->format)
      || !read_choice (section, "cache", disk_cache_names, &cache)
      || !read_choice (section, "discard", disk_discard_names, &discard)
      || !read_string (section, "serial", &options->serial)
      || !read_string (section, "secret-file", &options->secret_file)
      || !read_limits (section, &options->limits))
    return false;
  options->cache = cache;
  options->discard = discard;
  return true;
}

static bool
read_disk (const Section *section, VmConfig *config)
{
  VmDisk *disk;
  unsigned kind = DISK_KIND_DISK, bus;

  if (!read_choice (section, "kind", disk_kind_names, &kind))
    return false;
  if (kind == DISK_KIND_CDROM)
    disk = vm_config_add_cdrom (config, NULL);
  else
    disk =
      kind == DISK_KIND_DISK ? vm_config_add_disk (config, NULL, 0) : vm_config_add_scsi_host (config, NULL);
  disk->extra = json_object_ref (section->object);
  bus = disk->bus;
  if (!read_string (section, "id", &disk->id) || !read_choice (section, "bus", disk_bus_names, &bus)
      || !read_string (section, "path", &disk->path) || !read_bool (section, "read-only", &disk->read_only)
      || !read_disk_options (section, &disk->options))
    return false;
  disk->bus = bus;
  return true;
}

static bool
read_nic (const Section *section, VmConfig *config)
{
  VmNic *nic = vm_config_add_nic (config, "nat");
  unsigned model = NIC_MODEL_VIRTIO, link = LINK_UP;

  nic->extra = json_object_ref (section->object);
  /* An address made up anew at each start would be a new card to the guest. */
  if (!require (section, "mac") || !read_string (section, "id", &nic->id)
      || !read_string (section, "network", &nic->network) || !read_string (section, "mac", &nic->mac)
      || !read_choice (section, "model", nic_model_names, &model)
      || !read_choice (section, "link", vm_config_link_names, &link))
    return false;
  nic->model = model;
  nic->link_down = link == LINK_DOWN;
  return true;
}

static bool
read_serial (const Section *section, VmConfig *config)
{
  VmSerial *serial = vm_config_add_serial (config, NULL);

  unsigned kind;

  serial->extra = json_object_ref (section->object);
  if (!read_string (section, "path", &serial->path))
    return false;
  kind = serial->path != NULL ? SERIAL_FILE : SERIAL_CONSOLE;
  if (!read_choice (section, "kind", serial_kind_names, &kind))
    return false;
  serial->kind = kind;
  return true;
}

/* What becomes of a guest in trouble. */
static bool
read_trouble (const Section *section, VmConfig *config)
{
  unsigned on_panic = config->on_panic, watchdog = 0;

  if (!read_choice (section, "on-panic", board_action_names, &on_panic)
      || !read_choice (section, "watchdog", vm_watchdog_names, &watchdog))
    return false;
  config->on_panic = on_panic;
  config->watchdog = watchdog > 0;
  config->watchdog_action = watchdog > 0 ? watchdog - 1 : 0;
  return true;
}

static bool
read_boot (const Section *section, VmConfig *config)
{
  Section boot = { section->text, NULL, "/boot", section->error };

  if (!read_object (section, "boot", &boot.object))
    return false;
  if (boot.object == NULL)
    return true;
  config->boot_extra = json_object_ref (boot.object);
  return read_string (&boot, "kernel", &config->kernel) && read_string (&boot, "initrd", &config->initrd)
         && read_string (&boot, "append", &config->append)
         && read_strings (&boot, "order", &config->boot_order);
}

/* "cpu" : { "model", "sockets", "cores", "threads" }: a number that is left out is 1. */
static bool
read_cpu (const Section *section, VmConfig *config)
{
  Section cpu = { section->text, NULL, "/cpu", section->error };
  CpuTopology *topology = &config->topology;

  if (!read_object (section, "cpu", &cpu.object))
    return false;
  if (cpu.object == NULL)
    return true;
  config->cpu_extra = json_object_ref (cpu.object);
  if (member (&cpu, "sockets") != NULL || member (&cpu, "cores") != NULL || member (&cpu, "threads") != NULL)
    *topology = cpu_topology_flat (1);
  if (!read_string (&cpu, "model", &config->cpu_model) || !read_unsigned (&cpu, "sockets", &topology->sockets)
      || !read_unsigned (&cpu, "cores", &topology->cores)
      || !read_unsigned (&cpu, "threads", &topology->threads))
    return false;
  return topology->sockets != 0 || member (&cpu, "sockets") == NULL
         || fail (&cpu, "sockets", "must be 1 to 255");
}

/* "sound" : { "card", "record", "microphone" } */
static bool
read_sound (const Section *section, VmConfig *config)
{
  static const char *const cards[] = { "none", "hda", NULL };
  Section sound = { section->text, NULL, "/sound", section->error };
  unsigned card = 1;

  if (!read_object (section, "sound", &sound.object))
    return false;
  if (sound.object == NULL)
    return true;
  config->sound_extra = json_object_ref (sound.object);
  if (!read_choice (&sound, "card", cards, &card) || !read_string (&sound, "record", &config->sound_record)
      || !read_string (&sound, "microphone", &config->sound_microphone))
    return false;
  config->sound = card != 0;
  return true;
}

static bool
read_firmware (const Section *section, VmConfig *config)
{
  unsigned firmware = config->firmware;

  if (!read_choice (section, "firmware", firmware_names, &firmware))
    return false;
  config->firmware = firmware;
  return true;
}

static bool
read_display (const Section *section, VmConfig *config)
{
  Section display = { section->text, NULL, "/display", section->error };
  unsigned graphics = config->graphics;

  if (!read_object (section, "display", &display.object))
    return false;
  if (display.object == NULL)
    return true;
  config->display_extra = json_object_ref (display.object);
  if (!read_unsigned (&display, "video-memory", &config->video_memory)
      || !read_choice (&display, "graphics", graphics_names, &graphics)
      || !read_unsigned (&display, "heads", &config->heads))
    return false;
  config->graphics = graphics;
  return true;
}

static bool
read_agents (const Section *section, VmConfig *config)
{
  Section agents = { section->text, NULL, "/agents", section->error };
  unsigned clipboard = config->agents.clipboard;

  if (!read_object (section, "agents", &agents.object))
    return false;
  if (agents.object == NULL)
    return true;
  config->agents_extra = json_object_ref (agents.object);
  if (!read_choice (&agents, "clipboard", clipboard_policy_names, &clipboard))
    return false;
  config->agents.clipboard = clipboard;
  return read_bool (&agents, "qemu-guest-agent", &config->agents.guest)
         && read_bool (&agents, "set-time", &config->agents.set_time)
         && read_bool (&agents, "spice-vdagent", &config->agents.desktop);
}

static bool
read_snapshot_members (const Section *section, VmConfig *config)
{
  return read_string (section, "nvram", &config->nvram)
         && read_string (section, "snapshot", &config->snapshot)
         && read_string (section, "resume", &config->resume)
         && read_string (section, "disposable", &config->disposable);
}

static bool
read_version (const Section *section)
{
  unsigned version = 0;

  if (!require (section, "bonsai") || !read_unsigned (section, "bonsai", &version))
    return false;
  if (version == 0)
    return fail (section, "bonsai", "must be the schema's version, %d", VM_CONFIG_SCHEMA);
  if (version > VM_CONFIG_SCHEMA)
    return fail (section, "bonsai", "version %u was written by a newer Bonsai; this one knows version %d",
                 version, VM_CONFIG_SCHEMA);
  return true;
}

static bool
read_config (const Section *section, VmConfig *config)
{
  static const char *const required[] = { "uuid", "name", "memory", "cpus" };

  if (!read_version (section))
    return false;
  for (unsigned i = 0; i < G_N_ELEMENTS (required); i++)
    if (!require (section, required[i]))
      return false;
  return read_string (section, "uuid", &config->uuid) && read_string (section, "name", &config->name)
         && read_string (section, "notes", &config->notes) && read_snapshot_members (section, config)
         && read_size (section, "memory", &config->memory) && read_unsigned (section, "cpus", &config->cpus)
         && read_cpu (section, config) && read_firmware (section, config) && read_boot (section, config)
         && read_objects (section, "disks", read_disk, config)
         && read_objects (section, "networks", read_nic, config)
         && read_objects (section, "serial", read_serial, config) && read_trouble (section, config)
         && read_bool (section, "hpet", &config->hpet) && read_bool (section, "balloon", &config->balloon)
         && read_bool (section, "virtio-input", &config->virtio_input) && read_sound (section, config)
         && read_display (section, config) && read_agents (section, config);
}

VmConfig *
vm_config_parse (const char *text, gsize length, const char *file, GError **error)
{
  g_autoptr (JsonText) json = json_text_parse (text, length, file, error);
  g_autoptr (VmConfig) config = vm_config_new_empty ();
  g_auto (VmComplaint) complaint = { 0 };
  Section section = { json, NULL, "", error };

  if (json == NULL)
    return NULL;
  if (!JSON_NODE_HOLDS_OBJECT (json_text_root (json)))
    {
      json_text_set_error (json, "", error, "must be an object, { … }");
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

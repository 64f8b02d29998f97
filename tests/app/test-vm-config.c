/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/base/error.h"
#include "app/bundle/vm-config.h"
#include "app/bundle/vm-consoles.h"
#include "app/bundle/vm-limits.h"
#include "app/snapshot/clone-hook.h"

#include <string.h>

static const char full[] =
  "{\n"
  "  \"bonsai\": 1,\n"
  "  \"colour\": \"green\",\n"
  "  \"uuid\": \"0b9f9a0e-6b0a-4c39-a8c7-6f3d1a5b7c11\",\n"
  "  \"name\": \"Größe “1”\",\n"
  "  \"memory\": \"1536M\",\n"
  "  \"cpus\": 3,\n"
  "  \"boot\": { \"kernel\": \"/k\", \"append\": \"quiet\", \"dream\": [1, {\"deep\": true}] },\n"
  "  \"disks\": [\n"
  "    { \"id\": \"disk0\", \"path\": \"disks/a.img\", \"mood\": 1.5 },\n"
  "    { \"id\": \"cd0\", \"kind\": \"cdrom\" }\n"
  "  ],\n"
  "  \"networks\": [ { \"id\": \"net0\", \"mac\": \"52:54:00:00:00:01\", \"model\": \"e1000e\",\n"
  "    \"link\": \"down\", \"vlan\": 7 } ],\n"
  "  \"serial\": [ { \"path\": \"log/s.txt\", \"parity\": null } ],\n"
  "  \"display\": { \"video-memory\": 32, \"graphics\": \"virtio\", \"heads\": 2, \"tint\": 7 },\n"
  "  \"future\": { \"list\": [null, -1, \"x\"] }\n"
  "}\n";

static VmConfig *
parse (const char *text, GError **error)
{
  return vm_config_parse (text, strlen (text), "vm.json", error);
}

static void
test_values (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VmConfig) config = parse (full, &error);
  const VmDisk *disk;

  g_assert_no_error (error);
  g_assert_cmpstr (config->name, ==, "Größe “1”");
  g_assert_cmpuint (config->memory, ==, 1536ull << 20);
  g_assert_cmpuint (config->cpus, ==, 3);
  g_assert_cmpstr (config->kernel, ==, "/k");
  g_assert_null (config->initrd);
  g_assert_cmpuint (config->video_memory, ==, 32);
  g_assert_cmpint (config->graphics, ==, GRAPHICS_VIRTIO);
  g_assert_cmpuint (config->heads, ==, 2);
  disk = g_ptr_array_index (config->disks, 0);
  g_assert_cmpint (disk->bus, ==, DISK_BUS_VIRTIO);
  disk = g_ptr_array_index (config->disks, 1);
  g_assert_cmpint (disk->kind, ==, DISK_KIND_CDROM);
  g_assert_null (disk->path);
  g_assert_cmpint (vm_config_find_nic (config, "net0")->model, ==, NIC_MODEL_E1000E);
  g_assert_true (vm_config_find_nic (config, "net0")->link_down);
  {
    g_autoptr (MachineSpec) spec = vm_config_to_spec (config, "/machines/a");
    const NicSpec *nic = g_ptr_array_index (spec->nics, 0);

    g_assert_true (nic->model == NIC_MODEL_E1000E && nic->link_down);
  }
}

static const char disk_text[] =
  "{\n"
  "  \"bonsai\": 1, \"uuid\": \"0b9f9a0e-6b0a-4c39-a8c7-6f3d1a5b7c11\", \"name\": \"a\",\n"
  "  \"memory\": \"512M\", \"cpus\": 1,\n"
  "  \"disks\": [\n"
  "    { \"path\": \"d.qcow2\", \"bus\": \"scsi\", \"format\": \"qcow2\", \"cache\": \"direct\",\n"
  "      \"discard\": \"ignore\", \"serial\": \"S1\", \"secret-file\": \"secret\",\n"
  "      \"limits\": { \"iops\": 500, \"iops-burst\": 900, \"bytes-per-second\": \"10M\", \"mood\": 1 } },\n"
  "    { \"kind\": \"scsi-host\", \"path\": \"/dev/sg3\" },\n"
  "    { \"path\": \"nbd://server/export\" },\n"
  "    { \"kind\": \"cdrom\", \"bus\": \"scsi\" }\n"
  "  ]\n"
  "}\n";

static void
test_disk_options (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VmConfig) config = parse (disk_text, &error), copy = NULL, again = NULL;
  g_autoptr (MachineSpec) spec = NULL;
  g_autofree char *first = NULL, *second = NULL;
  const DiskSpec *disk;

  g_assert_no_error (error);
  copy = vm_config_copy (config);
  first = vm_config_to_json (copy);
  g_assert_nonnull (strstr (first, "\"mood\" : 1"));
  again = parse (first, &error);
  g_assert_no_error (error);
  second = vm_config_to_json (again);
  g_assert_cmpstr (first, ==, second);

  spec = vm_config_to_spec (again, "/machines/a");
  g_assert_true (machine_spec_check (spec, &error));
  disk = g_ptr_array_index (spec->disks, 0);
  g_assert_cmpint (disk->bus, ==, DISK_BUS_SCSI);
  g_assert_cmpstr (disk->options.format, ==, "qcow2");
  g_assert_cmpint (disk->options.cache, ==, DISK_CACHE_DIRECT);
  g_assert_cmpint (disk->options.discard, ==, DISK_DISCARD_IGNORE);
  g_assert_cmpstr (disk->options.serial, ==, "S1");
  g_assert_cmpstr (disk->options.secret_file, ==, "/machines/a/secret");
  g_assert_cmpuint (disk->options.limits.iops, ==, 500);
  g_assert_cmpuint (disk->options.limits.iops_burst, ==, 900);
  g_assert_cmpuint (disk->options.limits.bytes_per_second, ==, 10 << 20);
  g_assert_cmpuint (disk->options.limits.bytes_burst, ==, 0);
  disk = g_ptr_array_index (spec->disks, 1);
  g_assert_cmpint (disk->kind, ==, DISK_KIND_SCSI_HOST);
  g_assert_cmpint (disk->bus, ==, DISK_BUS_SCSI);
  disk = g_ptr_array_index (spec->disks, 2);
  g_assert_cmpstr (disk->path, ==, "nbd://server/export");

  /* New disks have their format recorded. */
  g_assert_cmpstr (vm_config_add_disk (again, "disks/new.img", 1 << 20)->options.format, ==, "raw");
}

/* The firmware's variables lie in the bundle; of the boot order, what the machine has. */
static void
test_firmware (void)
{
  g_autoptr (GString) text = g_string_new (full);
  g_autoptr (GError) error = NULL;
  g_autoptr (VmConfig) config = NULL, copy = NULL, again = NULL;
  g_autoptr (MachineSpec) spec = NULL;
  g_autofree char *written = NULL;

  g_string_replace (text, "\"kernel\": \"/k\", \"append\": \"quiet\",",
                    "\"order\": [ \"net0\", \"gone\", \"disk0\" ],", 1);
  g_string_replace (text, "\"cpus\": 3,", "\"cpus\": 3, \"firmware\": \"uefi\",", 1);
  config = parse (text->str, &error);
  g_assert_no_error (error);
  copy = vm_config_copy (config);
  written = vm_config_to_json (copy);
  again = parse (written, &error);
  g_assert_no_error (error);
  g_assert_cmpint (again->firmware, ==, FIRMWARE_UEFI);
  g_assert_cmpuint (g_strv_length (again->boot_order), ==, 3);

  spec = vm_config_to_spec (again, "/machines/a");
  g_assert_true (machine_spec_check (spec, &error));
  g_assert_cmpint (spec->firmware, ==, FIRMWARE_UEFI);
  g_assert_cmpstr (spec->nvram, ==, "/machines/a/nvram.fd");
  g_assert_cmpuint (g_strv_length (spec->boot_order), ==, 2);
  g_assert_cmpstr (spec->boot_order[0], ==, "net0");
  g_assert_cmpstr (spec->boot_order[1], ==, "disk0");
}

/* Processors have a model and a place; a number that is left out is 1. */
static void
test_cpu (void)
{
  g_autoptr (GString) text = g_string_new (full);
  g_autoptr (GError) error = NULL;
  g_autoptr (VmConfig) config = NULL, copy = NULL, again = NULL;
  g_autoptr (MachineSpec) spec = NULL;
  g_autofree char *written = NULL;

  g_string_replace (text, "\"cpus\": 3,",
                    "\"cpus\": 3, \"cpu\": { \"model\": \"x86-64-v2\", \"sockets\": 3, \"odd\": 1 },", 1);
  config = parse (text->str, &error);
  g_assert_no_error (error);
  copy = vm_config_copy (config);
  written = vm_config_to_json (copy);
  g_assert_nonnull (strstr (written, "\"odd\" : 1"));
  again = parse (written, &error);
  g_assert_no_error (error);
  spec = vm_config_to_spec (again, "/machines/a");
  g_assert_true (machine_spec_check (spec, &error));
  g_assert_cmpstr (spec->cpu_model, ==, "x86-64-v2");
  g_assert_cmpuint (spec->topology.sockets, ==, 3);
  g_assert_cmpuint (spec->topology.cores, ==, 1);
  g_assert_cmpuint (spec->topology.threads, ==, 1);

  /* Without any number, one socket with a core for each. */
  spec->topology.sockets = 0;
  g_assert_cmpuint (machine_spec_topology (spec).cores, ==, 3);
  again->topology.sockets = 0;
  g_clear_pointer (&written, g_free);
  written = vm_config_to_json (again);
  g_assert_null (strstr (written, "sockets"));
  g_assert_null (strstr (written, "cores"));
  g_assert_nonnull (strstr (written, "\"odd\" : 1"));
}

/* Reading what was written gives the same text; unknown members stay at every depth, in their order. */
static void
test_round_trip (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VmConfig) config = parse (full, &error);
  g_autoptr (VmConfig) copy = vm_config_copy (config), again = NULL;
  g_autofree char *first = vm_config_to_json (copy), *second = NULL;
  static const char *const kept[] = {
    "\"colour\" : \"green\"", "\"deep\" : true", "\"mood\" : 1.5", "\"vlan\" : 7",
    "\"parity\" : null",      "\"tint\" : 7",    "\"future\""
  };

  again = parse (first, &error);
  g_assert_no_error (error);
  second = vm_config_to_json (again);
  g_assert_cmpstr (first, ==, second);
  for (unsigned i = 0; i < G_N_ELEMENTS (kept); i++)
    g_assert_nonnull (strstr (first, kept[i]));
  g_assert_true (strstr (first, "\"colour\"") < strstr (first, "\"uuid\""));
}

/* What belongs to a disk that goes, goes with it; what belongs to the others stays theirs. */
static void
test_unknown_members_follow_their_owner (void)
{
  g_autoptr (VmConfig) config = parse (full, NULL);
  g_autofree char *text = NULL;

  vm_config_add_disk (config, "disks/b.img", 0);
  g_ptr_array_remove_index (config->disks, 0);
  vm_config_set (&config->kernel, NULL);
  vm_config_set (&config->append, NULL);
  text = vm_config_to_json (config);
  g_assert_null (strstr (text, "mood"));
  g_assert_nonnull (strstr (text, "dream"));
  g_assert_null (strstr (text, "quiet"));
}

typedef struct {
  const char *name, *find, *replace, *message;
} Mistake;

static const Mistake mistakes[] = {
  { "memory-kind", "\"1536M\"", "true", "vm.json:6:13: memory: must be a size" },
  { "memory-word", "1536M", "lots", "vm.json:6:13: memory: “lots” is not a size" },
  { "memory-small", "1536M", "10K", "vm.json:6:13: memory: must be whole MiB" },
  { "cpus-zero", "\"cpus\": 3", "\"cpus\": 0", "vm.json:7:11: cpus: must be 1 to 255" },
  { "cpus-negative", "\"cpus\": 3", "\"cpus\": -3", "vm.json:7:11: cpus: -3 is out of range" },
  { "cpus-fraction", "\"cpus\": 3", "\"cpus\": 1.5", "vm.json:7:11: cpus: must be a whole number" },
  { "cpu-model", "\"cpus\": 3", "\"cpus\": 3, \"cpu\": { \"model\": \"386\" }",
    "cpu.model: there is no “386”" },
  { "cpu-places", "\"cpus\": 3", "\"cpus\": 3, \"cpu\": { \"cores\": 2 }",
    "cpu: 1 sockets with 2 cores of 1 threads make 2" },
  { "cpu-none", "\"cpus\": 3", "\"cpus\": 3, \"cpu\": { \"cores\": 0 }", "cpu: 1 sockets with 0 cores" },
  { "cpu-sockets", "\"cpus\": 3", "\"cpus\": 3, \"cpu\": { \"sockets\": 0 }",
    "cpu.sockets: must be 1 to 255" },
  { "comma", "\"cpus\": 3,", "\"cpus\": 3", "vm.json:8:3: expected “,” or “}”, found “\"”" },
  { "quote", "\"green\"", "\"green", "the string has no closing quote on its line" },
  { "twice", "\"colour\"", "\"cpus\"", "vm.json:7:3: “cpus” is there twice" },
  { "missing", "\"name\"", "\"nom\"", "vm.json:1:1: name: missing" },
  { "newer", "\"bonsai\": 1", "\"bonsai\": 2",
    "vm.json:2:13: bonsai: version 2 was written by a newer Bonsai" },
  { "uuid", "0b9f9a0e", "xxxx", "vm.json:4:11: uuid: must be a UUID" },
  { "escape", "disks/a.img", "disks/../../a.img",
    "vm.json:10:30: disks[0].path: “disks/../../a.img” leaves" },
  { "kind", "\"cdrom\"", "\"tape\"",
    "vm.json:11:28: disks[1].kind: “tape” is unknown; it must be “disk” or “cdrom” or “scsi-host”" },
  { "bus", "\"kind\": \"cdrom\"", "\"kind\": \"cdrom\", \"bus\": \"virtio\"",
    "disks[1].bus: a CD-ROM drive needs “ahci”, “scsi” or “usb”" },
  { "format", "\"mood\": 1.5", "\"format\": \"iso\"", "disks[0].format: “iso” is unknown" },
  { "cache", "\"mood\": 1.5", "\"cache\": \"none\"", "disks[0].cache: “none” is unknown" },
  { "limits", "\"mood\": 1.5", "\"limits\": { \"iops\": -1 }", "disks[0].limits.iops: -1 is out of range" },
  { "id", "\"cd0\"", "\"disk0\"", "vm.json:11:13: disks[1].id: “disk0” is there twice" },
  { "disk-path", "\"path\": \"disks/a.img\"", "\"pfad\": 1", "vm.json:10:5: disks[0].path: missing" },
  { "model", "e1000e", "e1000", "networks[0].model: “e1000” is unknown; it must be “virtio” or “e1000e”" },
  { "link", "down", "out", "networks[0].link: “out” is unknown; it must be “up” or “down”" },
  { "mac", "52:54:00:00:00:01", "53:54:00:00:00:01", "networks[0].mac: must be the address of one card" },
  { "heads", "\"heads\": 2", "\"heads\": 5", "display.heads: must be 1, or up to 4" },
  { "heads-of-vga", "\"graphics\": \"virtio\"", "\"graphics\": \"vga\"",
    "display.heads: must be 1, or up to 4" },
  { "graphics", "\"graphics\": \"virtio\"", "\"graphics\": \"cga\"", "display.graphics" },
  { "video", "\"video-memory\": 32", "\"video-memory\": 33", "display.video-memory: must be 1, 2, 4" },
  { "list", "\"serial\": [ {", "\"serial\": [ 1, {", "vm.json:15:15: serial[0]: must be an object" },
  { "serials", "\"serial\": [ {", "\"serial\": [ {}, {}, {}, {}, {", "serial: more than 4" },
  { "serial-kind", "\"serial\": [ {", "\"serial\": [ {}, { \"kind\": \"stdio\" }, {",
    "serial[1].kind: “stdio” is unknown; it must be “none” or “console” or “file” or “pty” or “socket”" },
  { "serial-file", "\"serial\": [ {", "\"serial\": [ { \"kind\": \"file\" }, {", "serial[0].path: missing" },
  { "serial-none", "\"path\": \"log/s.txt\"", "\"path\": \"log/s.txt\", \"kind\": \"none\"",
    "serial[0].path: a port of kind “none” has no path" },
  { "panic", "\"serial\": [ {", "\"on-panic\": \"weep\", \"serial\": [ {", "on-panic: “weep” is unknown" },
  { "watchdog", "\"serial\": [ {", "\"watchdog\": true, \"serial\": [ {", "watchdog: must be a string" },
  { "firmware", "\"serial\": [ {", "\"firmware\": \"efi\", \"serial\": [ {",
    "firmware: “efi” is unknown; it must be “bios” or “uefi” or “uefi-secure”" },
  { "boot-order", "\"kernel\": \"/k\"", "\"order\": [ 1 ], \"kernel\": \"/k\"",
    "boot.order: must be a list of strings" },
  { "hpet", "\"serial\": [ {", "\"hpet\": 1, \"serial\": [ {", "hpet: must be true or false" },
  { "surrogate", "quiet", "\\ud800", "half a surrogate pair" },
  { "nul", "quiet", "\\u0000", "can't contain the character NUL" },
  { "big", "\"vlan\": 7", "\"vlan\": 99999999999999999999", "is too large" },
};

static void
test_mistake (gconstpointer data)
{
  const Mistake *mistake = data;
  g_autoptr (GString) text = g_string_new (full);
  g_autoptr (GError) error = NULL;

  g_assert_cmpuint (g_string_replace (text, mistake->find, mistake->replace, 1), ==, 1);
  g_assert_null (parse (text->str, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID);
  if (strstr (error->message, mistake->message) == NULL)
    g_error ("“%s” lacks “%s”", error->message, mistake->message);
}

static void
test_random_bytes (void)
{
  for (unsigned round = 0; round < 200; round++)
    {
      guint8 bytes[10000];
      g_autoptr (GError) error = NULL;

      for (gsize i = 0; i < sizeof bytes; i++)
        bytes[i] = (guint8)g_test_rand_int ();
      g_assert_null (vm_config_parse ((char *)bytes, sizeof bytes, "vm.json", &error));
      g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID);
    }
}

/* Bytes changed, cut and doubled in a good file reach further than noise does. */
static void
test_damaged (void)
{
  unsigned n_good = 0;

  for (unsigned round = 0; round < 20000; round++)
    {
      g_autoptr (GString) text = g_string_new (full);
      g_autoptr (GError) error = NULL;
      g_autoptr (VmConfig) config = NULL;

      for (int n = g_test_rand_int_range (1, 4); n > 0; n--)
        {
          gsize at = (gsize)g_test_rand_int_range (0, (int)text->len);

          switch (g_test_rand_int_range (0, 3))
            {
            case 0:
              text->str[at] = (char)g_test_rand_int ();
              break;
            case 1:
              g_string_erase (text, (gssize)at, 1);
              break;
            default:
              g_string_insert_c (text, (gssize)at, "{}[]\",:0-e\\"[g_test_rand_int_range (0, 11)]);
            }
        }
      config = vm_config_parse (text->str, text->len, "vm.json", &error);
      g_assert_true ((config == NULL) == (error != NULL));
      n_good += config != NULL ? 1 : 0;
    }
  g_assert_cmpuint (n_good, >, 0);
}

static void
test_deep_and_long (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *deep = g_strnfill (500000, '[');
  g_autofree char *flat = NULL;
  g_autoptr (GString) list = g_string_new ("[1");

  g_assert_null (parse (deep, &error));
  g_assert_nonnull (strstr (error->message, "nested deeper"));
  g_clear_error (&error);

  for (unsigned i = 0; i < 400000; i++)
    g_string_append (list, ",1");
  g_assert_null (parse (list->str, &error));
  g_assert_nonnull (strstr (error->message, "expected “,” or “]”"));
  g_clear_error (&error);

  flat = g_strnfill (2 * 1024 * 1024, ' ');
  g_assert_null (parse (flat, &error));
  g_assert_nonnull (strstr (error->message, "larger than 1 MiB"));
}

static void
test_sizes (void)
{
  static const struct {
    const char *text;
    uint64_t bytes;
  } sizes[] = {
    { "512M", 512ull << 20 },
    { "2G", 2ull << 30 },
    { "1024", 1024ull << 20 },
    { "7B", 7 },
    { "4 KiB", 4096 },
    { "1T", 1ull << 40 },
    { "3gb", 3ull << 30 },
    { "", 0 },
    { "M", 0 },
    { "-1M", 0 },
    { "1X", 0 },
    { "0G", 0 },
    { "1MM", 0 },
    { "99999999999999T", 0 },
    { "1.5G", 0 },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (sizes); i++)
    g_assert_cmpuint (vm_parse_size (sizes[i].text, NULL), ==, sizes[i].bytes);
  for (uint64_t bytes = 1; bytes < 1ull << 50; bytes = bytes * 3 + 1)
    {
      g_autofree char *text = vm_format_size (bytes);

      g_assert_cmpuint (vm_parse_size (text, NULL), ==, bytes);
    }
}

static void
test_limits (void)
{
  HostReport host = { .n_cpus = 4, .max_vcpus = 64, .memory_total = 8ull << 30 };
  VmLimits limits = vm_limits_for_host (&host);
  g_autoptr (GError) error = NULL;

  g_assert_cmpuint (limits.memory_default, ==, 2ull << 30);
  g_assert_cmpuint (limits.memory_max, ==, 8ull << 30);
  g_assert_cmpuint (limits.cpus_default, ==, 2);
  g_assert_true (vm_limits_check (&host, 8ull << 30, 64, &error));
  g_assert_false (vm_limits_check (&host, (8ull << 30) + (1 << 20), 1, &error));
  g_assert_nonnull (strstr (error->message, "this host has 8G"));
  g_clear_error (&error);
  g_assert_false (vm_limits_check (&host, 1 << 30, 65, &error));
  g_assert_nonnull (strstr (error->message, "at most 64"));
}

static void
test_spec (void)
{
  g_autoptr (VmConfig) config = parse (full, NULL);
  g_autoptr (MachineSpec) spec = vm_config_to_spec (config, "/vms/a.bonsai");
  const DiskSpec *disk = g_ptr_array_index (spec->disks, 0);

  g_assert_cmpstr (spec->uuid, ==, config->uuid);
  g_assert_cmpuint (spec->memory, ==, config->memory);
  g_assert_cmpuint (spec->n_cpus, ==, 3);
  g_assert_cmpstr (spec->kernel, ==, "/k");
  g_assert_cmpstr (disk->path, ==, "/vms/a.bonsai/disks/a.img");
  g_assert_cmpstr (disk->id, ==, "disk0");
  g_assert_cmpuint (spec->disks->len, ==, 2);
  g_assert_cmpuint (spec->nics->len, ==, 1);
  g_assert_cmpint (spec->serial[0].kind, ==, SERIAL_FILE);
  g_assert_cmpstr (spec->serial[0].path, ==, "/vms/a.bonsai/log/s.txt");
}

/* Serial ports and what becomes of a guest in trouble: the defaults are left out of the text. */
static void
test_chips (void)
{
  g_autoptr (VmConfig) config = vm_config_new ("Chips"), copy = NULL, read = NULL;
  g_autoptr (MachineSpec) spec = vm_config_to_spec (config, "/vms/a.bonsai");
  g_autofree char *text = vm_config_to_json (config);
  g_autoptr (GError) error = NULL;

  g_assert_null (strstr (text, "hpet"));
  g_assert_null (strstr (text, "agents"));
  g_assert_null (strstr (text, "watchdog"));
  g_assert_null (strstr (text, "on-panic"));
  g_assert_true (spec->balloon && spec->virtio_input && spec->usb);
  g_assert_null (strstr (text, "balloon"));
  g_assert_true (spec->sound && spec->sound_record == NULL && spec->sound_microphone == NULL);
  g_assert_null (strstr (text, "sound"));
  g_assert_true (spec->hpet && !spec->watchdog && spec->on_panic == BOARD_ACTION_NOTIFY);
  for (unsigned i = 0; i < G_N_ELEMENTS (spec->serial); i++)
    g_assert_cmpint (spec->serial[i].kind, ==, SERIAL_CONSOLE);

  vm_config_add_serial (config, NULL);
  vm_config_add_serial (config, NULL)->kind = SERIAL_PTY;
  vm_config_add_serial (config, "/run/s")->kind = SERIAL_SOCKET;
  vm_config_add_serial (config, NULL)->kind = SERIAL_NONE;
  config->on_panic = BOARD_ACTION_RESET;
  config->watchdog = true;
  config->watchdog_action = BOARD_ACTION_PAUSE;
  config->hpet = config->balloon = config->virtio_input = false;
  config->usb = config->usb_keyboard = true;
  config->agents.desktop = config->agents.set_time = false;
  config->agents.clipboard = CLIPBOARD_TO_GUEST;
  config->sound = false;
  config->sound_record = g_strdup ("played.wav");
  config->sound_microphone = g_strdup ("/heard.wav");
  copy = vm_config_copy (config);
  g_clear_pointer (&text, g_free);
  text = vm_config_to_json (copy);
  read = vm_config_parse (text, strlen (text), "vm.json", &error);
  g_assert_no_error (error);
  g_clear_pointer (&spec, machine_spec_unref);
  spec = vm_config_to_spec (read, "/vms/a.bonsai");
  g_assert_cmpint (spec->serial[0].kind, ==, SERIAL_CONSOLE);
  g_assert_cmpint (spec->serial[1].kind, ==, SERIAL_PTY);
  g_assert_cmpstr (spec->serial[1].path, ==, "/vms/a.bonsai/serial2.pty");
  g_assert_false (spec->sound);
  g_assert_cmpstr (spec->sound_record, ==, "/vms/a.bonsai/played.wav");
  g_assert_cmpstr (spec->sound_microphone, ==, "/heard.wav");
  g_assert_cmpint (spec->serial[2].kind, ==, SERIAL_SOCKET);
  g_assert_cmpstr (spec->serial[2].path, ==, "/run/s");
  g_assert_cmpint (spec->serial[3].kind, ==, SERIAL_NONE);
  g_assert_true (spec->on_panic == BOARD_ACTION_RESET && spec->usb && spec->usb_keyboard && spec->watchdog && !spec->hpet
                 && !spec->balloon && !spec->virtio_input && spec->agents.guest && !spec->agents.set_time
                 && !spec->agents.desktop && spec->agents.clipboard == CLIPBOARD_TO_GUEST
                 && spec->watchdog_action == BOARD_ACTION_PAUSE);
}

#define WITH_RULES(rules)                                                                                    \
  "{ \"bonsai\": 1, \"uuid\": \"0b9f9a0e-6b0a-4c39-a8c7-6f3d1a5b7c11\", \"name\": \"x\", \"memory\": \"64M\", \"cpus\": 1,\n"         \
  "  \"usb\": true, \"usb-rules\": " rules " }"

/* USB devices that the machine gets by itself: what is written, merged, and where mistakes are. */
static void
test_usb_rules (void)
{
  static const struct {
    const char *text, *complaint;
  } wrong[] = {
    { WITH_RULES ("[ { } ]"), "vm.json:2:31: usb-rules[0].device: missing" },
    { WITH_RULES ("[ { \"device\": \"46d:c52b\" } ]"), "usb-rules[0].device: must be" },
    { WITH_RULES ("[ { \"port\": \"usb1\" } ]"), "usb-rules[0].port: must be" },
    { WITH_RULES ("[ { \"device\": \"046d:c52b\", \"serial\": \"\" } ]"), "usb-rules[0].serial: must be" },
    { WITH_RULES ("[ { \"device\": \"046d:c52b\", \"class\": \"hid\" } ]"), "usb-rules[0].class" },
    { WITH_RULES ("[ { \"id\": \"a\", \"port\": \"1-1\" }, { \"id\": \"a\", \"port\": \"1-2\" } ]"), "usb-rules[1].id: “a” is there twice" },
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (VmConfig) config = parse (WITH_RULES ("[ { \"device\": \"046D:C52B\", \"serial\": \"7\" }, { \"port\": \"1-2.3\" } ]"), &error);
  g_autoptr (VmConfig) mine = NULL, theirs = NULL, both = NULL;
  g_autofree char *text = NULL;
  const VmUsbRule *rule;

  g_assert_no_error (error);
  mine = vm_config_copy (config);
  theirs = vm_config_copy (config);
  vm_config_set (&vm_usb_rules_find (mine->usb_rules, "usb0")->name, "Receiver");
  g_ptr_array_remove_index (theirs->usb_rules, 1);
  both = vm_config_merge (config, mine, theirs, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (both->usb_rules->len, ==, 1);
  rule = g_ptr_array_index (both->usb_rules, 0);
  g_assert_cmpstr (rule->id, ==, "usb0");
  g_assert_cmpstr (rule->device, ==, "046d:c52b");
  g_assert_cmpstr (rule->serial, ==, "7");
  g_assert_cmpstr (rule->name, ==, "Receiver");
  both->usb = false;
  g_assert_false (vm_config_check (both, &error));
  g_assert_nonnull (strstr (error->message, "usb: must be true"));
  g_ptr_array_set_size (both->usb_rules, 0);
  text = vm_config_to_json (both);
  g_assert_null (strstr (text, "usb-rules"));
  for (unsigned i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr (GError) complaint = NULL;

      g_assert_null (parse (wrong[i].text, &complaint));
      if (strstr (complaint->message, wrong[i].complaint) == NULL)
        g_error ("%s, not %s", complaint->message, wrong[i].complaint);
    }
}

#define WITH_FORWARDS(forwards)                                                                              \
  "{ \"bonsai\": 1, \"uuid\": \"0b9f9a0e-6b0a-4c39-a8c7-6f3d1a5b7c11\", \"name\": \"x\", \"memory\": \"64M\", \"cpus\": 1,\n"         \
  "  \"networks\": [ { \"id\": \"net0\", \"mac\": \"52:54:00:12:34:56\",\n    \"forwards\": " forwards " } ] }"

/* Forwarded ports: what is left out, what is written, and where mistakes are. */
static void
test_forwards (void)
{
  static const struct {
    const char *text, *complaint;
  } wrong[] = {
    { WITH_FORWARDS ("[ { } ]"), "vm.json:3:19: networks[0].forwards[0].guest-port" },
    { WITH_FORWARDS ("[ { \"guest-port\": 0 } ]"), "networks[0].forwards[0].guest-port: must be 1 to 65535" },
    { WITH_FORWARDS ("[ { \"guest-port\": 65536 } ]"), "must be 1 to 65535" },
    { WITH_FORWARDS ("[ { \"guest-port\": 1, \"host-port\": 70000 } ]"), "host-port: must be 0 to 65535" },
    { WITH_FORWARDS ("[ { \"guest-port\": 1, \"host\": \"here\" } ]"), "forwards[0].host: must be an IPv4 address" },
    { WITH_FORWARDS ("[ { \"guest-port\": 1, \"guest\": \"10.0.2.3\" } ]"), "networks[0].forwards[0]: 10.0.2.3 can't" },
    { WITH_FORWARDS ("[ { \"guest-port\": 1, \"protocol\": \"sctp\" } ]"), "“tcp” or “udp”" },
    { WITH_FORWARDS ("[ { \"guest-port\": 1, \"to\": 1 } ]"), "forwards[0].to" },
    { WITH_FORWARDS ("[ { \"guest-port\": 1, \"host-port\": 9 }, { \"guest-port\": 2, \"host-port\": 9 } ]"),
      "networks[0].forwards[1]: port 9 (tcp) is there twice" },
    { WITH_FORWARDS ("[ { \"guest-port\": 1 } ], \"network\": \"none\""), "networks[0].forwards: ports are" },
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (VmConfig) config =
    parse (WITH_FORWARDS ("[ { \"guest-port\": 80 }, { \"protocol\": \"udp\", \"host\": \"0.0.0.0\", \"host-port\": 53,"
                          " \"guest\": \"10.0.2.9\", \"guest-port\": 54 } ]"),
           &error);
  g_autoptr (VmConfig) copy = NULL, again = NULL;
  g_autoptr (MachineSpec) spec = NULL;
  g_autofree char *first = NULL, *second = NULL, *text = NULL;
  const GArray *forwards;

  g_assert_no_error (error);
  copy = vm_config_copy (config);
  text = vm_config_to_json (copy);
  again = parse (text, &error);
  g_assert_no_error (error);
  spec = vm_config_to_spec (again, "/vms/x.bonsai");
  forwards = ((NicSpec *)spec->nics->pdata[0])->forwards;
  g_assert_cmpuint (forwards->len, ==, 2);
  first = net_forward_format (&g_array_index (forwards, NetForward, 0));
  second = net_forward_format (&g_array_index (forwards, NetForward, 1));
  g_assert_cmpstr (first, ==, "tcp:127.0.0.1:0:80");
  g_assert_cmpstr (second, ==, "udp:0.0.0.0:53:10.0.2.9:54");
  for (unsigned i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr (GError) complaint = NULL;

      g_assert_null (parse (wrong[i].text, &complaint));
      if (strstr (complaint->message, wrong[i].complaint) == NULL)
        g_error ("%s, not %s", complaint->message, wrong[i].complaint);
    }
}

/* What an instant clone's description has, and what its guest is told of that. */
static void
test_clone (void)
{
  static const char other[] = "/vms/Other one.bonsai/snapshots/abcdefghij";
  g_autoptr (VmConfig) config = vm_config_new ("Kid"), copy = NULL, read = NULL;
  VmNic *nic = vm_config_add_nic (config, "nat");
  g_autofree char *text = NULL;
  g_autofree const char **words = NULL, **environment = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) arguments = NULL;

  g_assert_null (clone_hook_arguments (config));
  vm_config_set (&config->resume, other);
  vm_config_set (&config->clone_hook, "echo \"$BONSAI_NAME\"");
  vm_config_set (&config->clone_of, "0b9f9a0e-6b0a-4c39-a8c7-6f3d1a5b7c11");
  vm_config_set (&config->generation, "1b9f9a0e-6b0a-4c39-a8c7-6f3d1a5b7c11");
  vm_config_set (&nic->mac, "52:54:00:12:34:56");
  vm_config_set (&nic->guest_mac, "52:54:00:AB:CD:EF");
  copy = vm_config_copy (config);
  text = vm_config_to_json (copy);
  read = parse (text, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (read->resume, ==, other);
  g_assert_cmpstr (read->generation, ==, config->generation);

  arguments = g_variant_ref_sink (clone_hook_arguments (read));
  g_assert_true (g_variant_lookup (arguments, "command", "^a&s", &words));
  g_assert_cmpstr (words[0], ==, "/bin/sh");
  g_assert_cmpstr (words[1], ==, "-c");
  g_assert_cmpstr (words[4], ==, config->clone_hook);
  g_assert_cmpstr (words[5], ==, "52:54:00:ab:cd:ef"); /* as the guest's kernel writes it */
  g_assert_cmpstr (words[6], ==, nic->mac);
  g_assert_null (words[7]);
  g_assert_true (g_variant_lookup (arguments, "environment", "^a&s", &environment));
  g_assert_true (g_strv_contains (environment, "BONSAI_NAME=Kid"));
  g_assert_true (g_strv_contains (environment, "BONSAI_ORIGIN=0b9f9a0e-6b0a-4c39-a8c7-6f3d1a5b7c11"));

  vm_config_set (&read->resume, "../other.bonsai/snapshots/abcdefghij");
  g_assert_false (vm_config_check (read, NULL));
  vm_config_set (&read->resume, "/vms/other.bonsai/abcdefghij");
  g_assert_false (vm_config_check (read, NULL));
  vm_config_set (&read->resume, NULL);
  vm_config_set (&nic->guest_mac, NULL);
  vm_config_set (&((VmNic *)g_ptr_array_index (read->nics, 0))->guest_mac, "$(reboot)");
  g_assert_false (vm_config_check (read, NULL));
  vm_config_set (&config->generation, "1");
  g_assert_false (vm_config_check (config, NULL));
}

static void
test_desktop (void)
{
  g_autoptr (VmConfig) config = vm_config_new ("Web"), copy = NULL, read = NULL;
  g_autofree char *text = vm_config_to_json (config);
  g_autoptr (GError) error = NULL;

  g_assert_true (config->launcher && !config->autostart && config->autostart_order == 0);
  g_assert_null (strstr (text, "launcher"));
  g_assert_null (strstr (text, "autostart"));

  config->launcher = false;
  config->autostart = true;
  config->autostart_order = 1000;
  copy = vm_config_copy (config);
  g_clear_pointer (&text, g_free);
  text = vm_config_to_json (copy);
  read = vm_config_parse (text, strlen (text), "vm.json", &error);
  g_assert_no_error (error);
  g_assert_true (!read->launcher && read->autostart && read->autostart_order == 1000);

  read->autostart_order = 1001;
  g_assert_false (vm_config_check (read, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID);
  g_clear_pointer (&text, g_free);
  read->launcher = true;
  read->autostart = false;
  read->autostart_order = 0;
  text = vm_config_to_json (read);
  g_assert_null (strstr (text, "launcher"));
  g_assert_null (strstr (text, "autostart"));
}

static void
test_consoles (void)
{
  g_autoptr (VmConfig) config = vm_config_new ("Talker");

  for (unsigned port = 0; port < VM_N_CONSOLES; port++)
    g_assert_true (vm_config_has_console (config, port));
  g_assert_false (vm_config_has_console (config, VM_N_CONSOLES));
  for (unsigned port = 0; port < VM_CONSOLE_VIRTIO; port++)
    vm_config_add_serial (config, "log/serial.txt");
  g_assert_false (vm_config_has_console (config, 0));
  g_assert_true (vm_config_has_console (config, VM_CONSOLE_VIRTIO));
  g_assert_false (vm_config_has_serial_console (config));
  g_assert_cmpuint (vm_config_best_console (config), ==, 3);
  ((VmSerial *)g_ptr_array_index (config->serials, 1))->kind = SERIAL_NONE;
  g_assert_cmpuint (vm_config_best_console (config), ==, 1);
  vm_config_make_console (config, 1);
  g_assert_true (vm_config_has_console (config, 1) && vm_config_has_serial_console (config));
  g_assert_true (vm_config_check (config, NULL));
}

/* Two people's changes: members by themselves, disks by their ids, and the later word where both say something. */
static void
test_merge (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VmConfig) base = vm_config_parse (full, strlen (full), "vm.json", &error), mine = vm_config_copy (base),
                       theirs = vm_config_copy (base), merged = NULL;

  g_ptr_array_remove_index (mine->disks, 1);
  vm_config_add_disk (mine, "disks/mine.img", 0);
  vm_config_set (&mine->name, "mine");
  vm_config_set (&mine->notes, "mine");
  vm_config_add_nic (theirs, "nat");
  vm_config_set (&((VmDisk *)theirs->disks->pdata[0])->path, "disks/theirs.img");
  vm_config_set (&theirs->name, "theirs");
  theirs->cpus = 2;
  merged = vm_config_merge (base, mine, theirs, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (merged->name, ==, "mine");
  g_assert_cmpstr (merged->notes, ==, "mine");
  g_assert_cmpuint (merged->cpus, ==, 2);
  g_assert_cmpuint (merged->disks->len, ==, 2);
  g_assert_cmpstr (((VmDisk *)merged->disks->pdata[0])->path, ==, "disks/theirs.img");
  g_assert_cmpstr (((VmDisk *)merged->disks->pdata[1])->path, ==, "disks/mine.img");
  g_assert_cmpuint (merged->nics->len, ==, 2);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/vm-config/values", test_values);
  g_test_add_func ("/vm-config/round-trip", test_round_trip);
  g_test_add_func ("/vm-config/disk-options", test_disk_options);
  g_test_add_func ("/vm-config/forwards", test_forwards);
  g_test_add_func ("/vm-config/usb-rules", test_usb_rules);
  g_test_add_func ("/vm-config/firmware", test_firmware);
  g_test_add_func ("/vm-config/cpu", test_cpu);
  g_test_add_func ("/vm-config/unknown-members", test_unknown_members_follow_their_owner);
  for (unsigned i = 0; i < G_N_ELEMENTS (mistakes); i++)
    {
      g_autofree char *path = g_strdup_printf ("/vm-config/mistake/%s", mistakes[i].name);

      g_test_add_data_func (path, &mistakes[i], test_mistake);
    }
  g_test_add_func ("/vm-config/random-bytes", test_random_bytes);
  g_test_add_func ("/vm-config/damaged", test_damaged);
  g_test_add_func ("/vm-config/deep-and-long", test_deep_and_long);
  g_test_add_func ("/vm-config/sizes", test_sizes);
  g_test_add_func ("/vm-config/limits", test_limits);
  g_test_add_func ("/vm-config/spec", test_spec);
  g_test_add_func ("/vm-config/chips", test_chips);
  g_test_add_func ("/vm-config/clone", test_clone);
  g_test_add_func ("/vm-config/consoles", test_consoles);
  g_test_add_func ("/vm-config/desktop", test_desktop);
  g_test_add_func ("/vm-config/merge", test_merge);
  return g_test_run ();
}

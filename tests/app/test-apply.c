/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/apply/apply-merge.h"
#include "app/apply/yaml-text.h"

#include <string.h>

/* --- YAML --- */

static void
test_values (void)
{
  static const struct {
    const char *yaml, *json;
  } table[] = {
    { "a: 1", "{\"a\":1}" },
    { "a: +12\nb: -7", "{\"a\":12,\"b\":-7}" },
    { "a: 007", "{\"a\":7}" },
    { "a: 1.5", "{\"a\":1.5}" },
    { "a: 2e3", "{\"a\":2000.0}" },
    { "a: 1e", "{\"a\":\"1e\"}" },
    { "a: .", "{\"a\":\".\"}" },
    { "a: true\nb: False", "{\"a\":true,\"b\":false}" },
    { "a: yes\nb: off", "{\"a\":\"yes\",\"b\":\"off\"}" },
    { "a:\nb: ~\nc: null", "{\"a\":null,\"b\":null,\"c\":null}" },
    { "a: '12'\nb: \"true\"", "{\"a\":\"12\",\"b\":\"true\"}" },
    { "a: 50%", "{\"a\":\"50%\"}" },
    { "a: 52:54:00:12:34:56", "{\"a\":\"52:54:00:12:34:56\"}" },
    { "a: 0x10", "{\"a\":\"0x10\"}" },
    { "a: [1, x, {b: 2}]", "{\"a\":[1,\"x\",{\"b\":2}]}" },
    { "- a\n- - b\n  - c", "[\"a\",[\"b\",\"c\"]]" },
    { "a: |\n  one\n  two\n", "{\"a\":\"one\\ntwo\\n\"}" },
    { "# a comment\n{\"a\": 1, \"b/c\": [ ]}", "{\"a\":1,\"b/c\":[]}" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (JsonText) text = yaml_text_parse (table[i].yaml, strlen (table[i].yaml), "x.yaml", &error);
      g_autofree char *json = NULL;

      g_assert_no_error (error);
      json = json_to_string (json_text_root (text), FALSE);
      g_assert_cmpstr (json, ==, table[i].json);
    }
}

static void
test_refused (void)
{
  static const struct {
    const char *yaml, *message;
  } table[] = {
    { "", "x.yaml:1:1: there is nothing in it" },
    { "a: 1\na: 2", "x.yaml:2:1: “a” is there twice" },
    { "a: &x 1", "x.yaml:1:4: anchors (“&x”)" },
    { "a: 1\nb: *a", "x.yaml:2:4: aliases" },
    { "a: !!str 1", "x.yaml:1:4: tags" },
    { "[a]: 1", "x.yaml:1:1: a member's name must be a word" },
    { "a: [1", "x.yaml:2:1: did not find expected ',' or ']'" },
    { "a: \"\\0\"", "x.yaml:1:4: a string can't contain the character NUL" },
    { "a: 99999999999999999999", "x.yaml:1:4: the number 99999999999999999999 is too large" },
    { "a: 1\n---\nb: 1", "x.yaml:2:1: a second document begins" },
    { "a: 1\nb: \"\xff\"", "x.yaml:2: not text in UTF-8 (byte 0xff)" },
    { "ä: 1\nü: @", "x.yaml:2:4: found character that cannot start any token" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (yaml_text_parse (table[i].yaml, strlen (table[i].yaml), "x.yaml", &error));
      if (!g_str_has_prefix (error->message, table[i].message))
        g_error ("“%s”: %s", table[i].yaml, error->message);
    }
}

static void
test_bounds (void)
{
  g_autofree char *deep = g_strnfill (100000, '['), *large = g_strnfill (JSON_TEXT_MAX_LENGTH + 1, ' ');
  g_autoptr (GError) error = NULL;

  g_assert_null (yaml_text_parse (deep, strlen (deep), "x.yaml", &error));
  g_assert_nonnull (strstr (error->message, "nested deeper than 64 levels"));
  g_clear_error (&error);
  g_assert_null (yaml_text_parse (large, strlen (large), "x.yaml", &error));
  g_assert_nonnull (strstr (error->message, "larger than 1 MiB"));
}

/* --- laying a file over a machine --- */

static ApplyWish *
merge (const char *machine, const VmConfig *now, GError **error)
{
  g_autofree char *text =
    g_strdup_printf ("bonsai: 1\npolicies:\n  calm: { cpu-cap: 50%% }\nnetworks:\n  lan: { model: e1000e }\n"
                     "machines:\n- name: A\n%s",
                     machine);
  g_autoptr (ApplyFile) file = apply_file_parse (text, strlen (text), "x.yaml", error);

  return file != NULL ? apply_merge (file, g_ptr_array_index (file->machines, 0), now, error) : NULL;
}

static VmConfig *
machine_now (void)
{
  VmConfig *config = vm_config_new ("A");

  vm_config_set (&config->notes, "kept");
  config->autostart = true;
  vm_config_set (&vm_config_add_disk (config, "disks/layer.qcow2", 0)->options.format, "qcow2");
  vm_config_add_cdrom (config, NULL);
  return config;
}

/* What isn't spoken of stays, null takes back, lists are merged by id. */
static void
test_merge (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VmConfig) now = machine_now ();
  g_autoptr (ApplyWish) wish = merge ("  memory: 1G\n  autostart: null\n  policy: calm\n"
                                      "  disks:\n  - { limits: { iops: 9 }, format: raw, size: 1G }\n"
                                      "  - { id: more, size: 2G }\n  networks: [ lan, {} ]\n",
                                      now, &error);
  const VmDisk *disk;

  g_assert_no_error (error);
  g_assert_cmpstr (wish->config->uuid, ==, now->uuid);
  g_assert_cmpstr (wish->config->notes, ==, "kept");
  g_assert_cmpuint (wish->config->memory, ==, 1 << 30);
  g_assert_false (wish->config->autostart);
  g_assert_cmpfloat (wish->config->policy->cpu_cap, ==, 0.5);
  g_assert_cmpuint (wish->config->disks->len, ==, 3);
  disk = vm_config_find_disk (wish->config, "disk0");
  g_assert_cmpuint (disk->options.limits.iops, ==, 9);
  g_assert_cmpuint (disk->create, ==, 0);
  /* Snapshots made it what it is. */
  g_assert_cmpstr (disk->path, ==, "disks/layer.qcow2");
  g_assert_cmpstr (disk->options.format, ==, "qcow2");
  disk = vm_config_find_disk (wish->config, "more");
  g_assert_cmpuint (disk->create, ==, 2ull << 30);
  g_assert_cmpstr (disk->path, ==, "disks/more.qcow2");
  g_assert_cmpuint (wish->config->nics->len, ==, 2);
  g_assert_cmpstr (vm_config_find_nic (wish->config, "net0")->mac, ==, vm_config_find_nic (now, "net0")->mac);
  g_assert_cmpint (vm_config_find_nic (wish->config, "net0")->model, ==, NIC_MODEL_E1000E);
  g_assert_cmpint (vm_config_find_nic (wish->config, "net1")->model, ==, NIC_MODEL_VIRTIO);
}

static void
test_absent_devices (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VmConfig) now = machine_now ();
  g_autoptr (ApplyWish) wish =
    merge ("  disks:\n  - { id: cd0, state: absent }\n  - { id: never, state: absent }\n"
           "  networks: [ { state: absent } ]\n",
           now, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (wish->config->disks->len, ==, 1);
  g_assert_cmpuint (wish->config->nics->len, ==, 0);
}

/* Mistakes are told where they stand, also in what a machine only names. */
static void
test_mistakes (void)
{
  static const struct {
    const char *machine, *message;
  } table[] = {
    { "  memroy: 1G\n", "x.yaml:8:3: machines[0].memroy: is unknown; is “memory” meant?" },
    { "  strange: 1G\n", "x.yaml:8:3: machines[0].strange: is unknown; bonsai-apply(5) lists what there is" },
    { "  cpu: { modell: host }\n", "x.yaml:8:10: machines[0].cpu.modell: is unknown; is “model” meant?" },
    { "  policy: { rulez: [] }\n", "x.yaml:8:13: machines[0].policy.rulez: is unknown; there is “restart”" },
    { "  disks: [ { size: 1G, cach: x } ]\n",
      "x.yaml:8:24: machines[0].disks[0].cach: is unknown; is “cache” meant?" },
    { "  disks: [ { id: disk0, kind: cdrom } ]\n",
      "x.yaml:8:25: machines[0].disks[0].kind: disk0 is a “disk”" },
    { "  disks: [ { kind: cdrom, size: 1G, id: x } ]\n",
      "x.yaml:8:27: machines[0].disks[0].size: goes with disks" },
    { "  networks: [ { size: 1G } ]\n", "x.yaml:8:17: machines[0].networks[0].size: is unknown" },
    { "  networks: [ { guest-mac: x } ]\n", "x.yaml:8:17: machines[0].networks[0].guest-mac: is Bonsai's" },
    { "  networks: [ wan ]\n", "x.yaml:8:15: machines[0].networks[0]: no network is called “wan”" },
    { "  networks: lan\n", "x.yaml:8:3: machines[0].networks: must be a list" },
    { "  policy: hectic\n", "x.yaml:8:3: machines[0].policy: no policy is called “hectic”" },
    { "  uuid: 1\n", "x.yaml:8:3: machines[0].uuid: is Bonsai's to say" },
    { "  memory: null\n", "x.yaml:8:3: machines[0].memory: missing" },
    { "- memory: 1G\n", "x.yaml:8:3: machines[1].name: missing" },
    { "- name: A\n", "x.yaml:8:3: machines[1].name: “A” is there twice" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (VmConfig) now = machine_now ();
      g_autoptr (ApplyWish) wish = merge (table[i].machine, now, &error);

      g_assert_null (wish);
      if (!g_str_has_prefix (error->message, table[i].message))
        g_error ("“%s”: %s", table[i].machine, error->message);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/apply/yaml/values", test_values);
  g_test_add_func ("/apply/yaml/refused", test_refused);
  g_test_add_func ("/apply/yaml/bounds", test_bounds);
  g_test_add_func ("/apply/merge", test_merge);
  g_test_add_func ("/apply/absent-devices", test_absent_devices);
  g_test_add_func ("/apply/mistakes", test_mistakes);
  return g_test_run ();
}

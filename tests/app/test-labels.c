/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Groups and tags: what people write, what vm.json says. */
#include "app/bundle/vm-config.h"
#include "app/bundle/vm-labels.h"

#include <string.h>

static void
test_groups (void)
{
  const struct {
    const char *text, *group; /* NULL: none */
  } cases[] = {
    { "Work", "Work" },
    { " Work / Web ", "Work/Web" },
    { "/Work//Web/", "Work/Web" },
    { "", NULL },
    { " / / ", NULL },
    { "Größe/東京", "Größe/東京" },
    { "a/b/c/d/e/f/g/h", "a/b/c/d/e/f/g/h" },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *group = NULL;
      g_autoptr (GError) error = NULL;

      g_assert_true (vm_group_parse (cases[i].text, &group, &error));
      g_assert_no_error (error);
      g_assert_cmpstr (group, ==, cases[i].group);
    }
}

static void
test_wrong_groups (void)
{
  g_autofree char *long_name = g_strnfill (VM_GROUP_MAX_NAME + 1, 'x');
  const char *const texts[] = { "a/b/c/d/e/f/g/h/i", long_name, "one\ntwo" };
  const char *const groups[] = { "", "/a", "a/", "a//b", " a", "a /b", "\xff" };

  for (unsigned i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autofree char *group = NULL;
      g_autoptr (GError) error = NULL;

      g_assert_false (vm_group_parse (texts[i], &group, &error));
      g_assert_nonnull (error);
      g_assert_null (group);
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (groups); i++)
    {
      g_autofree char *why = NULL;

      g_assert_false (vm_group_is_valid (groups[i], &why));
      g_assert_nonnull (why);
    }
}

static void
test_within (void)
{
  g_assert_true (vm_group_is_within ("Work", "Work"));
  g_assert_true (vm_group_is_within ("Work/Web", "Work"));
  g_assert_false (vm_group_is_within ("Workshop", "Work"));
  g_assert_false (vm_group_is_within ("Work", "Work/Web"));
  g_assert_false (vm_group_is_within (NULL, "Work"));
}

static void
test_tags (void)
{
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) tags = vm_tags_parse (" web, Old ,, WEB,legacy system,", &error);
  g_autofree char *text = vm_tags_format ((const char *const *)tags), *none = vm_tags_format (NULL);
  const char *const add[] = { "old", "New", NULL }, *const remove[] = { "web", NULL };
  g_auto (GStrv) changed = vm_tags_change ((const char *const *)tags, add, remove);
  g_autofree char *changed_text = vm_tags_format ((const char *const *)changed);

  g_assert_no_error (error);
  g_assert_cmpstr (text, ==, "legacy system, Old, WEB");
  g_assert_true (vm_tags_contain ((const char *const *)tags, "web"));
  g_assert_false (vm_tags_contain ((const char *const *)tags, "we"));
  g_assert_cmpstr (changed_text, ==, "legacy system, New, Old");
  g_assert_cmpstr (none, ==, "");
  g_assert_null (vm_tags_parse (" , ", &error));
  g_assert_no_error (error);
}

static void
test_wrong_tags (void)
{
  g_autoptr (GString) many = g_string_new (NULL);
  g_autofree char *long_tag = g_strnfill (VM_TAG_MAX + 1, 'x'), *why = NULL, *again = NULL;
  const char *const twice[] = { "a", "b", "A", NULL }, *const comma[] = { "a,b", NULL };
  const char *texts[] = { NULL, long_tag, "a\tb" };

  for (unsigned i = 0; i <= VM_TAGS_MAX; i++)
    g_string_append_printf (many, "tag%u,", i);
  texts[0] = many->str;
  for (unsigned i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (vm_tags_parse (texts[i], &error));
      g_assert_nonnull (error);
    }
  g_assert_false (vm_tags_are_valid (twice, &why));
  g_assert_false (vm_tags_are_valid (comma, &again));
}

/* vm.json keeps them, and refuses what would not be one. */
static void
test_description (void)
{
  const char *const wrong[] = { "\"group\" : \"a//b\"", "\"tags\" : [ \"a\", \"A\" ]", "\"tags\" : \"a\"" };
  g_autoptr (GError) error = NULL;
  g_autoptr (VmConfig) config = vm_config_new ("Web"), copy = NULL, read = NULL;
  g_autofree char *json = NULL;

  config->group = g_strdup ("Work/Web");
  config->tags = vm_tags_parse ("old, web", NULL);
  copy = vm_config_copy (config);
  json = vm_config_to_json (copy);
  read = vm_config_parse (json, strlen (json), "vm.json", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (read->group, ==, "Work/Web");
  g_assert_true (g_strv_equal ((const char *const *)read->tags, (const char *const *)config->tags));
  vm_config_copy_labels (copy, NULL);
  g_free (json);
  json = vm_config_to_json (copy);
  g_assert_null (strstr (json, "group"));
  g_assert_null (strstr (json, "tags"));
  for (unsigned i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autofree char *text = g_strconcat ("{ ", wrong[i], ",", strchr (json, '{') + 1, NULL);
      g_autoptr (GError) complaint = NULL;

      g_assert_null (vm_config_parse (text, strlen (text), "vm.json", &complaint));
      g_assert_nonnull (strstr (complaint->message, i == 0 ? "group" : "tags"));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/labels/groups", test_groups);
  g_test_add_func ("/labels/groups/wrong", test_wrong_groups);
  g_test_add_func ("/labels/groups/within", test_within);
  g_test_add_func ("/labels/tags", test_tags);
  g_test_add_func ("/labels/tags/wrong", test_wrong_tags);
  g_test_add_func ("/labels/description", test_description);
  return g_test_run ();
}

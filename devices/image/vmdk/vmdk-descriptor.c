/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/vmdk/vmdk-descriptor.h"

#include "vmm/base/error.h"
#include "vmm/base/number.h"

#include <string.h>

struct VmdkDescriptor {
  GPtrArray *lines; /* of char *, each with its own line end */
  GHashTable *keys; /* lower-case key → value */
  GArray *extents;  /* of VmdkExtentLine */
  uint32_t cid, parent_cid;
  const char *end; /* line end of what is added */
};

typedef struct {
  const char *where;
  unsigned line;
} Place;

/* --- pieces of a line --- */

static gboolean complain (GError **error, const Place *place, const char *field, const char *format, ...)
  G_GNUC_PRINTF (4, 5);

static gboolean
complain (GError **error, const Place *place, const char *field, const char *format, ...)
{
  va_list args;
  g_autofree char *text = NULL;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID, "Disk image “%s”: its descriptor's line %u, %s: %s",
               place->where, place->line, field, text);
  return FALSE;
}

static const char *
skip_blanks (const char *p)
{
  while (*p == ' ' || *p == '\t')
    p++;
  return p;
}

/* The next word, or NULL. */
static char *
take_word (const char **p)
{
  const char *start = skip_blanks (*p), *end = start;

  while (*end != '\0' && !g_ascii_isspace (*end))
    end++;
  *p = end;
  return end > start ? g_strndup (start, end - start) : NULL;
}

/* "key = value" with or without quotes; NULL: the line is something else. */
static char *
take_key_value (const char *line, char **value)
{
  const char *equals = strchr (line, '=');
  g_autofree char *key = NULL;
  size_t length;

  line = skip_blanks (line);
  if (*line == '#' || *line == '\0' || equals == NULL || equals < line)
    return NULL;
  key = g_strchomp (g_strndup (line, equals - line));
  if (key[0] == '\0' || strpbrk (key, " \t\"") != NULL)
    return NULL;
  *value = g_strchomp (g_strdup (skip_blanks (equals + 1)));
  length = strlen (*value);
  if (length >= 2 && (*value)[0] == '"' && (*value)[length - 1] == '"')
    {
      memmove (*value, *value + 1, length - 2);
      (*value)[length - 2] = '\0';
    }
  return g_ascii_strdown (key, -1);
}

static bool
parse_access (const char *word, VmdkAccess *access)
{
  static const char *const names[] = { "RW", "RDONLY", "NOACCESS" };

  for (unsigned i = 0; i < G_N_ELEMENTS (names); i++)
    if (g_ascii_strcasecmp (word, names[i]) == 0)
      {
        *access = i;
        return true;
      }
  return false;
}

/* --- extents --- */

static gboolean
parse_kind (const char *word, VmdkExtentKind *kind, const Place *place, GError **error)
{
  if (g_ascii_strcasecmp (word, "FLAT") == 0 || g_ascii_strcasecmp (word, "VMFS") == 0)
    *kind = VMDK_FLAT; /* VMFS: the same bytes, on an ESX server's file system */
  else if (g_ascii_strcasecmp (word, "SPARSE") == 0)
    *kind = VMDK_SPARSE;
  else if (g_ascii_strcasecmp (word, "ZERO") == 0)
    *kind = VMDK_ZERO;
  else if (g_ascii_strncasecmp (word, "VMFS", 4) == 0 || g_ascii_strcasecmp (word, "SESPARSE") == 0)
    return complain (
      error, place, "extent type",
      "“%s” is an ESX server's own; export the machine there as OVF, and open the disk of that", word);
  else
    return complain (error, place, "extent type", "“%s” is not FLAT, SPARSE or ZERO; put it right", word);
  return TRUE;
}

static gboolean
parse_number (const char *word, uint64_t max, uint64_t *value, const char *field, const Place *place,
              GError **error)
{
  uint64_t number;

  if (word == NULL || !number_parse (word, 10, 0, max, &number))
    return complain (error, place, field, "“%s” is not a number from 0 to %" G_GUINT64_FORMAT,
                     word != NULL ? word : "", max);
  *value = number;
  return TRUE;
}

/* "…" with anything but a quote inside, or one plain word. */
static char *
take_name (const char **p, const Place *place, GError **error)
{
  const char *start = skip_blanks (*p), *end;
  char *name;

  if (*start != '"')
    name = take_word (p);
  else
    {
      end = strchr (start + 1, '"');
      if (end == NULL)
        {
          complain (error, place, "file name", "its closing quote is missing");
          return NULL;
        }
      name = g_strndup (start + 1, end - start - 1);
      *p = end + 1;
    }
  if (name == NULL || name[0] == '\0')
    {
      complain (error, place, "file name", "is missing");
      g_clear_pointer (&name, g_free);
    }
  return name;
}

static gboolean
parse_extent (VmdkDescriptor *descriptor, VmdkAccess access, const char *rest, const Place *place,
              GError **error)
{
  VmdkExtentLine extent = { .line = place->line, .access = access };
  g_autofree char *size = take_word (&rest), *type = NULL, *name = NULL, *offset = NULL;

  if (!parse_number (size, UINT64_C (1) << 50, &extent.sectors, "size in sectors", place, error))
    return FALSE;
  type = take_word (&rest);
  if (type == NULL)
    return complain (error, place, "extent type", "is missing");
  if (!parse_kind (type, &extent.kind, place, error))
    return FALSE;
  if (descriptor->extents->len >= VMDK_MAX_EXTENTS)
    return complain (error, place, "extent", "is more than the %u that can be opened", VMDK_MAX_EXTENTS);
  if (extent.kind != VMDK_ZERO)
    {
      name = take_name (&rest, place, error);
      if (name == NULL)
        return FALSE;
      offset = take_word (&rest);
      if (offset != NULL && extent.kind == VMDK_FLAT
          && !parse_number (offset, UINT64_C (1) << 50, &extent.offset, "offset", place, error))
        return FALSE;
    }
  extent.name = g_steal_pointer (&name);
  g_array_append_val (descriptor->extents, extent);
  return TRUE;
}

/* --- the text --- */

static gboolean
parse_line (VmdkDescriptor *descriptor, const char *line, const Place *place, GError **error)
{
  const char *rest = line;
  g_autofree char *word = take_word (&rest), *key = NULL, *value = NULL;
  VmdkAccess access;

  if (word != NULL && parse_access (word, &access) && *skip_blanks (rest) != '=')
    return parse_extent (descriptor, access, rest, place, error);
  key = take_key_value (line, &value);
  if (key != NULL && !g_hash_table_contains (descriptor->keys, key))
    g_hash_table_insert (descriptor->keys, g_steal_pointer (&key), g_steal_pointer (&value));
  return TRUE;
}

static gboolean
parse_cid (VmdkDescriptor *descriptor, const char *key, uint32_t *cid, const char *where, GError **error)
{
  const char *value = vmdk_descriptor_get (descriptor, key);
  uint64_t number;

  if (value == NULL)
    return TRUE;
  if (g_ascii_strncasecmp (value, "0x", 2) == 0)
    value += 2;
  if (!number_parse (value, 16, 0, UINT32_MAX, &number))
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                   "Disk image “%s”: its descriptor's %s “%s” is not a number of eight hexadecimal digits",
                   where, key, value);
      return FALSE;
    }
  *cid = number;
  return TRUE;
}

static gboolean
parse_fields (VmdkDescriptor *descriptor, const char *where, GError **error)
{
  const char *version = vmdk_descriptor_get (descriptor, "version");
  uint64_t number;

  if (version != NULL && !number_parse (version, 10, 1, 4, &number))
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                   "Disk image “%s”: its descriptor's version “%s” is not known here; export the disk for an "
                   "older VMware product",
                   where, version);
      return FALSE;
    }
  return parse_cid (descriptor, "CID", &descriptor->cid, where, error)
         && parse_cid (descriptor, "parentCID", &descriptor->parent_cid, where, error);
}

/* File names are in the encoding that the text declares. */
static void
recode_names (VmdkDescriptor *descriptor)
{
  const char *encoding = vmdk_descriptor_get (descriptor, "encoding");

  if (encoding == NULL || g_ascii_strcasecmp (encoding, "UTF-8") == 0)
    return;
  for (unsigned i = 0; i < descriptor->extents->len; i++)
    {
      VmdkExtentLine *extent = &g_array_index (descriptor->extents, VmdkExtentLine, i);
      char *name =
        extent->name != NULL ? g_convert (extent->name, -1, "UTF-8", encoding, NULL, NULL, NULL) : NULL;

      if (name == NULL)
        continue;
      g_free (extent->name);
      extent->name = name;
    }
}

static void
clear_extent (void *data)
{
  VmdkExtentLine *extent = data;

  g_free (extent->name);
}

VmdkDescriptor *
vmdk_descriptor_parse (const char *text, size_t length, const char *where, GError **error)
{
  g_autoptr (VmdkDescriptor) descriptor = g_new0 (VmdkDescriptor, 1);
  const char *p = text, *end = text + strnlen (text, length);
  Place place = { where, 0 };

  descriptor->lines = g_ptr_array_new_with_free_func (g_free);
  descriptor->keys = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  descriptor->extents = g_array_new (FALSE, FALSE, sizeof (VmdkExtentLine));
  g_array_set_clear_func (descriptor->extents, clear_extent);
  descriptor->parent_cid = VMDK_NO_PARENT;
  descriptor->end = memmem (text, end - text, "\r\n", 2) != NULL ? "\r\n" : "\n";
  if (end - p >= 3 && memcmp (p, "\xef\xbb\xbf", 3) == 0)
    p += 3;

  while (p < end)
    {
      const char *stop = memchr (p, '\n', end - p);
      char *line = g_strndup (p, (stop != NULL ? stop + 1 : end) - p);
      g_autofree char *bare = g_strchomp (g_strdup (line));

      g_ptr_array_add (descriptor->lines, line);
      p += strlen (line);
      place.line++;
      if (!parse_line (descriptor, bare, &place, error))
        return NULL;
    }
  if (!parse_fields (descriptor, where, error))
    return NULL;
  recode_names (descriptor);
  return g_steal_pointer (&descriptor);
}

void
vmdk_descriptor_free (VmdkDescriptor *descriptor)
{
  if (descriptor == NULL)
    return;
  g_ptr_array_unref (descriptor->lines);
  g_hash_table_unref (descriptor->keys);
  g_array_unref (descriptor->extents);
  g_free (descriptor);
}

const char *
vmdk_descriptor_get (const VmdkDescriptor *descriptor, const char *key)
{
  g_autofree char *lower = g_ascii_strdown (key, -1);

  return g_hash_table_lookup (descriptor->keys, lower);
}

uint32_t
vmdk_descriptor_cid (const VmdkDescriptor *descriptor)
{
  return descriptor->cid;
}

uint32_t
vmdk_descriptor_parent_cid (const VmdkDescriptor *descriptor)
{
  return descriptor->parent_cid;
}

const VmdkExtentLine *
vmdk_descriptor_extents (const VmdkDescriptor *descriptor, unsigned *n)
{
  *n = descriptor->extents->len;
  return (const VmdkExtentLine *)(void *)descriptor->extents->data;
}

/* --- changes --- */

static const char *
line_end (const char *line)
{
  size_t length = strlen (line);

  if (length > 1 && strcmp (line + length - 2, "\r\n") == 0)
    return "\r\n";
  return length > 0 && line[length - 1] == '\n' ? "\n" : "";
}

/* The index of the first line that sets @key; -1: none. */
static int
find_key (const VmdkDescriptor *descriptor, const char *key)
{
  for (unsigned i = 0; i < descriptor->lines->len; i++)
    {
      g_autofree char *bare = g_strchomp (g_strdup (descriptor->lines->pdata[i])), *value = NULL;
      g_autofree char *found = take_key_value (bare, &value);

      if (found != NULL && g_ascii_strcasecmp (found, key) == 0)
        return i;
    }
  return -1;
}

static void
replace_line (VmdkDescriptor *descriptor, unsigned index, char *line)
{
  g_free (descriptor->lines->pdata[index]);
  descriptor->lines->pdata[index] = line;
}

void
vmdk_descriptor_set (VmdkDescriptor *descriptor, const char *key, const char *value, bool quoted)
{
  int index = find_key (descriptor, key);
  const char *quote = quoted ? "\"" : "";

  if (index >= 0)
    {
      const char *old = descriptor->lines->pdata[index];

      replace_line (descriptor, index, g_strconcat (key, "=", quote, value, quote, line_end (old), NULL));
    }
  else
    {
      int after = MAX (find_key (descriptor, "createType"), find_key (descriptor, "parentCID"));

      after = MIN ((unsigned)(after >= 0 ? after + 1 : 1), descriptor->lines->len);
      if (after > 0 && line_end (descriptor->lines->pdata[after - 1])[0] == '\0')
        replace_line (descriptor, after - 1,
                      g_strconcat (descriptor->lines->pdata[after - 1], descriptor->end, NULL));
      g_ptr_array_insert (descriptor->lines, after,
                          g_strconcat (key, "=", quote, value, quote, descriptor->end, NULL));
      for (unsigned i = 0; i < descriptor->extents->len; i++)
        {
          VmdkExtentLine *extent = &g_array_index (descriptor->extents, VmdkExtentLine, i);

          extent->line += extent->line > (unsigned)after;
        }
    }
  g_hash_table_insert (descriptor->keys, g_ascii_strdown (key, -1), g_strdup (value));
}

void
vmdk_descriptor_remove (VmdkDescriptor *descriptor, const char *key)
{
  g_autofree char *lower = g_ascii_strdown (key, -1);
  int index;

  while ((index = find_key (descriptor, key)) >= 0)
    {
      g_ptr_array_remove_index (descriptor->lines, index);
      for (unsigned i = 0; i < descriptor->extents->len; i++)
        {
          VmdkExtentLine *extent = &g_array_index (descriptor->extents, VmdkExtentLine, i);

          extent->line -= extent->line > (unsigned)index + 1;
        }
    }
  g_hash_table_remove (descriptor->keys, lower);
}

void
vmdk_descriptor_set_cid (VmdkDescriptor *descriptor, const char *key, uint32_t cid)
{
  char value[16];

  g_snprintf (value, sizeof value, "%08x", cid);
  vmdk_descriptor_set (descriptor, key, value, false);
  if (g_ascii_strcasecmp (key, "CID") == 0)
    descriptor->cid = cid;
  else
    descriptor->parent_cid = cid;
}

void
vmdk_descriptor_set_sectors (VmdkDescriptor *descriptor, unsigned extent, uint64_t sectors)
{
  VmdkExtentLine *line = &g_array_index (descriptor->extents, VmdkExtentLine, extent);
  const char *old = descriptor->lines->pdata[line->line - 1], *rest = old;
  g_autofree char *access = take_word (&rest);

  g_free (take_word (&rest)); /* the old size */
  replace_line (descriptor, line->line - 1,
                g_strdup_printf ("%s %" G_GUINT64_FORMAT "%s", access, sectors, rest));
  line->sectors = sectors;
}

char *
vmdk_descriptor_text (const VmdkDescriptor *descriptor)
{
  GString *text = g_string_new (NULL);

  for (unsigned i = 0; i < descriptor->lines->len; i++)
    g_string_append (text, descriptor->lines->pdata[i]);
  return g_string_free (text, FALSE);
}

/* "# Disk DescriptorFile" in any case, after blank lines and other comments. */
bool
vmdk_descriptor_probe (const char *text, size_t length)
{
  g_autofree char *head = g_strndup (text, length);
  g_auto (GStrv) lines = NULL;
  const char *p = g_str_has_prefix (head, "\xef\xbb\xbf") ? head + 3 : head;

  if (*skip_blanks (p) != '#' && !g_ascii_isspace (*p))
    return false;
  lines = g_strsplit (p, "\n", -1);
  for (unsigned i = 0; lines[i] != NULL; i++)
    {
      const char *line = g_strstrip (lines[i]);

      if (line[0] == '\0')
        continue;
      if (line[0] != '#')
        return false;
      line = skip_blanks (line + 1);
      if (g_ascii_strncasecmp (line, "Disk DescriptorFile", 19) == 0)
        return true;
    }
  return false;
}

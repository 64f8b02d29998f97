/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/windows-path.h"

#include "vmm/base/bytes.h"

char *
windows_text (const uint8_t *data, size_t size, bool big_endian)
{
  size_t n = size / 2, zero_first = 0, zero_second = 0, length = 0;
  g_autofree gunichar2 *text = g_new (gunichar2, n + 1);

  if (n > 0 && (load_be16 (data) == 0xfeff || load_be16 (data) == 0xfffe))
    {
      big_endian = load_be16 (data) == 0xfeff;
      data += 2;
      n--;
    }
  for (size_t i = 0; i < n; i++)
    {
      zero_first += data[2 * i] == 0 && data[2 * i + 1] != 0;
      zero_second += data[2 * i] != 0 && data[2 * i + 1] == 0;
    }
  if (zero_first != zero_second)
    big_endian = zero_first > zero_second;
  for (; length < n; length++)
    {
      text[length] = big_endian ? load_be16 (data + 2 * length) : load_le16 (data + 2 * length);
      if (text[length] == 0)
        break;
    }
  return g_utf16_to_utf8 (text, length, NULL, NULL, NULL);
}

char *
windows_path_here (const char *path)
{
  g_autofree char *text = g_strdup (path);
  const char *at = g_strdelimit (text, "\\", '/');

  if (g_ascii_isalpha (at[0]) && at[1] == ':')
    at = strrchr (at, '/') != NULL ? strrchr (at, '/') + 1 : at + 2;
  else if (g_str_has_prefix (at, "//") || strstr (at, "://") != NULL)
    at = strrchr (at, '/') + 1;
  while (g_str_has_prefix (at, "./"))
    at += 2;
  return *at != 0 && g_utf8_validate (at, -1, NULL) ? g_strdup (at) : NULL;
}

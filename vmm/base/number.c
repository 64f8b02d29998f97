/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/base/number.h"

bool
number_parse (const char *text, unsigned base, uint64_t low, uint64_t high, uint64_t *number)
{
  uint64_t value = 0;

  if (*text == '\0')
    return false;
  for (; *text != '\0'; text++)
    {
      int digit = g_ascii_xdigit_value (*text);

      if (digit < 0 || (unsigned)digit >= base || (unsigned)digit > high
          || value > (high - (unsigned)digit) / base)
        return false;
      value = value * base + (unsigned)digit;
    }
  if (value < low)
    return false;
  *number = value;
  return true;
}

bool
number_parse_signed (const char *text, int64_t low, int64_t high, int64_t *number)
{
  bool negative = *text == '-';
  uint64_t size;
  int64_t value;

  if (!number_parse (text + negative, 10, 0, negative ? UINT64_C (1) << 63 : INT64_MAX, &size))
    return false;
  value = negative ? (int64_t)(0 - size) : (int64_t)size;
  if (value < low || value > high)
    return false;
  *number = value;
  return true;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/input/input.h"

/* HID Usage Tables 1.4, section 10 "Keyboard/Keypad Page (0x07)". */
static const char *const key_names[256] = {
  [0x04] = "a", [0x05] = "b", [0x06] = "c", [0x07] = "d", [0x08] = "e", [0x09] = "f", [0x0a] = "g",
  [0x0b] = "h", [0x0c] = "i", [0x0d] = "j", [0x0e] = "k", [0x0f] = "l", [0x10] = "m", [0x11] = "n",
  [0x12] = "o", [0x13] = "p", [0x14] = "q", [0x15] = "r", [0x16] = "s", [0x17] = "t", [0x18] = "u",
  [0x19] = "v", [0x1a] = "w", [0x1b] = "x", [0x1c] = "y", [0x1d] = "z",
  [0x1e] = "1", [0x1f] = "2", [0x20] = "3", [0x21] = "4", [0x22] = "5", [0x23] = "6", [0x24] = "7",
  [0x25] = "8", [0x26] = "9", [0x27] = "0",
  [0x28] = "ret", [0x29] = "esc", [0x2a] = "backspace", [0x2b] = "tab", [0x2c] = "spc",
  [0x2d] = "minus", [0x2e] = "equal", [0x2f] = "bracket-left", [0x30] = "bracket-right",
  [0x31] = "backslash", [0x32] = "nonus-hash", [0x33] = "semicolon", [0x34] = "apostrophe",
  [0x35] = "grave", [0x36] = "comma", [0x37] = "dot", [0x38] = "slash", [0x39] = "caps-lock",
  [0x3a] = "f1", [0x3b] = "f2", [0x3c] = "f3", [0x3d] = "f4", [0x3e] = "f5", [0x3f] = "f6",
  [0x40] = "f7", [0x41] = "f8", [0x42] = "f9", [0x43] = "f10", [0x44] = "f11", [0x45] = "f12",
  [0x46] = "print", [0x47] = "scroll-lock", [0x48] = "pause", [0x49] = "insert", [0x4a] = "home",
  [0x4b] = "pgup", [0x4c] = "delete", [0x4d] = "end", [0x4e] = "pgdn",
  [0x4f] = "right", [0x50] = "left", [0x51] = "down", [0x52] = "up",
  [0x53] = "num-lock", [0x54] = "kp-divide", [0x55] = "kp-multiply", [0x56] = "kp-subtract",
  [0x57] = "kp-add", [0x58] = "kp-enter", [0x59] = "kp-1", [0x5a] = "kp-2", [0x5b] = "kp-3",
  [0x5c] = "kp-4", [0x5d] = "kp-5", [0x5e] = "kp-6", [0x5f] = "kp-7", [0x60] = "kp-8", [0x61] = "kp-9",
  [0x62] = "kp-0", [0x63] = "kp-decimal", [0x64] = "less", [0x65] = "menu", [0x66] = "power",
  [0x67] = "kp-equals",
  [0x68] = "f13", [0x69] = "f14", [0x6a] = "f15", [0x6b] = "f16", [0x6c] = "f17", [0x6d] = "f18",
  [0x6e] = "f19", [0x6f] = "f20", [0x70] = "f21", [0x71] = "f22", [0x72] = "f23", [0x73] = "f24",
  [0x74] = "open", [0x75] = "help", [0x76] = "props", [0x77] = "select", [0x78] = "stop", [0x79] = "again",
  [0x7a] = "undo", [0x7b] = "cut", [0x7c] = "copy", [0x7d] = "paste", [0x7e] = "find", [0x7f] = "mute",
  [0x80] = "volume-up", [0x81] = "volume-down", [0x85] = "kp-comma",
  [0x87] = "ro", [0x88] = "katakana-hiragana", [0x89] = "yen", [0x8a] = "henkan", [0x8b] = "muhenkan",
  [0x8c] = "kp-jp-comma",
  [0x90] = "hangul", [0x91] = "hanja", [0x92] = "katakana", [0x93] = "hiragana", [0x94] = "zenkaku-hankaku",
  [0x9a] = "sysrq",
  [0xe0] = "ctrl", [0xe1] = "shift", [0xe2] = "alt", [0xe3] = "super",
  [0xe4] = "ctrl-r", [0xe5] = "shift-r", [0xe6] = "alt-r", [0xe7] = "super-r",
};

static const struct {
  const char *name;
  KeyUsage usage;
} aliases[] = {
  { "enter", 0x28 }, { "return", 0x28 }, { "escape", 0x29 }, { "bksp", 0x2a }, { "space", 0x2c },
  { "-", 0x2d }, { "=", 0x2e }, { "equals", 0x2e }, { "[", 0x2f }, { "]", 0x30 }, { "\\", 0x31 },
  { ";", 0x33 }, { "'", 0x34 }, { "quote", 0x34 }, { "`", 0x35 }, { "grave-accent", 0x35 }, { ",", 0x36 },
  { ".", 0x37 }, { "period", 0x37 }, { "/", 0x38 }, { "caps", 0x39 }, { "capslock", 0x39 },
  { "print-screen", 0x46 }, { "prtsc", 0x46 }, { "scroll", 0x47 }, { "scrolllock", 0x47 },
  { "break", 0x48 }, { "ins", 0x49 }, { "page-up", 0x4b }, { "pageup", 0x4b }, { "prior", 0x4b },
  { "del", 0x4c }, { "page-down", 0x4e }, { "pagedown", 0x4e }, { "next", 0x4e },
  { "num", 0x53 }, { "numlock", 0x53 }, { "kp-slash", 0x54 }, { "kp-asterisk", 0x55 }, { "kp-minus", 0x56 },
  { "kp-plus", 0x57 }, { "asterisk", 0x55 }, { "kp-dot", 0x63 }, { "102nd", 0x64 }, { "nonus-backslash", 0x64 },
  { "application", 0x65 }, { "compose", 0x65 }, { "volumeup", 0x80 }, { "volumedown", 0x81 },
  { "control", 0xe0 }, { "ctrl-l", 0xe0 }, { "control-l", 0xe0 }, { "shift-l", 0xe1 }, { "alt-l", 0xe2 },
  { "meta", 0xe3 }, { "meta-l", 0xe3 }, { "super-l", 0xe3 }, { "win", 0xe3 }, { "windows", 0xe3 },
  { "gui", 0xe3 }, { "control-r", 0xe4 }, { "altgr", 0xe6 }, { "meta-r", 0xe7 }, { "win-r", 0xe7 },
};

/* What a US keyboard types, without and with Shift, from usage 0x04 to 0x38. */
static const char us_plain[] = "abcdefghijklmnopqrstuvwxyz1234567890\n\033\b\t -=[]\\\0;'`,./";
static const char us_shifted[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ!@#$%^&*()\0\0\0\0\0_+{}|\0:\"~<>?";

G_STATIC_ASSERT (sizeof us_plain == 0x38 - 0x04 + 2);
G_STATIC_ASSERT (sizeof us_shifted == sizeof us_plain);

KeyUsage
key_usage_from_name (const char *name)
{
  g_autofree char *wanted = g_ascii_strdown (name, -1);

  if (strlen (wanted) > 1)
    g_strdelimit (wanted, "_", '-');
  for (unsigned usage = 0; usage < G_N_ELEMENTS (key_names); usage++)
    if (g_strcmp0 (key_names[usage], wanted) == 0)
      return (KeyUsage) usage;
  for (unsigned i = 0; i < G_N_ELEMENTS (aliases); i++)
    if (strcmp (aliases[i].name, wanted) == 0)
      return aliases[i].usage;
  return 0;
}

const char *
key_usage_name (KeyUsage usage)
{
  return key_names[usage];
}

bool
key_usage_for_char (gunichar character, KeyUsage *usage, bool *shift)
{
  if (character == 0 || character > 0x7f)
    return false;
  if (character == '\r')
    character = '\n';
  if (character == 0x7f)
    character = '\b';

  for (unsigned i = 0; i < sizeof us_plain - 1; i++)
    if (us_plain[i] == (char) character || us_shifted[i] == (char) character)
      {
        *usage = (KeyUsage) (0x04 + i);
        *shift = us_plain[i] != (char) character;
        return true;
      }
  return false;
}

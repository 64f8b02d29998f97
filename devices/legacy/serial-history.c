/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/legacy/serial-cable-private.h"

#include <sys/socket.h>

#define ESCAPE 0x1b

void
serial_history_add (SerialCable *cable, const uint8_t *bytes, size_t size)
{
  if (cable->config.kind != CABLE_CONSOLE)
    return;
  if (!cable->history)
    cable->history = g_malloc (CABLE_HISTORY);
  for (size_t i = 0; i < size; i++)
    cable->history[cable->written++ % CABLE_HISTORY] = bytes[i];
}

/* ECMA-48, section 5.4: the length of the control sequence at @text, or 0 if none begins there. */
static size_t
sequence_length (const uint8_t *text, size_t size)
{
  size_t i = 2;

  if (size < 3 || text[0] != ESCAPE || text[1] != '[')
    return 0;
  while (i < size && text[i] >= 0x20 && text[i] <= 0x3f)
    i++;
  return i < size && text[i] >= 0x40 && text[i] <= 0x7e ? i + 1 : 0;
}

/* DSR (8.3.35) and DA (8.3.24) make the terminal type an answer. */
static bool
is_question (const uint8_t *sequence, size_t length)
{
  return length > 0 && (sequence[length - 1] == 'n' || sequence[length - 1] == 'c');
}

void
serial_history_replay (SerialCable *cable, int fd)
{
  size_t size = MIN (cable->written, CABLE_HISTORY);
  g_autofree uint8_t *text = g_malloc (size + 1);
  size_t from = 0, to = 0;

  for (size_t i = 0; i < size; i++)
    text[i] = cable->history[(cable->written - size + i) % CABLE_HISTORY];
  /* What is left of a line, or of a sequence, whose beginning is forgotten. */
  while (cable->written > size && from < size && text[from] != '\n')
    from++;
  while (from < size)
    {
      size_t length = sequence_length (text + from, size - from);

      if (is_question (text + from, length))
        from += length;
      else
        text[to++] = text[from++];
    }
  if (to > 0 && send (fd, text, to, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
    TRACE (cable->device, "cable", "the history did not fit");
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/base/trace.h"

#include "vmm/base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_LENGTH 1024

typedef struct {
  GPatternSpec *source;
  GPatternSpec *event; /* NULL: every event */
} TracePattern;

struct Tracer {
  TracePattern *patterns;
  unsigned n_patterns;
  int fd;
  bool owns_fd;
  gint64 start; /* g_get_monotonic_time () */
};

static void
parse_patterns (Tracer *tracer, const char *patterns)
{
  g_auto (GStrv) words = g_strsplit (patterns, ",", -1);
  unsigned n_words = g_strv_length (words);

  tracer->patterns = g_new0 (TracePattern, n_words);
  for (unsigned i = 0; i < n_words; i++)
    {
      char *word = g_strstrip (words[i]);
      char *colon = strchr (word, ':');
      TracePattern *pattern = &tracer->patterns[tracer->n_patterns];

      if (*word == '\0')
        continue;
      if (colon)
        {
          *colon = '\0';
          pattern->event = g_pattern_spec_new (colon + 1);
        }
      pattern->source = g_pattern_spec_new (word);
      tracer->n_patterns++;
    }
}

Tracer *
tracer_new (const char *patterns, const char *path, GError **error)
{
  g_autoptr (Tracer) tracer = g_new0 (Tracer, 1);

  tracer->fd = STDERR_FILENO;
  tracer->start = g_get_monotonic_time ();
  if (path)
    {
      tracer->fd = open (path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
      if (tracer->fd < 0)
        {
          int saved_errno = errno;

          vmm_set_errno_error (error, saved_errno,
                               "Can't open the trace file “%s”; name a file in a folder you may write to",
                               path);
          return NULL;
        }
      tracer->owns_fd = true;
    }
  if (patterns)
    parse_patterns (tracer, patterns);
  return g_steal_pointer (&tracer);
}

void
tracer_free (Tracer *tracer)
{
  for (unsigned i = 0; i < tracer->n_patterns; i++)
    {
      g_pattern_spec_free (tracer->patterns[i].source);
      g_clear_pointer (&tracer->patterns[i].event, g_pattern_spec_free);
    }
  if (tracer->owns_fd)
    close (tracer->fd);
  g_free (tracer->patterns);
  g_free (tracer);
}

static bool
matches (GPatternSpec *pattern, const char *text)
{
  return g_pattern_spec_match_string (pattern, text);
}

bool
tracer_wants (const Tracer *tracer, const char *source)
{
  if (!tracer)
    return false;
  for (unsigned i = 0; i < tracer->n_patterns; i++)
    if (matches (tracer->patterns[i].source, source))
      return true;
  return false;
}

static bool
wants_event (const Tracer *tracer, const char *source, const char *event)
{
  for (unsigned i = 0; i < tracer->n_patterns; i++)
    {
      const TracePattern *pattern = &tracer->patterns[i];

      if (matches (pattern->source, source) && (!pattern->event || matches (pattern->event, event)))
        return true;
    }
  return false;
}

void
tracer_emit (Tracer *tracer, const char *source, const char *event, const char *format, ...)
{
  char line[LINE_MAX_LENGTH];
  double seconds;
  int length, text_length;
  va_list args;

  if (!tracer || !wants_event (tracer, source, event))
    return;

  seconds = (double)(g_get_monotonic_time () - tracer->start) / G_USEC_PER_SEC;
  length = g_snprintf (line, sizeof line, "%.6f %s:%s ", seconds, source, event);
  length = MIN (length, (int)sizeof line - 2);
  va_start (args, format);
  text_length = g_vsnprintf (line + length, sizeof line - 1 - (size_t)length, format, args);
  va_end (args);

  /* Guests choose some of the text: it must stay one line. */
  text_length = CLAMP (text_length, 0, (int)sizeof line - 2 - length);
  for (int i = 0; i < text_length; i++)
    if (g_ascii_iscntrl (line[length + i]))
      line[length + i] = '?';
  line[length + text_length] = '\n';

  /* One write per line keeps lines of several threads apart; a full disk loses traces, no more. */
  if (write (tracer->fd, line, (size_t)(length + text_length + 1)) < 0)
    return;
}

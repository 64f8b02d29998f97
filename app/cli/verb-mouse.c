/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/cli.h"

#include "vmm/base/number.h"

#include <string.h>

#define CLICK_MS 60

static const char *const buttons[] = { "left", "right", "middle", "side", "extra", NULL };

typedef struct {
  const char *name;
  int n_arguments; /* the rest is optional */
  int n_optional;
  bool (*run) (BonsaiSession *session, char **arguments);
} Action;

static bool
parse_int (const char *text, gint64 min, gint64 max, int *value)
{
  int64_t number;

  if (!number_parse_signed (text, min, max, &number))
    {
      g_printerr ("bonsai mouse: “%s” is not a number from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT "\n",
                  text, min, max);
      return false;
    }
  *value = (int)number;
  return true;
}

static bool
move (BonsaiSession *session, char **arguments)
{
  BonsaiInput input = { .kind = BONSAI_INPUT_MOTION };

  if (!parse_int (arguments[0], -32767, 32767, &input.x)
      || !parse_int (arguments[1], -32767, 32767, &input.y))
    return false;
  bonsai_session_input (session, &input);
  return true;
}

static bool
position (BonsaiSession *session, char **arguments)
{
  BonsaiInput input = { .kind = BONSAI_INPUT_POSITION };

  if (!parse_int (arguments[0], 0, 32767, &input.x) || !parse_int (arguments[1], 0, 32767, &input.y))
    return false;
  bonsai_session_input (session, &input);
  return true;
}

static bool
wheel (BonsaiSession *session, char **arguments)
{
  BonsaiInput input = { .kind = BONSAI_INPUT_WHEEL };

  if (!parse_int (arguments[0], -100, 100, &input.y)
      || (arguments[1] != NULL && !parse_int (arguments[1], -100, 100, &input.x)))
    return false;
  bonsai_session_input (session, &input);
  return true;
}

static bool
click (BonsaiSession *session, char **arguments)
{
  BonsaiInput input = { .kind = BONSAI_INPUT_BUTTON, .down = true };

  if (arguments[0] != NULL)
    {
      while (buttons[input.code] != NULL && !g_str_equal (buttons[input.code], arguments[0]))
        input.code++;
      if (buttons[input.code] == NULL)
        {
          g_printerr ("bonsai mouse: a button is left, right, middle, side or extra, not “%s”\n",
                      arguments[0]);
          return false;
        }
    }
  bonsai_session_input (session, &input);
  cli_pace (CLICK_MS);
  input.down = false;
  bonsai_session_input (session, &input);
  return true;
}

static const Action actions[] = {
  { "move", 2, 0, move },
  { "position", 2, 0, position },
  { "click", 0, 1, click },
  { "wheel", 1, 1, wheel },
};

static const Action *
find_action (const char *name, int n_arguments)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (actions); i++)
    if (g_str_equal (actions[i].name, name) && n_arguments >= actions[i].n_arguments
        && n_arguments <= actions[i].n_arguments + actions[i].n_optional)
      return &actions[i];
  return NULL;
}

static int
run_mouse (const Verb *verb, int argc, char **argv)
{
  g_autoptr (BonsaiSession) session = NULL;
  GError *error = NULL;
  const Action *action;
  int status;

  if (!cli_parse (verb, NULL, &argc, &argv, 2, -1, &status))
    return status;
  action = find_action (argv[2], argc - 3);
  if (action == NULL)
    return cli_usage (verb, "that is no action");
  session = cli_find_session (argv[1], &error);
  if (session == NULL)
    return cli_fail (error);
  if (!action->run (session, argv + 3))
    return EXIT_STATUS_USAGE;
  return cli_finish_input (session);
}

const Verb verb_mouse = { "mouse", "NAME move DX DY | position X Y | click [BUTTON] | wheel N [RIGHT]",
                          "Move and click a machine's mouse", run_mouse };

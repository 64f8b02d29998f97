/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/os/os-express.h"

#include <string.h>

static void
wipe (char *text)
{
  if (text != NULL)
    explicit_bzero (text, strlen (text));
  g_free (text);
}

void
os_express_free (OsExpress *express)
{
  g_free (express->profile);
  g_free (express->user);
  g_free (express->real_name);
  wipe (express->password);
  g_free (express->language);
  g_free (express->keyboard);
  g_free (express->timezone);
  g_free (express->hostname);
  g_free (express->product_key);
  g_free (express->mirror);
  g_free (express);
}

OsExpress *
os_express_copy (const OsExpress *express)
{
  OsExpress *copy = g_new (OsExpress, 1);

  *copy = (OsExpress){
    .profile = g_strdup (express->profile),
    .user = g_strdup (express->user),
    .real_name = g_strdup (express->real_name),
    .password = g_strdup (express->password),
    .language = g_strdup (express->language),
    .keyboard = g_strdup (express->keyboard),
    .timezone = g_strdup (express->timezone),
    .hostname = g_strdup (express->hostname),
    .product_key = g_strdup (express->product_key),
    .mirror = g_strdup (express->mirror),
    .autologin = express->autologin,
  };
  return copy;
}

static void
answer_file_free (gpointer data)
{
  OsAnswerFile *file = data;

  g_free (file->name);
  wipe (file->content);
  g_free (file);
}

OsAnswers *
os_answers_new (void)
{
  OsAnswers *answers = g_new0 (OsAnswers, 1);

  answers->files = g_ptr_array_new_with_free_func (answer_file_free);
  return answers;
}

void
os_answers_add (OsAnswers *answers, const char *name, const char *content)
{
  OsAnswerFile *file = g_new (OsAnswerFile, 1);

  *file = (OsAnswerFile){ g_strdup (name), g_strdup (content) };
  g_ptr_array_add (answers->files, file);
}

void
os_answers_free (OsAnswers *answers)
{
  g_free (answers->kernel);
  g_free (answers->initrd);
  g_free (answers->append);
  g_ptr_array_unref (answers->files);
  g_free (answers);
}

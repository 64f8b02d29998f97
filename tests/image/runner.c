/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/image/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_FAILURES     5u
#define LONGEST_RUN      120 /* seconds */
#define MOST_MEMORY      (UINT64_C (1) << 30)
#define MAX_JOBS         16u
#define SHARED_MEMORY    "/dev/shm"
#define OUTPUT_LINES_MAX 120u

static int runs_option = -1, jobs_option = 1;
static gint64 seed_option = -1, first_option = 1;
static char *case_option;

static const GOptionEntry entries[] = {
  { "runs", 0, 0, G_OPTION_ARG_INT, &runs_option, "how many of each case", "N" },
  { "jobs", 0, 0, G_OPTION_ARG_INT, &jobs_option, "how many at a time", "N" },
  { "case", 0, 0, G_OPTION_ARG_STRING, &case_option, "only this one", "NAME" },
  { "seed", 0, 0, G_OPTION_ARG_INT64, &seed_option, "one run, here; its files are kept", "SEED" },
  { "first", 0, 0, G_OPTION_ARG_INT64, &first_option, "the first run's seed", "SEED" },
  G_OPTION_ENTRY_NULL,
};

/* --- one run --- */

void
run_log (Run *run, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_string_append_vprintf (run->journal, format, args);
  va_end (args);
  g_string_append_c (run->journal, '\n');
  if (seed_option >= 0)
    {
      const char *line = run->journal->str;

      fputs (line, stderr);
      g_string_truncate (run->journal, 0);
    }
}

void
run_fail (Run *run, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  fprintf (stderr, "%sFAILED: %s\n", run->journal->str, text);
  fflush (NULL);
  _exit (1);
}

uint64_t
run_between (Run *run, uint64_t low, uint64_t high)
{
  uint64_t random = (uint64_t)g_rand_int (run->rand) << 32 | g_rand_int (run->rand);

  return high - low == UINT64_MAX ? random : low + random % (high - low + 1);
}

uint64_t
run_scale (Run *run, unsigned bits)
{
  return run_between (run, 1, UINT64_C (1) << run_between (run, 0, bits));
}

bool
run_once_in (Run *run, unsigned n)
{
  return run_between (run, 1, n) == 1;
}

static void
remove_tree (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      if (g_file_test (child, G_FILE_TEST_IS_DIR) && !g_file_test (child, G_FILE_TEST_IS_SYMLINK))
        remove_tree (child);
      else
        g_unlink (child);
    }
  g_rmdir (path);
}

static char *
folder_new (const char *name, uint32_t seed)
{
  g_autofree char *template =
    g_strdup_printf ("%s/bonsai-%s-%u-XXXXXX",
                     g_access (SHARED_MEMORY, W_OK) == 0 ? SHARED_MEMORY : g_get_tmp_dir (), name, seed);

  if (g_mkdtemp (template) == NULL)
    g_error ("%s: %s", template, g_strerror (errno));
  return g_steal_pointer (&template);
}

static void
play (const RunCase *the_case, uint32_t seed, char *folder)
{
  Run run = {
    .seed = seed, .rand = g_rand_new_with_seed (seed), .folder = folder, .journal = g_string_new (NULL)
  };

  the_case->run (&run, the_case->data);
  g_rand_free (run.rand);
  g_string_free (run.journal, TRUE);
}

/* --- many --- */

typedef struct {
  pid_t pid;
  uint32_t seed;
  char *folder, *output;
} Job;

/* What asks for more is wrong; the sanitizers' own shadow is exempt. */
static void
limit_memory (void)
{
#ifndef __SANITIZE_ADDRESS__
#ifndef __SANITIZE_THREAD__
  const struct rlimit limit = { MOST_MEMORY, MOST_MEMORY };

  if (setrlimit (RLIMIT_DATA, &limit) < 0)
    g_error ("setrlimit: %s", g_strerror (errno));
#endif
#endif
}

static void
job_start (Job *job, const RunCase *the_case, uint32_t seed)
{
  job->seed = seed;
  job->folder = folder_new (the_case->name, seed);
  job->output = g_strconcat (job->folder, ".log", NULL);
  fflush (NULL);
  job->pid = fork ();
  if (job->pid < 0)
    g_error ("fork: %s", g_strerror (errno));
  if (job->pid == 0)
    {
      int fd = open (job->output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

      if (fd < 0 || dup2 (fd, STDERR_FILENO) < 0 || dup2 (fd, STDOUT_FILENO) < 0)
        _exit (3);
      alarm (LONGEST_RUN);
      limit_memory ();
      play (the_case, seed, job->folder);
      exit (0); /* with the leak sanitizer's word, where there is one */
    }
}

static void
print_tail (const char *path)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;
  unsigned n;

  fflush (stdout);
  if (!g_file_get_contents (path, &text, NULL, NULL))
    return;
  lines = g_strsplit (text, "\n", -1);
  n = g_strv_length (lines);
  for (unsigned i = n > OUTPUT_LINES_MAX ? n - OUTPUT_LINES_MAX : 0; i < n; i++)
    printf ("#   %s\n", lines[i]);
}

/* Waits for one that ends. Returns whether it went well. */
static bool
job_end (Job *jobs, unsigned n_jobs, const RunCase *the_case)
{
  int status;
  pid_t pid = wait (&status);
  Job *job = jobs;

  while (job < jobs + n_jobs && job->pid != pid)
    job++;
  if (job == jobs + n_jobs)
    g_error ("no run has the process id %d", (int)pid);
  if (status != 0)
    {
      if (WIFSIGNALED (status))
        printf ("# %s, seed %u: %s\n", the_case->name, job->seed,
                WTERMSIG (status) == SIGALRM ? "took too long" : strsignal (WTERMSIG (status)));
      else
        printf ("# %s, seed %u: failed\n", the_case->name, job->seed);
      print_tail (job->output);
      printf ("# again: %s --case %s --seed %u\n", g_get_prgname (), the_case->name, job->seed);
    }
  remove_tree (job->folder);
  g_unlink (job->output);
  g_clear_pointer (&job->folder, g_free);
  g_clear_pointer (&job->output, g_free);
  job->pid = 0;
  return status == 0;
}

static unsigned
play_case (const RunCase *the_case, unsigned runs, unsigned *failures)
{
  Job jobs[MAX_JOBS] = { 0 };
  unsigned n_jobs = CLAMP (jobs_option, 1, (int)MAX_JOBS), running = 0, done = 0, started = 0;

  *failures = 0;
  while (running > 0 || (started < runs && *failures < MAX_FAILURES))
    {
      for (unsigned i = 0; i < n_jobs && started < runs && *failures < MAX_FAILURES; i++)
        if (jobs[i].pid == 0)
          {
            job_start (&jobs[i], the_case, (uint32_t)(first_option + started++));
            running++;
          }
      *failures += !job_end (jobs, n_jobs, the_case);
      running--;
      done++;
    }
  return done;
}

static int
play_one (const RunCase *the_case)
{
  char *folder = folder_new (the_case->name, (uint32_t)seed_option);

  fprintf (stderr, "%s, seed %u, in %s\n", the_case->name, (unsigned)seed_option, folder);
  play (the_case, (uint32_t)seed_option, folder);
  fprintf (stderr, "went well\n");
  remove_tree (folder);
  g_free (folder);
  return 0;
}

int
runner_main (int argc, char **argv, const RunCase *cases, unsigned n_cases)
{
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;
  unsigned number = 0, failed = 0, n = 0;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    {
      g_printerr ("%s\n", error->message);
      return 2;
    }
  for (unsigned i = 0; i < n_cases; i++)
    n += case_option == NULL || g_str_equal (case_option, cases[i].name);
  if (n == 0 || (seed_option >= 0 && n != 1))
    {
      g_printerr ("No case is called that way; there are:\n");
      for (unsigned i = 0; i < n_cases; i++)
        g_printerr ("  %s\n", cases[i].name);
      return 2;
    }

  if (seed_option < 0)
    printf ("1..%u\n", n);
  for (unsigned i = 0; i < n_cases; i++)
    {
      gint64 start = g_get_monotonic_time ();
      unsigned failures, done;

      if (case_option != NULL && !g_str_equal (case_option, cases[i].name))
        continue;
      if (seed_option >= 0)
        return play_one (&cases[i]);
      done = play_case (&cases[i], runs_option >= 0 ? (unsigned)runs_option : cases[i].runs, &failures);
      failed += failures > 0;
      printf ("%s %u - %s: %u runs, %u failed, %.1f s\n", failures > 0 ? "not ok" : "ok", ++number,
              cases[i].name, done, failures, (g_get_monotonic_time () - start) / 1e6);
      fflush (stdout);
    }
  return failed > 0;
}

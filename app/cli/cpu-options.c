/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/cpu-options.h"

#include "app/base/error.h"
#include "vmm/base/number.h"
#include "vmm/kvm/cpu-model.h"

void
cpu_options_clear (CpuOptions *options)
{
  g_free (options->model);
  g_free (options->topology);
}

static bool
parse_topology (const char *text, CpuTopology *topology, GError **error)
{
  unsigned *const members[] = { &topology->sockets, &topology->cores, &topology->threads };
  g_auto (GStrv) words = g_strsplit (text, ",", -1);

  for (unsigned i = 0; i < G_N_ELEMENTS (members); i++)
    {
      uint64_t value;

      if (g_strv_length (words) != G_N_ELEMENTS (members) || !number_parse (words[i], 10, 1, 255, &value))
        {
          g_set_error (
            error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
            "--topology: “%s” must be three numbers from 1 to 255: sockets, cores of a socket, threads of a "
            "core, such as 1,2,2",
            text);
          return false;
        }
      *members[i] = value;
    }
  return true;
}

static bool
apply (const CpuOptions *options, unsigned *n_cpus, char **model, CpuTopology *topology, GError **error)
{
  if (options->model != NULL)
    {
      if (!cpu_model_exists (options->model))
        {
          g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
                       "--cpu: there is no processor model “%s”; “bonsai host --cpus” lists them",
                       options->model);
          return false;
        }
      vm_config_set (model, options->model);
    }
  if (options->topology != NULL)
    {
      if (!parse_topology (options->topology, topology, error))
        return false;
      *n_cpus = cpu_topology_count (topology);
    }
  if (options->cpus != 0)
    *n_cpus = options->cpus;
  if (options->topology != NULL && !cpu_topology_check (topology, *n_cpus, error))
    {
      g_prefix_error (error, "--topology: ");
      return false;
    }
  return true;
}

bool
cpu_options_apply_to_config (const CpuOptions *options, VmConfig *config, GError **error)
{
  return apply (options, &config->cpus, &config->cpu_model, &config->topology, error);
}

bool
cpu_options_apply_to_spec (const CpuOptions *options, MachineSpec *spec, GError **error)
{
  return apply (options, &spec->n_cpus, &spec->cpu_model, &spec->topology, error);
}

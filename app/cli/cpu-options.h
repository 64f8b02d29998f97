/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/vm-config.h"

G_BEGIN_DECLS

/* The options on processors that create and run share. All zero: none was given. */
typedef struct {
  int cpus;
  char *model, *topology;
} CpuOptions;

#define CPU_OPTION_ENTRIES(options)                                                                          \
  { "cpus", 'c', 0, G_OPTION_ARG_INT, &(options)->cpus, "Virtual processors (1)", "N" },                     \
    { "cpu",                                                                                                 \
      0,                                                                                                     \
      0,                                                                                                     \
      G_OPTION_ARG_STRING,                                                                                   \
      &(options)->model,                                                                                     \
      "Processor model; “bonsai host --cpus” lists them (host)",                                             \
      "MODEL" },                                                                                             \
  {                                                                                                          \
    "topology", 0, 0, G_OPTION_ARG_STRING, &(options)->topology,                                             \
      "Sockets, cores of each, threads of each (1,N,1)", "S,C,T"                                             \
  }

void cpu_options_clear (CpuOptions *options);

/* Change what options were given for; a topology alone also says how many there are. The error names the
 * option. */
bool cpu_options_apply_to_config (const CpuOptions *options, VmConfig *config, GError **error);
bool cpu_options_apply_to_spec (const CpuOptions *options, MachineSpec *spec, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CpuOptions, cpu_options_clear)

G_END_DECLS

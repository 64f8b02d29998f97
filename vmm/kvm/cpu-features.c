/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/kvm/cpu-features.h"

#include "vmm/kvm/cpuid-entry.h"

typedef struct {
  uint32_t function, index;
  CpuidRegister reg;
  const char *names[32];
} Word;

static const Word words[N_CPU_WORDS] = {
  [CPU_WORD_1_EDX] = { 1, 0, CPUID_EDX, { "fpu",     "vme",        "de",   "pse",  "tsc",        "msr",
                                          "pae",     "mce",        "cx8",  "apic", [11] = "sep", "mtrr",
                                          "pge",     "mca",        "cmov", "pat",  "pse36",      "pn",
                                          "clflush", [21] = "dts", "acpi", "mmx",  "fxsr",       "sse",
                                          "sse2",    "ss",         "ht",   "tm",   "ia64",       "pbe" } },
  [CPU_WORD_1_ECX] = { 1,
                       0,
                       CPUID_ECX,
                       { "pni",       "pclmulqdq", "dtes64",  "monitor", "ds_cpl",      "vmx",
                         "smx",       "est",       "tm2",     "ssse3",   "cid",         "sdbg",
                         "fma",       "cx16",      "xtpr",    "pdcm",    [17] = "pcid", "dca",
                         "sse4_1",    "sse4_2",    "x2apic",  "movbe",   "popcnt",      "tsc_deadline_timer",
                         "aes",       "xsave",     "osxsave", "avx",     "f16c",        "rdrand",
                         "hypervisor" } },
  [CPU_WORD_7_EBX] = { 7,
                       0,
                       CPUID_EBX,
                       { "fsgsbase",
                         "tsc_adjust",
                         "sgx",
                         "bmi1",
                         "hle",
                         "avx2",
                         "fdp_excptn_only",
                         "smep",
                         "bmi2",
                         "erms",
                         "invpcid",
                         "rtm",
                         "cqm",
                         "zero_fcs_fds",
                         "mpx",
                         "rdt_a",
                         "avx512f",
                         "avx512dq",
                         "rdseed",
                         "adx",
                         "smap",
                         "avx512ifma",
                         [23] = "clflushopt",
                         "clwb",
                         "intel_pt",
                         "avx512pf",
                         "avx512er",
                         "avx512cd",
                         "sha_ni",
                         "avx512bw",
                         "avx512vl" } },
  [CPU_WORD_7_ECX] = { 7,
                       0,
                       CPUID_ECX,
                       { "prefetchwt1",
                         "avx512vbmi",
                         "umip",
                         "pku",
                         "ospke",
                         "waitpkg",
                         "avx512_vbmi2",
                         "shstk",
                         "gfni",
                         "vaes",
                         "vpclmulqdq",
                         "avx512_vnni",
                         "avx512_bitalg",
                         "tme",
                         "avx512_vpopcntdq",
                         [16] = "la57",
                         [22] = "rdpid",
                         "kl",
                         "bus_lock_detect",
                         "cldemote",
                         [27] = "movdiri",
                         "movdir64b",
                         "enqcmd",
                         "sgx_lc",
                         "pks" } },
  [CPU_WORD_7_EDX] = { 7,
                       0,
                       CPUID_EDX,
                       { [2] = "avx512_4vnniw",
                         "avx512_4fmaps",
                         "fsrm",
                         "uintr",
                         [8] = "avx512_vp2intersect",
                         "srbds_ctrl",
                         "md_clear",
                         "rtm_always_abort",
                         [13] = "tsx_force_abort",
                         "serialize",
                         "hybrid",
                         "tsxldtrk",
                         [18] = "pconfig",
                         "arch_lbr",
                         "ibt",
                         [22] = "amx_bf16",
                         "avx512_fp16",
                         "amx_tile",
                         "amx_int8",
                         "spec_ctrl",
                         "intel_stibp",
                         "flush_l1d",
                         "arch_capabilities",
                         "core_capabilities",
                         "ssbd" } },
  [CPU_WORD_7_1_EAX] = { 7,
                         1,
                         CPUID_EAX,
                         { [4] = "avx_vnni",
                           "avx512_bf16",
                           [10] = "fzrm",
                           "fsrs",
                           "fsrc",
                           [21] = "amx_fp16",
                           [23] = "avx_ifma" } },
  [CPU_WORD_D_1_EAX] = { 0xd, 1, CPUID_EAX, { "xsaveopt", "xsavec", "xgetbv1", "xsaves", "xfd" } },
  [CPU_WORD_80000001_EDX] = { 0x80000001,
                              0,
                              CPUID_EDX,
                              { [11] = "syscall",
                                [20] = "nx",
                                [22] = "mmxext",
                                [25] = "fxsr_opt",
                                "pdpe1gb",
                                "rdtscp",
                                [29] = "lm",
                                "3dnowext",
                                "3dnow" } },
  [CPU_WORD_80000001_ECX] = { 0x80000001, 0, CPUID_ECX, { "lahf_lm",     "cmp_legacy",   "svm",
                                                          "extapic",     "cr8_legacy",   "abm",
                                                          "sse4a",       "misalignsse",  "3dnowprefetch",
                                                          "osvw",        "ibs",          "xop",
                                                          "skinit",      "wdt",          [15] = "lwp",
                                                          "fma4",        "tce",          [19] = "nodeid_msr",
                                                          [21] = "tbm",  "topoext",      "perfctr_core",
                                                          "perfctr_nb",  [26] = "bpext", "ptsc",
                                                          "perfctr_llc", "mwaitx" } },
  [CPU_WORD_80000007_EDX] = { 0x80000007, 0, CPUID_EDX, { [8] = "invtsc" } },
  [CPU_WORD_80000008_EBX] = { 0x80000008,
                              0,
                              CPUID_EBX,
                              { "clzero", "irperf",
                                "xsaveerptr", [4] = "rdpru", [9] = "wbnoinvd", [12] = "ibpb", [14] = "ibrs",
                                "stibp", "ibrs_always_on", "stibp_always_on", [24] = "amd_ssbd", "virt_ssbd",
                                "amd_ssb_no", [28] = "amd_psfd" } },
  [CPU_WORD_80000021_EAX] = { 0x80000021,
                              0,
                              CPUID_EAX,
                              { "no_nested_data_bp", [2] = "lfence_rdtsc", [6] = "null_sel_clr_base",
                                [8] = "autoibrs", [27] = "sbpb", "ibpb_brtype", "srso_no" } },
};

static bool
find_name (const char *name, unsigned *word, unsigned *bit)
{
  for (*word = 0; *word < N_CPU_WORDS; ++*word)
    {
      for (*bit = 0; *bit < 32; ++*bit)
        {
          if (g_strcmp0 (words[*word].names[*bit], name) == 0)
            return true;
        }
    }
  return false;
}

bool
cpu_features_add (CpuFeatures *features, const char *names)
{
  g_auto (GStrv) list = g_strsplit (names, " ", -1);
  bool all_known = true;

  for (unsigned i = 0; list[i]; i++)
    {
      unsigned word, bit;

      if (!*list[i])
        continue;
      if (find_name (list[i], &word, &bit))
        features->words[word] |= 1u << bit;
      else
        all_known = false;
    }
  return all_known;
}

bool
cpu_features_have (const CpuFeatures *features, const char *name)
{
  unsigned word, bit;

  return find_name (name, &word, &bit) && (features->words[word] & 1u << bit);
}

char *
cpu_features_names (const CpuFeatures *features)
{
  static const char *const registers[] = { "eax", "ebx", "ecx", "edx" };
  GString *text = g_string_new (NULL);

  for (unsigned i = 0; i < N_CPU_WORDS; i++)
    {
      for (unsigned bit = 0; bit < 32; bit++)
        {
          const Word *word = &words[i];

          if (!(features->words[i] & 1u << bit))
            continue;
          g_string_append (text, text->len ? " " : "");
          if (word->names[bit])
            g_string_append (text, word->names[bit]);
          else
            g_string_append_printf (text, "0x%x.%u:%s.%u", word->function, word->index, registers[word->reg],
                                    bit);
        }
    }
  return g_string_free (text, FALSE);
}

CpuFeatures
cpu_features_without (const CpuFeatures *features, const CpuFeatures *others)
{
  CpuFeatures left;

  for (unsigned i = 0; i < N_CPU_WORDS; i++)
    left.words[i] = features->words[i] & ~others->words[i];
  return left;
}

bool
cpu_features_empty (const CpuFeatures *features)
{
  for (unsigned i = 0; i < N_CPU_WORDS; i++)
    {
      if (features->words[i])
        return false;
    }
  return true;
}

CpuFeatures
cpu_features_of (const struct kvm_cpuid2 *cpuid)
{
  CpuFeatures features = { 0 };

  for (unsigned i = 0; i < N_CPU_WORDS; i++)
    {
      const struct kvm_cpuid_entry2 *entry = cpuid_find (cpuid, words[i].function, words[i].index);

      if (entry)
        features.words[i] = *cpuid_register ((struct kvm_cpuid_entry2 *)entry, words[i].reg);
    }
  return features;
}

void
cpu_features_store (const CpuFeatures *features, struct kvm_cpuid2 *cpuid)
{
  for (unsigned i = 0; i < N_CPU_WORDS; i++)
    {
      struct kvm_cpuid_entry2 *entry = cpuid_find_mutable (cpuid, words[i].function, words[i].index);

      if (entry)
        *cpuid_register (entry, words[i].reg) = features->words[i];
    }
}

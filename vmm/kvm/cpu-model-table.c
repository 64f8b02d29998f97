/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/kvm/cpu-model.h"

/*
 * Sources: x86-64 psABI 1.0, section 3.1.1 "Processor Architecture", table 3.1; Intel SDM vol. 1, chapter 5
 * and vol. 2A, CPUID; Intel Architecture Instruction Set Extensions Programming Reference, table 1-1; AMD
 * BKDG and PPR of each family, CPUID registers. Family and model: Intel SDM vol. 4, table 2-1; AMD Revision
 * Guides.
 */
#define INTEL "GenuineIntel"
#define AMD   "AuthenticAMD"

/* What every 64-bit operating system takes for granted, beside the psABI's first level. VME is not among it:
 * some Ryzens have it broken. */
#define V1                                                                                                   \
  "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 "           \
  "syscall nx lm"
#define V2 "pni ssse3 sse4_1 sse4_2 popcnt cx16 lahf_lm"
#define V3 "avx avx2 bmi1 bmi2 f16c fma abm movbe xsave"
#define V4 "avx512f avx512bw avx512cd avx512dq avx512vl"

const CpuModel cpu_models[] = {
  /* As old as the first processors with nested paging, which is what makes hosts. */
  { "x86-64-v1", "the first 64-bit processors' instructions", NULL, NULL, V1, 6, 26, 3 },
  { "x86-64-v2", "instructions of processors since 2009", NULL, "x86-64-v1", V2, 6, 26, 3 },
  { "x86-64-v3", "instructions of most processors since 2013", NULL, "x86-64-v2", V3, 6, 60, 3 },
  { "x86-64-v4", "x86-64-v3 with AVX-512", NULL, "x86-64-v3", V4, 6, 85, 4 },

  /* What all hosts of a maker have: since Nehalem (2008), since Bulldozer (2011). */
  { CPU_MODEL_BASELINE, "what every Intel host has, for machines that move", INTEL, "x86-64-v2", "rdtscp", 6,
    26, 3 },
  { CPU_MODEL_BASELINE, "what every AMD host has, for machines that move", AMD, "x86-64-v2",
    "mmxext rdtscp pdpe1gb cr8_legacy abm sse4a aes pclmulqdq avx xsave", 21, 1, 2 },
  { CPU_MODEL_BASELINE, "what every host has, for machines that move", NULL, "x86-64-v2", "", 6, 26, 3 },

  { "Nehalem", "Intel Core i7, Xeon 5500 (2008)", INTEL, "x86-64-v2", "rdtscp", 6, 26, 3 },
  { "Westmere", "Intel Core i5, Xeon 5600 (2010)", INTEL, "Nehalem", "aes pclmulqdq pcid", 6, 44, 1 },
  { "SandyBridge", "Intel Core 2nd generation, Xeon E5 (2011)", INTEL, "Westmere", "avx xsave xsaveopt", 6,
    42, 7 },
  { "IvyBridge", "Intel Core 3rd generation, Xeon E5 v2 (2012)", INTEL, "SandyBridge",
    "f16c rdrand fsgsbase smep erms", 6, 58, 9 },
  { "Haswell", "Intel Core 4th generation, Xeon E5 v3 (2013)", INTEL, "IvyBridge",
    "avx2 bmi1 bmi2 fma movbe abm invpcid pdpe1gb tsc_adjust", 6, 60, 3 },
  { "Broadwell", "Intel Core 5th generation, Xeon E5 v4 (2014)", INTEL, "Haswell",
    "adx rdseed smap 3dnowprefetch", 6, 61, 4 },
  { "Skylake-Client", "Intel Core 6th to 10th generation (2015)", INTEL, "Broadwell",
    "clflushopt xsavec xgetbv1 xsaves", 6, 94, 3 },
  { "Skylake-Server", "Intel Xeon Scalable (2017)", INTEL, "Skylake-Client", V4 " clwb pku", 6, 85, 4 },
  { "Cascadelake", "Intel Xeon Scalable 2nd generation (2019)", INTEL, "Skylake-Server", "avx512_vnni", 6, 85,
    7 },
  { "Icelake-Server", "Intel Xeon Scalable 3rd generation (2021)", INTEL, "Cascadelake",
    "avx512ifma avx512vbmi avx512_vbmi2 avx512_bitalg avx512_vpopcntdq vaes vpclmulqdq gfni sha_ni umip "
    "rdpid fsrm "
    "wbnoinvd la57",
    6, 106, 6 },
  { "SapphireRapids", "Intel Xeon Scalable 4th generation, without AMX (2023)", INTEL, "Icelake-Server",
    "avx_vnni avx512_bf16 avx512_fp16 serialize cldemote movdiri movdir64b", 6, 143, 8 },
  { "AlderLake", "Intel Core 12th to 14th generation (2021)", INTEL, "Skylake-Client",
    "clwb pku umip rdpid fsrm sha_ni gfni vaes vpclmulqdq avx_vnni serialize movdiri movdir64b", 6, 151, 2 },

  { "Opteron_G3", "AMD Opteron and Phenom, family 10h (2007)", AMD, "x86-64-v1",
    "pni cx16 popcnt lahf_lm mmxext fxsr_opt pdpe1gb rdtscp cr8_legacy abm sse4a misalignsse 3dnowprefetch",
    16, 2, 3 },
  { "Opteron_G4", "AMD Bulldozer, family 15h (2011)", AMD, "Opteron_G3",
    "ssse3 sse4_1 sse4_2 aes pclmulqdq avx xsave", 21, 1, 2 },
  { "Opteron_G5", "AMD Piledriver (2012)", AMD, "Opteron_G4", "f16c fma bmi1", 21, 2, 0 },
  { "EPYC", "AMD EPYC 7001, Ryzen 1000 and 2000 (2017)", AMD, "Opteron_G5",
    "avx2 bmi2 movbe fsgsbase smep smap rdrand rdseed adx sha_ni clflushopt clzero xsaveerptr xsaveopt "
    "xsavec xgetbv1 xsaves",
    23, 1, 2 },
  { "EPYC-Rome", "AMD EPYC 7002, Ryzen 3000 (2019)", AMD, "EPYC", "clwb umip rdpid wbnoinvd", 23, 49, 0 },
  { "EPYC-Milan", "AMD EPYC 7003, Ryzen 5000 (2020)", AMD, "EPYC-Rome",
    "erms fsrm invpcid pcid pku vaes vpclmulqdq", 25, 1, 1 },
  { "EPYC-Genoa", "AMD EPYC 9004, Ryzen 7000 (2022)", AMD, "EPYC-Milan",
    V4 " avx512ifma avx512vbmi avx512_vbmi2 avx512_vnni avx512_bitalg avx512_vpopcntdq avx512_bf16 gfni la57",
    25, 17, 1 },
  { NULL, NULL, NULL, NULL, NULL, 0, 0, 0 },
};
